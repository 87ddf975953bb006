from pathlib import Path

import pytest

from learning_pipeline.assets.instance import CONFIG, CONFIG_NAME, instance, prepare
from learning_pipeline.assets.lock import home_lock
from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.settings import load_settings


@pytest.mark.parametrize(
    "content", [b"\x00\xff", b"{{{", b"words", b"concurrency: 7", b"nonsense: 1", b"storage: 3", b"telemetry: [1]"]
)
def test_a_damaged_configuration_is_named(tmp_path: Path, content: bytes) -> None:
    settings = load_settings(tmp_path)
    path = prepare(settings) / CONFIG_NAME
    path.write_bytes(content)
    with pytest.raises(PipelineError, match="remove it and it is written anew") as failure, instance(settings):
        pass
    assert str(path) in str(failure.value)


def test_an_empty_configuration_is_written_anew(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    path = prepare(settings) / CONFIG_NAME
    path.write_bytes(b"")
    prepare(settings)
    assert path.read_text() == CONFIG


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_home_that_cannot_be_written_is_not_a_home_that_is_held() -> None:
    with pytest.raises(PipelineError, match="cannot write") as failure, home_lock(Path("/proc"), wait_seconds=1):
        pass
    assert not isinstance(failure.value, TransientError)
