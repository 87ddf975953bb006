"""How records are cut into spans of days before they are merged."""

from datetime import date, timedelta

import polars as pl
import pytest

from learning_pipeline.lake.records import pieces


@pytest.mark.parametrize(("share", "spans"), [(1.1, 1), (0.81, 1), (0.7, 2), (0.34, 3)])
def test_what_is_little_more_than_a_span_is_not_cut(share: float, spans: int) -> None:
    days = [date(2026, 3, 1) + timedelta(days=number) for number in range(30) for _ in range(10)]
    records = {"call": pl.DataFrame({"day": days, "text": ["words"] * len(days)})}
    most = int(records["call"].estimated_size() * share)
    found = list(pieces(records, {}, most))
    assert len(found) == spans
    assert pl.concat([part["call"] for part in found]).equals(records["call"])
