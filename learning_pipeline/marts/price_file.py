"""The user's own price file, which is asked before the public prices.

TOML, one `[[price]]` table per model and date:

    [[price]]
    model = "claude-opus-4-5*"          # an id as in the logs, in any case; * stands for anything
    from_day = 2026-01-01               # first UTC day on which it holds; without it, from the beginning
    input_usd_per_mtok = 5              # USD per million tokens
    output_usd_per_mtok = 25
    cache_read_usd_per_mtok = 0.5       # optional: these are billed as input when left out
    cache_write_5m_usd_per_mtok = 6.25  # optional
    cache_write_1h_usd_per_mtok = 10    # optional; as five-minute writes when left out
    web_search_usd_per_k = 10           # optional: USD per thousand web searches

or CSV with these names in its first line. Of several prices that fit, an id without `*` goes before a pattern,
then the latest `from_day`, then the longest pattern.
"""

import csv
import fnmatch
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from learning_pipeline.errors import PipelineError

_REQUIRED = ("input_usd_per_mtok", "output_usd_per_mtok")
_OPTIONAL = (
    "cache_read_usd_per_mtok",
    "cache_write_5m_usd_per_mtok",
    "cache_write_1h_usd_per_mtok",
    "web_search_usd_per_k",
)
_NAMES = {"model", "from_day", *_REQUIRED, *_OPTIONAL}


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """One price of the file: USD per million tokens, and per thousand web searches."""

    model: str
    from_day: date
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    web_search: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceFile:
    """The prices of a file, best match first, and a version that changes with its content."""

    prices: tuple[OwnPrice, ...] = ()
    version: str = ""

    def find(self, model: str, day: date) -> OwnPrice | None:
        """Return the price of a model on a day, or None."""
        name = model.lower()
        return next(
            (price for price in self.prices if price.from_day <= day and fnmatch.fnmatchcase(name, price.model)), None
        )


def load_price_file(path: Path) -> PriceFile:
    """Read a price file.

    Raises:
        PipelineError: it cannot be read, or a price in it is incomplete; the message says which.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PipelineError(f"cannot read the price file {path}: {error.strerror}") from error
    try:
        text = data.decode("utf-8")
        rows: Sequence[Mapping[str, Any]]
        if path.suffix.lower() == ".csv":
            rows = list(csv.DictReader(text.splitlines()))
        else:
            rows = tomllib.loads(text, parse_float=Decimal).get("price", [])
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
        raise PipelineError(f"the price file {path} is neither TOML nor CSV as documented: {error}") from error
    prices = [_price(path, number, row) for number, row in enumerate(rows, 1)]
    prices.sort(key=lambda p: ("*" in p.model, -p.from_day.toordinal(), -len(p.model), p.model))
    return PriceFile(tuple(prices), f"{path.name}@{hashlib.blake2b(data, digest_size=4).hexdigest()}")


def _price(path: Path, number: int, row: Mapping[str, Any]) -> OwnPrice:
    where = f"price {number} of {path}"
    given = {name: value for name, value in row.items() if name is not None and value not in (None, "")}
    unknown = sorted(given.keys() - _NAMES)
    if unknown:
        raise PipelineError(f"{where} has an unknown name {unknown[0]!r}; known are {', '.join(sorted(_NAMES))}")
    missing = [name for name in ("model", *_REQUIRED) if name not in given]
    if missing:
        raise PipelineError(f"{where} lacks {missing[0]}")
    return OwnPrice(
        str(given["model"]).strip().lower(),
        _day(where, given.get("from_day")),
        *(_amount(where, name, given[name]) for name in _REQUIRED),
        *(_amount(where, name, given[name]) if name in given else None for name in _OPTIONAL),
    )


def _amount(where: str, name: str, value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise PipelineError(f"{where}: {name} is {value!r}, not a number") from error
    if not amount.is_finite() or amount < 0:
        raise PipelineError(f"{where}: {name} is {value!r}, not an amount from 0 up")
    return amount


def _day(where: str, value: object) -> date:
    if value is None:
        return date.min
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise PipelineError(f"{where}: from_day is {value!r}, not a date such as 2026-01-31") from error
