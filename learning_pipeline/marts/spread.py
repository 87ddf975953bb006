"""Sessions, workflows and commits of several days: which days belong together.

Most are over on the day on which they began, so a new day changes nothing of another. One that goes on for days must be
seen whole.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.facts import last_call_day
from learning_pipeline.marts.guesses import GUESSED_SHARES
from learning_pipeline.marts.linked import CERTAIN_SHARES
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, code_version, portions
from learning_pipeline.marts.spec import GIT, TOOLS, Whole
from learning_pipeline.marts.staging import Part, Staging, digest_of
from learning_pipeline.marts.ties import of, way
from learning_pipeline.marts.work import workflow

# What is seen on a day is staged as numbers, under names that are no tables of the database.
_NAMES = {"session": "_sessions", "workflow": "_workflows", "commit": "_commits"}
_SEEN_IN = {
    "session": (EXECUTIONS, CALLS, TOOLS),
    "workflow": (EXECUTIONS,),
    "commit": (EXECUTIONS, CALLS, GIT, CERTAIN_SHARES, GUESSED_SHARES),
}
_KEYS = {"session": pl.col("session_id"), "workflow": workflow(), "commit": pl.col("commit")}
_SCHEMA = pl.Schema({"day": pl.Date(), "key": pl.UInt64()})


@dataclass(frozen=True, eq=False)
class Spread:
    """What is seen on several days. `lie` has key and `on`, the day on which each lies.

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


# Beyond this share of all days, counting everything is as fast.
_MOST_CHANGED = 0.5

# What was found last, with the version of what is staged: tables that are built one by one share it.
_KNOWN: dict[Whole, tuple[str, Spread]] = {}


def key_of(whole: Whole) -> pl.Expr:
    """Return the number that stands for a row's session, workflow or commit; null where it has none."""
    name = _KEYS[whole.what]
    return pl.when(name.is_not_null()).then(name.hash())


def seen(plan: Plan, whole: Whole) -> tuple[Mapping[date | None, Part], Spread]:
    """Stage what is seen on each day; return what is staged, and what of it is seen on several."""
    parts = _stage(plan, whole)
    made_from = json.dumps({str(day): part.digest for day, part in sorted(parts.items(), key=str)})
    if _KNOWN.get(whole, ("",))[0] != made_from:
        _KNOWN[whole] = (made_from, spread_of(on_several(plan.staging, _NAMES[whole.what], made_from), whole.lies_on))
    return parts, _KNOWN[whole][1]


def on_several(staging: Staging, name: str, made_from: str) -> pl.DataFrame:
    """Return day and key of what is seen on several days: only what is seen on days that changed is counted again."""
    state = f"{name}_on_several"
    known = staging.part(state, None)
    if known is not None and known.made_from == made_from:
        return staging.read(state, _SCHEMA).collect()
    now: dict[str, str] = json.loads(made_from)
    before: dict[str, str] = json.loads(known.made_from) if known is not None else {}
    changed = {date.fromisoformat(day) for day, _ in now.items() ^ before.items()}
    was = staging.read(state, _SCHEMA).collect()
    pairs = staging.read(name, _SCHEMA)
    if len(changed) <= _MOST_CHANGED * len(now):
        today = pairs.filter(pl.col("day").is_in(sorted(changed))).select("key").collect()
        asked = pl.concat([today["key"], was.filter(pl.col("day").is_in(sorted(changed)))["key"]]).unique()
        pairs = pairs.filter(pl.col("key").is_in(asked.implode()))
        was = was.filter(~pl.col("key").is_in(asked.implode()))
    else:
        was = was.clear()
    several = pairs.collect().filter(pl.len().over("key") > 1)
    found = pl.concat([was, several]).sort("day", "key")
    staging.put(state, {None: (found, Part(made_from, None, content_digest(found), found.height))})
    return found


def spread_of(pairs: pl.DataFrame, lies_on: str) -> Spread:
    """Find what is seen on several days.

    Args:
        pairs: day and key, each pair once, at least of what is seen on several.
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
    inputs = {one: plan.parts(one) for one in _SEEN_IN[whole.what]}
    days = sorted({day for parts in inputs.values() for day in parts if day is not None})
    wanted = {
        day: digest_of(
            code_version(), way(), *(parts[day].digest if day in parts else None for parts in inputs.values())
        )
        for day in days
    }
    known = staging.parts(name)
    for day in known.keys() - wanted.keys():
        staging.drop(name, day)
    todo = [day for day in days if day not in known or known[day].made_from != wanted[day]]
    for some in portions(todo, inputs):
        frames = _seen(whole, {one: plan.on(one, some) for one in inputs})
        frame = pl.concat(frames).drop_nulls().unique().sort(_SCHEMA.names()).collect()
        staging.put_by_day(name, frame, {day: wanted[day] for day in some})
    return staging.parts(name)


def _seen(whole: Whole, frames: Mapping[str, pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Return day and key of all that is seen in some days' frames.

    With the commits go the executions that go on after their day, and those of other days that calls name: which calls
    belong to no execution is told where both are seen.
    """
    if whole.what != "commit":
        return [frame.select("day", key=key_of(whole)) for frame in frames.values()]
    work, calls = frames[EXECUTIONS], frames[CALLS]
    going_on = work.filter(last_call_day() > pl.col("day"))
    away = calls.join(work.select("day", "execution_id"), on=["day", "execution_id"], how="anti")
    commits = [frames[name].select("day", key=key_of(whole)) for name in (GIT, CERTAIN_SHARES, GUESSED_SHARES)]
    return [*commits, *(some.select("day", key=of("execution_id")) for some in (going_on, away))]
