"""Roll-ups by session, kept in pieces: what has the same first day lies together.

Most sessions are over on the day on which they began, so a new day is a new piece and changes none. One that goes on
for days lies in the piece of its first; that piece is made from all days of its sessions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.collect import collect
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, code_version, days_between
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import TOOLS, Context
from learning_pipeline.marts.staging import Part, digest_of

# Which sessions there are on a day is staged under this name; it is no table of the database.
SEEN = "_sessions"
_SEEN_IN = (EXECUTIONS, CALLS, TOOLS)
_SCHEMA = pl.Schema({"day": pl.Date(), "session_id": pl.String()})
# Days are taken together up to this many sessions: it bounds the memory that all of history needs.
_SESSIONS_AT_ONCE = 20_000


# The parts of each input by day.
Inputs = Mapping[str, Mapping[date | None, Part]]


@dataclass(frozen=True)
class Spread:
    """Sessions of several days. `firsts` has session_id and `first`, the day of its piece.

    reaches: by day, the other days on which sessions of its piece are seen.
    digests: by day, a digest of the several-day sessions that are seen on it.
    """

    firsts: pl.DataFrame
    reaches: Mapping[date, frozenset[date]]
    digests: Mapping[date, str]


def build_pieces(plan: Plan, name: str, context: Context) -> None:
    """Stage the pieces of a roll-up by session that are not made from what is there now."""
    staging, spec = plan.staging, TABLES[name]
    seen = _seen(plan)
    spread = spread_of(staging.read(SEEN, _SCHEMA).collect())
    inputs = {given: staging.parts(given) for given in spec.inputs}
    # A session may have begun on a day that none of these inputs has.
    days = sorted({day for parts in (seen, *inputs.values()) for day in parts if day is not None})
    wanted = {day: _made_from(inputs, day, spread) for day in days}
    known = staging.parts(name)
    for day in known.keys() - wanted.keys():
        staging.drop(name, day)
    todo = [day for day in days if day not in known or known[day].made_from != wanted[day]]
    for some in _portions(todo, {day: part.rows for day, part in seen.items()}):
        read = {other for day in some for other in {day} | spread.reaches.get(day, frozenset())}
        frames = {
            given: staging.read(
                given, polars_schema(TABLES[given].contract), _ahead(inputs, read) if given == CALLS else read
            )
            for given in spec.inputs
        }
        found = spec.compute(frames, context)
        in_piece = pl.coalesce("first", pl.col("day"))
        frame = collect(
            name,
            spec.contract,
            found.join(spread.firsts.lazy(), on="session_id", how="left")
            .with_columns(day=in_piece)
            .filter(pl.col("day").is_in(some)),
        )
        by_day = frame.partition_by("day", as_dict=True)
        parts: dict[date | None, tuple[pl.DataFrame, Part]] = {}
        for day in some:
            rows = by_day.get((day,), frame.clear())
            parts[day] = (rows, Part(wanted[day], None, content_digest(rows), rows.height))
        staging.put(name, parts)


def spread_of(seen: pl.DataFrame) -> Spread:
    """Find the sessions that are seen on several days.

    Args:
        seen: day and session_id, each pair once.
    """
    dated = pl.col("day").filter(pl.col("day") != UNDATED)
    several = (
        seen.group_by("session_id")
        .agg(first=pl.coalesce(dated.min(), pl.col("day").min()), n=pl.len())
        .filter(pl.col("n") > 1)
        .select("session_id", "first")
    )
    on = seen.join(several, on="session_id").sort("day", "session_id")
    digests = {day: content_digest(part) for (day,), part in on.group_by("day", maintain_order=True)}
    others = on.filter(pl.col("day") != pl.col("first")).select("first", "day").unique().sort("first", "day")
    reaches = {first: frozenset(part["day"]) for (first,), part in others.group_by("first", maintain_order=True)}
    return Spread(several, reaches, digests)


def _seen(plan: Plan) -> Mapping[date | None, Part]:
    """Stage the sessions of each day; return what is staged."""
    staging = plan.staging
    inputs = {name: staging.parts(name) for name in _SEEN_IN}
    days = sorted({day for parts in inputs.values() for day in parts if day is not None})
    wanted = {
        day: digest_of(code_version(), *(parts[day].digest if day in parts else None for parts in inputs.values()))
        for day in days
    }
    known = staging.parts(SEEN)
    for day in known.keys() - wanted.keys():
        staging.drop(SEEN, day)
    todo = [day for day in days if day not in known or known[day].made_from != wanted[day]]
    for some in _portions(todo, {day: part.rows for day, part in inputs[CALLS].items()}):
        frames = [
            staging.read(name, polars_schema(TABLES[name].contract), some).select(_SCHEMA.names()) for name in _SEEN_IN
        ]
        frame = pl.concat(frames).filter(pl.col("session_id").is_not_null()).unique().sort(_SCHEMA.names()).collect()
        by_day = frame.partition_by("day", as_dict=True)
        parts: dict[date | None, tuple[pl.DataFrame, Part]] = {}
        for day in some:
            rows = by_day.get((day,), frame.clear())
            parts[day] = (rows, Part(wanted[day], None, content_digest(rows), rows.height))
        staging.put(SEEN, parts)
    return staging.parts(SEEN)


def _ahead(inputs: Inputs, days: set[date]) -> set[date]:
    """Return the days whose calls tell what the executions of some days did."""
    ends = {day: part.reads_to for day in days if (part := inputs[EXECUTIONS].get(day))}
    return {one for day in days for one in days_between(day, ends.get(day) or day)}


def _made_from(inputs: Inputs, day: date, spread: Spread) -> str:
    days = {day} | spread.reaches.get(day, frozenset())
    told: list[object] = [code_version(), spread.digests.get(day)]
    for given, parts in inputs.items():
        read = sorted(_ahead(inputs, days) if given == CALLS else days)
        told.extend(parts[one].digest if one in parts else None for one in read)
    return digest_of(*told)


def _portions(days: list[date], sizes: Mapping[date | None, int]) -> Iterator[list[date]]:
    portion: list[date] = []
    size = 0
    for day in days:
        portion.append(day)
        size += sizes.get(day, 0)
        if size >= _SESSIONS_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
