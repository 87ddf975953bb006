"""What model calls cost, at the prices of their own date.

The user's price file is asked first (see `price_file`), then genai-prices, whose data is in its wheel; nothing
is fetched. Prices are found once per model and half hour (some providers have off-peak prices that begin on a
half hour), then applied to all calls at once, in whole 10^-12 USD: no rounding error adds up.

What the price lists leave open is settled as genai-prices does: a kind of token without a price of its own is
billed as what it is a part of (a cache read as input, a one-hour cache write as a cache write, reasoning as
output), and above a tier's threshold of input tokens, cached ones included, the whole call is billed at that
tier's rates. The one exception: a Claude model without a one-hour rate is billed at twice its input rate for
one-hour cache writes, as Anthropic documents for prompt caching.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_pipeline.marts.price_file import OwnPrice, PriceFile, load_price_file
from learning_pipeline.settings import Settings

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

_PICO = 10**12
_MTOK = 10**6
_K = 10**3
_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning", "web_search")
_ONE_HOUR_MULTIPLE = 2
_USD = pl.Decimal(38, 12)
_LOOKUP = ["model", "provider", "service_tier", "_slot"]


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens (per thousand web searches), for calls with more input tokens than `above`."""

    above: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    reasoning: Decimal
    web_search: Decimal

    def pico(self) -> dict[str, int]:
        """Return each rate in 10^-12 USD per token or search."""
        per = {name: _K if name == "web_search" else _MTOK for name in _RATES}
        return {name: int((getattr(self, name) * _PICO / per[name]).to_integral_value()) for name in _RATES}


@dataclass(frozen=True)
class Price:
    """The rates of one model at one time, tier by tier, and the version of the list that they are from."""

    tiers: tuple[Rates, ...]
    version: str


class PriceBook:
    """All prices that are known."""

    def __init__(self, own: PriceFile | None = None) -> None:
        self._own = own or PriceFile()
        self._models: dict[tuple[str, str | None], ModelInfo | None] = {}
        self._found: dict[tuple[str, str | None, str | None, date | datetime], Price | None] = {}

    @classmethod
    def of(cls, settings: Settings) -> "PriceBook":
        """Return the prices that the settings name. Raises PipelineError when the own price file is broken."""
        return cls(load_price_file(settings.price_file) if settings.price_file else None)

    @cached_property
    def fingerprint(self) -> str:
        """What changes when any price may have changed."""
        return f"{public_version()} {self._own.version}"

    def find(
        self, model: str | None, provider: str | None, at: datetime, service_tier: str | None = None
    ) -> Price | None:
        """Return the price of a model at a time, or None where no list has it."""
        if not model:
            return None
        at = at.astimezone(UTC)
        own = self._own.find(model, at.date())
        if own is not None:
            return Price((_own_rates(own),), self._own.version)
        if (model, provider) not in self._models:
            self._models[model, provider] = _public_model(model, provider)
        info = self._models[model, provider]
        if info is None:
            return None
        key = (model, provider, service_tier, at if _changes_within_a_day(info) else at.date())
        if key not in self._found:
            self._found[key] = _public_price(info, at, service_tier)
        return self._found[key]

    def on_day(self, model: str, provider: str | None, day: date) -> Price | None:
        """Return the price of a model at noon of a day."""
        return self.find(model, provider, datetime.combine(day, time(12), UTC))

    def add_costs(self, calls: pl.LazyFrame) -> pl.LazyFrame:
        """Add `cost_usd` and `price_version` to model calls.

        Both are null where the model has no price, or the log does not say how many tokens went in and came out.
        """
        input_side = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
        slot = pl.col("started_at").dt.truncate("30m")
        return self._costed(calls.with_columns(_slot=slot, _size=pl.sum_horizontal(input_side)))

    def add_own_costs(self, executions: pl.LazyFrame) -> pl.LazyFrame:
        """Add `cost_usd` and `price_version` to executions, from their own tokens at the price of noon of their day.

        How the tokens were parted between calls is not known. So all cache writes count as those for five minutes,
        no call counts as longer than the first tier, and none as of a batch.
        """
        noon = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(hours=12)
        nothing = pl.lit(0, pl.Int64)
        return self._costed(
            executions.with_columns(
                _slot=noon,
                _size=nothing,
                service_tier=pl.lit(None, pl.String),
                cache_write_5m_tokens="cache_write_tokens",
                cache_write_1h_tokens=nothing,
                web_searches=nothing,
            )
        ).drop("service_tier", "cache_write_5m_tokens", "cache_write_1h_tokens", "web_searches")

    def _costed(self, used: pl.LazyFrame) -> pl.LazyFrame:
        """Add the cost of each row, at the prices of its `_slot` for calls with `_size` tokens of input."""
        keys = used.select(_LOOKUP).unique().sort(_LOOKUP).collect()
        table, rates = self._tables(keys.iter_rows())
        return (
            used.join(table.lazy(), on=_LOOKUP, how="left", nulls_equal=True)
            .sort("_size")
            .join_asof(
                rates.lazy().sort("_from"), left_on="_size", right_on="_from", by="_price", check_sortedness=False
            )
            .with_columns(_pico=_pico_cost())
            .with_columns(
                cost_usd=pl.col("_pico").cast(_USD) * pl.lit(Decimal(1) / _PICO, dtype=_USD),
                price_version=pl.when(pl.col("_pico").is_not_null()).then("_version"),
            )
            .drop("_slot", "_price", "_version", "_size", "_from", "_pico", *(f"_{name}" for name in _RATES))
        )

    def _tables(self, keys: Iterable[tuple[Any, ...]]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return which price each key has, and each price's rates in 10^-12 USD from a size of input on."""
        numbers: dict[Price, int] = {}
        found = []
        for model, provider, service_tier, slot in keys:
            price = self.find(model, provider, slot, service_tier)
            if price is not None:
                found.append(
                    (model, provider, service_tier, slot, numbers.setdefault(price, len(numbers)), price.version)
                )
        key_schema: dict[str, Any] = {
            "model": pl.String,
            "provider": pl.String,
            "service_tier": pl.String,
            "_slot": pl.Datetime("us", "UTC"),
            "_price": pl.Int32,
            "_version": pl.String,
        }
        rows = [
            {"_price": number, "_from": rates.above + 1 if rates.above else 0}
            | {f"_{name}": value for name, value in rates.pico().items()}
            for price, number in numbers.items()
            for rates in price.tiers
        ]
        rate_schema: dict[str, Any] = {"_price": pl.Int32, "_from": pl.Int64} | {
            f"_{name}": pl.Int64 for name in _RATES
        }
        return pl.DataFrame(found, schema=key_schema, orient="row"), pl.DataFrame(rows, schema=rate_schema)


def _pico_cost() -> pl.Expr:
    """Return the cost of a call in 10^-12 USD. What is not said of caches, reasoning and searches was not used."""

    def used(column: str) -> pl.Expr:
        return pl.col(column).fill_null(0)

    # Reasoning is a part of the output; a log that counts it beside the output cannot make the rest negative.
    reasoning = pl.min_horizontal(used("reasoning_tokens"), pl.col("output_tokens"))
    return (
        pl.col("input_tokens") * pl.col("_input")
        + (pl.col("output_tokens") - reasoning) * pl.col("_output")
        + reasoning * pl.col("_reasoning")
        + used("cache_read_tokens") * pl.col("_cache_read")
        + used("cache_write_5m_tokens") * pl.col("_cache_write_5m")
        + used("cache_write_1h_tokens") * pl.col("_cache_write_1h")
        + used("web_searches") * pl.col("_web_search")
    )


def _own_rates(price: OwnPrice) -> Rates:
    def first(*values: Decimal | None) -> Decimal:
        return next(value for value in values if value is not None)

    return Rates(
        above=0,
        input=price.input,
        output=price.output,
        cache_read=first(price.cache_read, price.input),
        cache_write_5m=first(price.cache_write_5m, price.input),
        cache_write_1h=first(price.cache_write_1h, price.cache_write_5m, price.input),
        reasoning=price.output,
        web_search=first(price.web_search, Decimal(0)),
    )


@cache
def public_version() -> str:
    """Return the name and version of the public price list, without loading it."""
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


def _public_model(model: str, provider: str | None) -> "ModelInfo | None":
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _changes_within_a_day(info: "ModelInfo") -> bool:
    prices = info.prices if isinstance(info.prices, list) else []
    return any(hasattr(price.constraint, "start_time") for price in (*prices, *(info.price_variants or ())))


def _public_price(info: "ModelInfo", at: datetime, service_tier: str | None) -> Price | None:
    # Of the service tiers that logs name, only batch has prices of its own in the list.
    prices = info.get_prices(at, {"processing": "batch"} if service_tier == "batch" else None)
    tiers = _public_rates(prices, one_hour_multiple="claude" in info.id)
    return Price(tiers, public_version()) if tiers else None


def _public_rates(prices: "ModelPrice", *, one_hour_multiple: bool) -> tuple[Rates, ...]:
    """Return the rates of a public price by tier, or nothing where it has no price for input and output."""
    given = {key: value for key, value in prices.__dict__.items() if value is not None}
    if "input_mtok" not in given or "output_mtok" not in given:
        return ()
    starts = sorted({0} | {tier.start for value in given.values() for tier in getattr(value, "tiers", ())})

    def at(key: str, start: int) -> Decimal | None:
        value = given.get(key)
        tiers = getattr(value, "tiers", None)
        if tiers is None:
            return value
        passed = [tier.price for tier in tiers if tier.start <= start] if start else []
        return passed[-1] if passed else value.base  # type: ignore[union-attr]

    def first(start: int, *keys: str) -> Decimal:
        return next((rate for rate in (at(key, start) for key in keys) if rate is not None), Decimal(0))

    tiers = []
    for start in starts:
        rate = first(start, "input_mtok")
        one_hour = at("cache_write_1h_mtok", start)
        if one_hour is None:
            one_hour = (
                rate * _ONE_HOUR_MULTIPLE if one_hour_multiple else first(start, "cache_write_mtok", "input_mtok")
            )
        tiers.append(
            Rates(
                above=start,
                input=rate,
                output=first(start, "output_mtok"),
                cache_read=first(start, "cache_read_mtok", "input_mtok"),
                cache_write_5m=first(start, "cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
                cache_write_1h=one_hour,
                reasoning=first(start, "output_reasoning_mtok", "output_mtok"),
                web_search=first(start, "web_searches_kcount"),
            )
        )
    return tuple(tiers)
