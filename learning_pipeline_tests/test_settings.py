"""Settings: where they come from, and the one line that a wrong one gives."""

import json
from pathlib import Path

import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.settings import CONFIG_NAME, load_settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "SCHEDULE_CRON", "SOURCES", "RETENTION_DAYS", "PRICE_FILE"):
        monkeypatch.delenv(f"LEARNING_PIPELINE_{name}", raising=False)


def wrong(home: Path, text: str) -> str:
    (home / CONFIG_NAME).write_text(text)
    with pytest.raises(UsageError) as failure:
        load_settings(home)
    return str(failure.value)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    assert "no such setting: sorces" in wrong(tmp_path, "sorces = []")


def test_the_home_cannot_be_set_in_its_own_file(tmp_path: Path) -> None:
    assert "--home" in wrong(tmp_path, 'home = "/elsewhere"')


def test_an_unknown_key_of_a_source_is_named(tmp_path: Path) -> None:
    text = '[[sources]]\nkind = "claude_code"\npath = "/x"\nhots = "a"\n'
    assert "no such setting: sources.0.hots" in wrong(tmp_path, text)


def test_a_wrong_value_of_the_file_names_the_file(tmp_path: Path) -> None:
    said = wrong(tmp_path, "retention_days = -1")
    assert "retention_days" in said
    assert CONFIG_NAME in said


def test_a_wrong_value_of_the_environment_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CONFIG_NAME).write_text("seed = 1")
    for name, value in (("LEARNING_PIPELINE_RETENTION_DAYS", "-1"), ("LEARNING_PIPELINE_SOURCES", "no JSON")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(UsageError, match=name) as failure:
                load_settings(tmp_path)
        assert CONFIG_NAME not in str(failure.value)


@pytest.mark.parametrize("content", [b"[", b"\xff\xfe", b"a = 1 b"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CONFIG_NAME).write_bytes(content)
    with pytest.raises(UsageError, match=CONFIG_NAME):
        load_settings(tmp_path)


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).mkdir()
    with pytest.raises(UsageError, match=CONFIG_NAME):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    "cron", ["0 2 * * *", "*/15 0-6,22 * jan-mar mon", "5 4 1,15 * 7", "0 0 1 1 SUN", "59 23 31 12 0-6/2"]
)
def test_cron_expressions_are_known(tmp_path: Path, cron: str) -> None:
    assert load_settings(tmp_path, schedule_cron=cron).schedule_cron == cron


@pytest.mark.parametrize(
    "cron", ["", "at night", "0 2 * *", "0 2 * * * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *"]
)
def test_other_texts_are_no_cron_expressions(tmp_path: Path, cron: str) -> None:
    with pytest.raises(UsageError, match="schedule_cron"):
        load_settings(tmp_path, schedule_cron=cron)
    assert "schedule_cron" in wrong(tmp_path, f"schedule_cron = {json.dumps(cron)}")


def test_a_price_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "prices.toml"
    assert str(missing) in wrong(tmp_path, f"price_file = {json.dumps(str(missing))}")
    missing.write_text("")
    assert load_settings(tmp_path).price_file == missing


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / CONFIG_NAME).write_text('[[sources]]\nkind = "claude_code"\npath = "~/logs"\n')
    assert load_settings(Path("~")).sources[0].path == tmp_path / "logs"


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_home_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LEARNING_PIPELINE_HOME", value)
    with pytest.raises(UsageError, match="LEARNING_PIPELINE_HOME is empty"):
        load_settings()


def test_a_scale_goes_from_the_least_to_the_most(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("[scales.feedback]\nrating = [1, 10]\n")
    assert load_settings(tmp_path).scales == {"feedback": {"rating": (1, 10)}}
    (tmp_path / CONFIG_NAME).write_text("[scales.feedback]\nrating = [10, 1]\n")
    with pytest.raises(UsageError, match=r"feedback\.rating has to be the least and the most"):
        load_settings(tmp_path)
