from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from genai_prices import Usage, calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts.price_file import load_price_file
from learning_pipeline.marts.prices import PriceBook
from learning_pipeline_tests.factories import events

TOML = """
[[price]]
model = "house-*"
input_usd_per_mtok = 1
output_usd_per_mtok = 2.5

[[price]]
model = "house-model"
from_day = 2026-03-02
input_usd_per_mtok = 0.1
output_usd_per_mtok = 0.3
cache_write_5m_usd_per_mtok = 0.125
"""


def cost(book: PriceBook, **call: Any) -> tuple[Decimal | None, str | None]:
    row = {"call_id": "c", "input_tokens": 0, "output_tokens": 0, "provider": None} | call
    costed = book.add_costs(events("llm_calls", [row]).lazy()).collect()
    return costed["cost_usd"][0], costed["price_version"][0]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(
        ["claude-opus-4-5-20251101", "claude-sonnet-4-20250514", "gpt-5", "gemini-2.5-pro", "deepseek-chat"]
    ),
    st.sampled_from([None, "standard", "batch"]),
    st.integers(0, 60 * 24 * 600),
    *[st.integers(0, 400_000)] * 5,
    st.integers(0, 3),
)
def test_cost_is_what_the_price_list_computes_call_by_call(
    model: str, tier: str | None, minute: int, plain: int, read: int, short: int, long: int, out: int, searches: int
) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    usage = Usage(
        input_tokens=plain + read + short + long,
        cache_read_tokens=read,
        cache_write_tokens=short + long,
        cache_write_1h_tokens=long,
        output_tokens=out,
        web_searches=searches,
    )
    context = {"processing": "batch"} if tier == "batch" else None
    expected = calc_price(usage, model, genai_request_timestamp=at, price_context=context).total_price
    got, _ = cost(
        PriceBook(),
        model=model,
        started_at=at,
        service_tier=tier,
        input_tokens=plain,
        cache_read_tokens=read,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        output_tokens=out,
        web_searches=searches,
    )
    assert got == expected


def test_five_minute_and_one_hour_cache_writes_are_told_apart() -> None:
    book, model = PriceBook(), "claude-opus-4-5-20251101"
    assert cost(book, model=model, cache_write_5m_tokens=1_000_000)[0] == Decimal("6.25")
    assert cost(book, model=model, cache_write_1h_tokens=1_000_000)[0] == Decimal("10")


def test_a_price_holds_from_its_day_on(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TOML)
    book = PriceBook(load_price_file(tmp_path / "prices.toml"))
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    before, _ = cost(book, model="House-Model", input_tokens=1000, started_at=midnight - timedelta(microseconds=1))
    after, version = cost(book, model="House-Model", input_tokens=1000, started_at=midnight)
    assert (before, after) == (Decimal("0.001"), Decimal("0.0001"))
    assert version is not None and version.startswith("prices.toml@")
    # What has no price of its own is billed as what it is a part of.
    assert cost(book, model="house-model", cache_write_1h_tokens=8, started_at=midnight)[0] == Decimal("0.000001")
    assert cost(book, model="house-model", cache_read_tokens=10, started_at=midnight)[0] == Decimal("0.000001")


def test_the_own_file_goes_before_the_public_list_in_csv_too(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("model,from_day,input_usd_per_mtok,output_usd_per_mtok\ngpt-5,,7,8\n")
    price = PriceBook(load_price_file(path)).on_day("gpt-5", None, date(2026, 1, 1))
    assert price is not None and price.tiers[0].input == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[price]]\nmodel='m'\ninput_usd_per_mtok=1", "lacks output_usd_per_mtok"),
        ("[[price]]\nmodel='m'\ninput_usd_per_mtok=-1\noutput_usd_per_mtok=1", "not an amount"),
        ("[[price]]\nmodel='m'\ninput=1", "unknown name 'input'"),
        ("[[price]", "neither TOML nor CSV"),
    ],
)
def test_a_broken_price_file_is_explained(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(PipelineError, match=words):
        load_price_file(tmp_path / "p.toml")


def test_unknown_is_never_free() -> None:
    book = PriceBook()
    assert cost(book, model="no-such-model", input_tokens=5) == (None, None)
    assert cost(book, model=None, input_tokens=5) == (None, None)
    assert cost(book, model="gpt-5", input_tokens=None) == (None, None)
    assert cost(book, model="gpt-5", provider="a-proxy-nobody-knows", input_tokens=5) == (None, None)


def test_no_rounding_error_adds_up() -> None:
    rows = [{"call_id": f"{n}", "input_tokens": 1, "output_tokens": 0} for n in range(100_000)]
    costed = PriceBook().add_costs(events("llm_calls", rows).lazy()).collect()
    assert costed["cost_usd"].sum() == Decimal("0.3")  # 100,000 tokens at 3 USD a million
    assert costed.schema["cost_usd"] == pl.Decimal(38, 12)
