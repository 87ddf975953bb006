"""Rows that tell of other days are kept by day, and picked again only where a partition changed."""

from datetime import date
from pathlib import Path

import polars as pl

from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.staging import Staging

DAYS = [date(2026, 1, day) for day in (1, 2, 3)]


class Counted:
    """A lake of one stream that notes which days are read."""

    def __init__(self) -> None:
        self.rows = {day: [0, 1, day.day] for day in DAYS}
        self.asked: list[date] = []

    def read(self, stream: str, days: list[date]) -> pl.LazyFrame:
        assert stream == "executions"
        self.asked += days
        found = [{"day": day, "n": n} for day in days for n in self.rows[day]]
        return pl.LazyFrame(found, schema={"day": pl.Date, "n": pl.Int64})

    def picked(self, staging: Staging, version: str = "one", *, stages: bool = True) -> list[tuple[date, int]]:
        self.asked.clear()
        digests = {"executions": {day: str(rows) for day, rows in self.rows.items()}}
        extracts = Extracts(staging, digests, self.read, version)
        if stages:
            extracts.stage("_large", "executions", _large)
        return extracts.of("_large", "executions", _large).rows()


def _large(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(pl.col("n") > 1)


def test_only_partitions_that_changed_are_read_again(tmp_path: Path) -> None:
    lake = Counted()
    with Staging(tmp_path) as staging:
        assert lake.picked(staging) == [(DAYS[1], 2), (DAYS[2], 3)]
        assert lake.asked == DAYS
    lake.rows[DAYS[0]] = [5]
    with Staging(tmp_path) as staging:
        assert lake.picked(staging) == [(DAYS[0], 5), (DAYS[1], 2), (DAYS[2], 3)]
        assert lake.asked == [DAYS[0]]
        lake.picked(staging)
        assert lake.asked == []


def test_what_is_gone_from_the_lake_is_not_told_any_more(tmp_path: Path) -> None:
    lake = Counted()
    with Staging(tmp_path) as staging:
        lake.picked(staging)
        del lake.rows[DAYS[1]]
        assert lake.picked(staging) == [(DAYS[2], 3)]
        lake.rows.clear()
        assert lake.picked(staging) == []


def test_another_way_of_picking_reads_everything_again(tmp_path: Path) -> None:
    lake = Counted()
    with Staging(tmp_path) as staging:
        lake.picked(staging)
        lake.picked(staging, version="two")
        assert lake.asked == DAYS


def test_a_look_sees_the_same_and_stages_nothing(tmp_path: Path) -> None:
    lake = Counted()
    with Staging(tmp_path) as staging:
        assert lake.picked(staging, stages=False) == [(DAYS[1], 2), (DAYS[2], 3)]
        assert not staging.parts("_large")
        lake.picked(staging)
        before = staging.parts("_large")
        lake.rows[DAYS[0]], lake.rows[DAYS[1]] = [5], [6]
        del lake.rows[DAYS[2]]
        assert lake.picked(staging, stages=False) == [(DAYS[0], 5), (DAYS[1], 6)]
        assert staging.parts("_large") == before
