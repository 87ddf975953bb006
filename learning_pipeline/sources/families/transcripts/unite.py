"""What an agent's transcript and its telemetry tell of one session, told once.

Telemetry (OTLP exports) is beside the transcript: it tells some of the same calls and tools, by request id and tool
call id, and adds what they cost and how long they took. Where there is no transcript, it is all that is known.
Everything here depends on the set of a session's records alone.
"""

import polars as pl

from learning_pipeline.sources.families.transcripts import spans, sums
from learning_pipeline.sources.families.transcripts.every import IS_EXPORTED, ORDER, Records
from learning_pipeline.sources.families.transcripts.schema import ASIDE, SCHEMAS

# What a transcript tells better: told by telemetry, it counts where there is none.
_TOLD_BETTER = ("task", "api_error", "retry", "interrupt", "change", "turn_end")
_WRITES = ("cache_write_5m_tokens", "cache_write_1h_tokens")
_SAME_USAGE = ["group_key", "model", "input_tokens", "cache_read_tokens", "_written"]


def united(records: Records) -> dict[str, pl.DataFrame]:
    """Return the records of each kind but ASIDE, each thing that several logs tell as one."""
    frames = dict(records)
    if any(frame.select(IS_EXPORTED.any()).item() for frame in frames.values()):
        usage = frames["usage"]
        frames = spans.place(frames)
        transcribed = _groups(frames["call"].filter(~IS_EXPORTED))
        for kind in _TOLD_BETTER:
            frames[kind] = _without_exported(frames[kind], transcribed)
        frames["prompt"] = _prompts(frames["prompt"], transcribed)
        frames["call"] = _calls(frames["call"])
        frames["tool_use"] = _tool_uses(frames["tool_use"])
        frames["tool_result"] = _tool_results(frames["tool_result"])
        frames = sums.counted(frames)
        frames["turn_end"] = _with_ends_of_runs(frames, usage)
        frames = {kind: frame.select(*SCHEMAS[kind]) for kind, frame in frames.items()}
    return {kind: frame for kind, frame in frames.items() if kind not in ASIDE}


def _groups(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("group_key").unique()


def _without_exported(frame: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Leave out what telemetry tells of some groups."""
    exported = frame.filter(IS_EXPORTED).join(groups, on="group_key", how="anti")
    return pl.concat([frame.filter(~IS_EXPORTED), exported])


def _prompts(frame: pl.DataFrame, transcribed: pl.DataFrame) -> pl.DataFrame:
    """Return the prompts: of telemetry only where no other log tells any, each once, with its earliest time."""
    asked = pl.concat([transcribed, _groups(frame.filter(~IS_EXPORTED))]).unique()
    kept = _without_exported(frame, asked)
    exported = _one_of_each(kept.filter(IS_EXPORTED), "record_id")
    return pl.concat([kept.filter(~IS_EXPORTED), exported])


def _one_of_each(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Return one row for each id: its earliest, with the earliest known value of every other column."""
    kind = frame.columns
    first = ("record_key", "day", "source", "source_file", "source_line", "host", "at")
    rest = [name for name in kind if name not in (*first, "group_key", key)]
    return (
        frame.sort(ORDER)
        .group_by("group_key", key, maintain_order=True)
        .agg(*(pl.col(name).first() for name in first), *(pl.col(name).drop_nulls().first() for name in rest))
        .select(*kind)
    )


def _calls(frame: pl.DataFrame) -> pl.DataFrame:
    """Give calls that telemetry tells the id of the same call in the transcript, and its sub-agent."""
    own, exported = frame.filter(~IS_EXPORTED), frame.filter(IS_EXPORTED)
    # By request id: the transcript's message, else the message that a span of the same request tells.
    messages = exported.filter(pl.col("call_id").str.starts_with("msg_"))
    told = [frame.select("group_key", "request_id", "call_id", "agent_id") for frame in (own, messages)]
    by_request = (
        pl.concat([told[0], told[1].join(told[0], on=["group_key", "request_id"], how="anti")])
        .filter(pl.col("request_id").is_not_null() & ~pl.col("request_id").str.contains("REDACTED", literal=True))
        .group_by("group_key", "request_id")
        .agg(pl.col("call_id").min(), pl.col("agent_id").min())
    )
    exported = _renamed(exported, by_request, "request_id")
    unmatched = exported.filter(pl.col("request_id").is_null()).join(
        own.select("group_key", "call_id").unique(), on=["group_key", "call_id"], how="anti"
    )
    if unmatched.height and own.height:
        exported = _renamed(exported, _by_usage(own, unmatched, exported), "call_id")
    return pl.concat([own, exported])


def _renamed(exported: pl.DataFrame, names: pl.DataFrame, by: str) -> pl.DataFrame:
    """Give calls the id and the agent that `names` has for their group and their value of a column."""
    names = names.select(
        "group_key", by, pl.col(names.columns[2]).alias("_call_id"), pl.col("agent_id").alias("_agent")
    )
    return (
        exported.join(names, on=["group_key", by], how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("_call_id", "call_id").alias("call_id"),
            pl.when(pl.col("_call_id").is_not_null()).then("_agent").otherwise("agent_id").alias("agent_id"),
        )
        .drop("_call_id", "_agent")
    )


def _by_usage(own: pl.DataFrame, unmatched: pl.DataFrame, exported: pl.DataFrame) -> pl.DataFrame:
    """Find the calls of telemetry that tells no request id, by model and input: group_key, call_id, own id, agent_id.

    Of several calls with the same usage, the first is the first, the second the second. Output is not compared:
    transcripts may tell only a part of it.
    """
    taken = exported.select("group_key", "call_id").unique()
    free = own.join(taken, on=["group_key", "call_id"], how="anti")
    left = _ranked(unmatched).select(*_SAME_USAGE, "_rank", "call_id")
    right = _ranked(free).select(*_SAME_USAGE, "_rank", pl.col("call_id").alias("_own_id"), "agent_id")
    found = left.join(right, on=[*_SAME_USAGE, "_rank"])
    return found.select("group_key", "call_id", "_own_id", "agent_id")


def _ranked(calls: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each call, with its place in time among those of the same usage."""
    written = pl.sum_horizontal(pl.col(name).fill_null(0) for name in _WRITES)
    counted = [pl.col(name).fill_null(0).alias(name) for name in ("input_tokens", "cache_read_tokens")]
    known = calls.filter(pl.col("input_tokens").is_not_null() & pl.col("model").is_not_null())
    return (
        known.sort(ORDER)
        .unique(["group_key", "call_id"], keep="first", maintain_order=True)
        .with_columns(written.alias("_written"), *counted)
        .with_columns(pl.int_range(pl.len()).over(_SAME_USAGE).alias("_rank"))
    )


def _tool_uses(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the uses of tools: of telemetry only those that no other log tells, each once."""
    own, exported = frame.filter(~IS_EXPORTED), frame.filter(IS_EXPORTED)
    exported = exported.join(own, on=["group_key", "tool_call_id"], how="anti")
    return pl.concat([own, _one_of_each(exported, "tool_call_id")])


def _tool_results(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the results of tools, each with all that is told of it; telemetry measures the time best."""
    own = frame.filter(~IS_EXPORTED)
    exported = _one_of_each(frame.filter(IS_EXPORTED), "tool_call_id")
    of_call = ["group_key", "tool_call_id"]
    measured = ("duration_ms", "is_error", "output_bytes", "decision", "commit_prefix", "error_type")
    same = exported.select(*of_call, *(pl.col(name).alias(f"_{name}") for name in measured))
    own = own.join(same, on=of_call, how="left", maintain_order="left").with_columns(
        pl.coalesce("_duration_ms", "duration_ms").alias("duration_ms"),
        *(pl.coalesce(name, f"_{name}").alias(name) for name in measured[1:]),
    )
    return pl.concat([own.select(*frame.columns), exported.join(own, on=of_call, how="anti")])


def _with_ends_of_runs(frames: Records, usage: pl.DataFrame) -> pl.DataFrame:
    """Add the end that the result of a run tells, where its session has one run and one prompt: else which is which?

    A result has no time of its own, so the end is put where the session's last record is.
    """
    told = usage.filter(pl.col("measure").is_in(("duration_ms", "outcome")))
    if told.is_empty():
        return frames["turn_end"]
    single = frames["prompt"].group_by("group_key").len().filter(pl.col("len") == 1).select("group_key")
    ends = (
        told.sort(ORDER)
        .group_by("group_key", maintain_order=True)
        .agg(
            pl.col("series").n_unique().alias("_runs"),
            *(pl.col(name).first() for name in told.columns if name not in ("group_key", "at", "day")),
            pl.col("value").filter(pl.col("measure") == "outcome").first().alias("outcome"),
            pl.col("value")
            .filter(pl.col("measure") == "duration_ms")
            .first()
            .cast(pl.Float64, strict=False)
            .round()
            .cast(pl.Int64)
            .alias("duration_ms"),
        )
        .filter(pl.col("_runs") == 1)
        .join(single, on="group_key")
    )
    ends = ends.join(sums.last_of(frames), on="group_key")
    return pl.concat([frames["turn_end"], ends.select(*SCHEMAS["turn_end"])])
