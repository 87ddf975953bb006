"""Sessions and workflows of several days: which days belong together.

Most are over on the day on which they began, so a new day changes nothing of another. One that goes on for days must be
seen whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, code_version, portions
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import TOOLS, Whole
from learning_pipeline.marts.staging import Part, digest_of
from learning_pipeline.marts.work import workflow

# What is seen on a day is staged as numbers, under names that are no tables of the database.
_NAMES = {"session": "_sessions", "workflow": "_workflows"}
_SEEN_IN = {"session": (EXECUTIONS, CALLS, TOOLS), "workflow": (EXECUTIONS,)}
_KEYS = {"session": pl.col("session_id"), "workflow": workflow()}
_SCHEMA = pl.Schema({"day": pl.Date(), "key": pl.UInt64()})


@dataclass(frozen=True, eq=False)
class Spread:
    """Sessions, or workflows, of several days. `lie` has key and `on`, the day on which each lies.

    reaches: by day, the other days of what lies on it.
    digests: by day, a digest of what is seen on it and on other days too.
    """

    lie: pl.DataFrame
    reaches: Mapping[date, frozenset[date]]
    digests: Mapping[date, str]

    def moved(self, frame: pl.LazyFrame, whole: Whole) -> pl.LazyFrame:
        """Return rows with the day on which their session, or workflow, lies."""
        keyed = frame.with_columns(key=key_of(whole)).join(self.lie.lazy(), on="key", how="left")
        return keyed.with_columns(day=pl.coalesce("on", "day")).drop("key", "on")


# What was found last, with the version of what is staged: tables that are built one by one share it.
_KNOWN: dict[Whole, tuple[str, Spread]] = {}


def key_of(whole: Whole) -> pl.Expr:
    """Return the number that stands for a row's session or workflow; null where it has none."""
    name = _KEYS[whole.what]
    return pl.when(name.is_not_null()).then(name.hash())


def seen(plan: Plan, whole: Whole) -> tuple[Mapping[date | None, Part], Spread]:
    """Stage what is seen on each day; return what is staged, and what of it is seen on several."""
    parts = _stage(plan, whole)
    version = digest_of(*((day, part.digest) for day, part in sorted(parts.items(), key=str)))
    if _KNOWN.get(whole, ("",))[0] != version:
        pairs = plan.staging.read(_NAMES[whole.what], _SCHEMA).collect()
        _KNOWN[whole] = (version, spread_of(pairs, whole.lies_on))
    return parts, _KNOWN[whole][1]


def spread_of(pairs: pl.DataFrame, lies_on: str) -> Spread:
    """Find what is seen on several days.

    Args:
        pairs: day and key, each pair once.
        lies_on: the `first` or the `last` of its days, or `each` of them.
    """
    dated = pl.col("day").filter(pl.col("day") != UNDATED)
    end = pl.col("day").max() if lies_on == "last" else pl.coalesce(dated.min(), pl.col("day").min())
    several = pairs.group_by("key").agg(on=end, n=pl.len()).filter(pl.col("n") > 1).select("key", "on").sort("key")
    on_days = pairs.join(several, on="key").sort("day", "key")
    digests = {day: content_digest(part) for (day,), part in on_days.group_by("day", maintain_order=True)}
    if lies_on == "each":
        on_days = on_days.drop("on").join(pairs.select("key", on="day"), on="key")
    others = on_days.filter(pl.col("day") != pl.col("on")).select("on", "day").unique().sort("on", "day")
    reaches = {on: frozenset(part["day"]) for (on,), part in others.group_by("on", maintain_order=True)}
    return Spread(several, reaches, digests)


def _stage(plan: Plan, whole: Whole) -> Mapping[date | None, Part]:
    staging, name = plan.staging, _NAMES[whole.what]
    inputs = {one: staging.parts(one) for one in _SEEN_IN[whole.what]}
    days = sorted({day for parts in inputs.values() for day in parts if day is not None})
    wanted = {
        day: digest_of(
            code_version(), _way(), *(parts[day].digest if day in parts else None for parts in inputs.values())
        )
        for day in days
    }
    known = staging.parts(name)
    for day in known.keys() - wanted.keys():
        staging.drop(name, day)
    todo = [day for day in days if day not in known or known[day].made_from != wanted[day]]
    for some in portions(todo, inputs):
        frames = [
            staging.read(one, polars_schema(TABLES[one].contract), some).select("day", key=key_of(whole))
            for one in inputs
        ]
        frame = pl.concat(frames).drop_nulls().unique().sort(_SCHEMA.names()).collect()
        staging.put_by_day(name, frame, {day: wanted[day] for day in some})
    return staging.parts(name)


def _way() -> str:
    """Return what a text's number is here: another version of Polars may number in another way."""
    return str(pl.Series(["a session"]).hash().item())
