from decimal import Decimal

import pytest

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.marts import query
from learning_pipeline.marts.build import build
from learning_pipeline.settings import Budget, Settings, load_settings
from learning_pipeline_tests.factories import fill_lake
from learning_pipeline_tests.marts.conftest import NOW
from learning_pipeline_tests.marts.test_recomputed import varied

# What has to be rejected, or to last for weeks, before there is a row.
MAY_BE_EMPTY = ("data_quality", "rejected", "anomalies", "drift", "forecast")


def test_every_question_of_the_book_runs(settings: Settings) -> None:
    settings = load_settings(settings.home, budgets=[Budget(name="all", limit_usd=Decimal(100))])
    fill_lake(settings.home, **varied())
    build(settings, now=NOW)
    book = query.queries()
    assert len(book) >= 10
    for name, description in book.items():
        assert description and not description.startswith("--"), name
        result = query.run(settings, name=name)
        assert len(result.columns) == len(result.types) > 1, name
        if name not in MAY_BE_EMPTY:
            assert result.rows, name


def test_every_question_runs_without_data(without_data: Settings) -> None:
    for name in query.queries():
        query.run(without_data, name=name)


def test_marts_that_are_not_there_are_explained(settings: Settings) -> None:
    with pytest.raises(PipelineError, match="refresh"):
        query.run(settings, sql="select 1")


@pytest.fixture(scope="module")
def without_data(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose marts have no rows."""
    settings = load_settings(tmp_path_factory.mktemp("home"))
    build(settings, now=NOW)
    return settings


@pytest.mark.parametrize(
    "sql",
    [
        "selec 1",
        "select nothing from fct_executions",
        "delete from fct_executions",
        "select * from read_csv('/etc/passwd')",
    ],
)
def test_bad_sql_is_one_clear_line_and_changes_nothing(without_data: Settings, sql: str) -> None:
    before = without_data.marts_path.read_bytes()
    with pytest.raises(PipelineError) as error:
        query.run(without_data, sql=sql)
    assert "\n" not in str(error.value)
    assert without_data.marts_path.read_bytes() == before


def test_no_name_and_no_sql_is_told_where_the_names_are(without_data: Settings) -> None:
    with pytest.raises(UsageError):
        query.run(without_data)


def test_marts_that_are_damaged_are_explained(settings: Settings) -> None:
    settings.home.mkdir()
    settings.marts_path.write_bytes(b"x\n")
    with pytest.raises(PipelineError, match="refresh` builds them again") as error:
        query.run(settings, sql="select 1")
    assert "\n" not in str(error.value)


def test_a_name_that_is_nearly_right_is_told_what_it_may_mean() -> None:
    with pytest.raises(UsageError, match=r"did you mean leaderboard\?"):
        query.text("leaderbord")
    with pytest.raises(UsageError, match="query --list") as told:
        query.text("zzz")
    assert "mean" not in str(told.value)
