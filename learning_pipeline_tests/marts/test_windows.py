"""A window reads all of its days, the oldest too."""

from datetime import timedelta

import duckdb
import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, fill_lake

DAYS = 200


@pytest.mark.slow
def test_the_window_before_is_as_long_as_the_last_one(settings: Settings) -> None:
    """Counts end the day before the newest, which may not be over: so both windows reach back a day further."""
    work = [
        {"execution_id": f"e{n}", "started_at": at, "ended_at": at, "duration_ms": 0}
        for n in range(DAYS)
        for at in [NOON + timedelta(days=n)]
    ]
    fill_lake(settings.home, executions=work)
    build(settings, now=NOON + timedelta(days=DAYS))
    with duckdb.connect(str(settings.marts_path), read_only=True) as marts:
        found = marts.execute(
            "select window_days, days, days_before, n, n_before from mart_trend "
            "where subject = '(all)' and metric = 'executions' order by 1"
        ).fetchall()
    assert found == [(days, days, days, days, days) for days in (7, 30, 90)]
