from pathlib import Path

from learning_pipeline.assets.inputs import default_specs
from learning_pipeline.hooks import spool_dir
from learning_pipeline.settings import SourceSpec, load_settings


def test_the_spool_of_the_hooks_is_read_beside_what_is_configured(tmp_path: Path) -> None:
    logs = SourceSpec(kind="claude_code", path=tmp_path / "logs")
    settings = load_settings(tmp_path, sources=[logs])
    assert default_specs(settings) == [logs]
    spool = spool_dir(tmp_path)
    spool.mkdir(parents=True)
    events = SourceSpec(kind="git_hooks", path=spool)
    assert default_specs(settings) == [logs, events]
    assert default_specs(load_settings(tmp_path, sources=[events])) == [events]
    assert default_specs(load_settings(tmp_path), checkout=tmp_path)[-1] == events
