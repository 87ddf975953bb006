"""What stands beside a session's conversation: links of side-chains, ends of background agents, notes.

All of it is a function of the set of a session's records, so a side-chain that is cut over several files, or an end
that another file tells, comes to the same.
"""

import msgspec
import polars as pl

from learning_pipeline.sources.families.transcripts import agents
from learning_pipeline.sources.families.transcripts.every import Records

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode


def settled(records: Records) -> Records:
    """Return the records with side-chains named after their first row, ended agents ended, and fallbacks told."""
    if records["chain"].height:
        records = _chained(records)
    if records["task_end"].height:
        records = {**records, "turn_end": pl.concat([records["turn_end"], _ends(records)])}
    prompts = records["prompt"]
    if prompts["record_id"].n_unique() < prompts.height:
        # A prompt that was queued, and then delivered as one after all, was asked once.
        first = prompts.sort("group_key", "at", "source_file", "source_line", "record_key", nulls_last=True)
        first = first.unique(["group_key", "record_id"], keep="first", maintain_order=True)
        records = {**records, "prompt": first}
    if records["note"]["call_id"].count():
        records = {**records, "call": _fallen_back(records)}
    return records


def _chained(records: Records) -> Records:
    """Name the agent of each row of a side-chain after the first row of its chain.

    The parser names it after the row itself: which row is the first may stand in another file.
    """
    links = records["chain"].select("group_key", "row_id", "parent_id").sort("group_key", "row_id", "parent_id")
    links = links.unique(["group_key", "row_id"], keep="first", maintain_order=True)
    parents = {(group, row): (group, parent) for group, row, parent in links.iter_rows()}
    roots: dict[tuple[str, str], str] = {}
    for row in parents:
        path = {row: None}  # in order
        last = row
        while (before := parents[last]) in parents and before not in roots and before not in path:
            path[before] = None
            last = before
        root = roots.get(before, last[1])
        roots |= dict.fromkeys(path, root)
    named = pl.DataFrame(
        [(*row, root) for row, root in roots.items()],
        schema={"group_key": pl.String, "agent_id": pl.String, "_root": pl.String},
        orient="row",
    )
    found = {}
    for kind, frame in records.items():
        if frame["agent_id"].count():
            frame = frame.join(named, on=["group_key", "agent_id"], how="left", maintain_order="left")
            frame = frame.with_columns(pl.coalesce("_root", "agent_id").alias("agent_id")).drop("_root")
        found[kind] = frame
    return found


def _ends(records: Records) -> pl.DataFrame:
    """Return the ends of turns of the agents that worked in the background: each notice, when it was first told."""
    results = records["tool_result"].filter(pl.col("in_background") & pl.col("result_agent_id").is_not_null())
    started = results.select("group_key", "tool_call_id", pl.col("result_agent_id").alias("_agent")).unique()
    ends = records["task_end"]
    agent = started.select("group_key", pl.col("_agent").alias("task_id"), "_agent").unique()
    by_call = started.unique(["group_key", "tool_call_id"], keep="none")
    told = (
        ends.join(agent, on=["group_key", "task_id"], how="left")
        .join(by_call.rename({"_agent": "_called"}), on=["group_key", "tool_call_id"], how="left")
        .with_columns(pl.coalesce("_agent", "_called").alias("agent_id"))
        .filter(pl.col("agent_id").is_not_null())
        .sort("group_key", "at", "source_file", "source_line", "record_key")
        .unique(["group_key", "agent_id", "outcome", "duration_ms"], keep="first", maintain_order=True)
    )
    return told.select(records["turn_end"].columns)


def _fallen_back(records: Records) -> pl.DataFrame:
    """Return the calls; of those in which another model took over, with the model that answered."""
    told = (
        records["note"]
        .filter(pl.col("call_id").is_not_null())
        .sort("group_key", "at", "record_key")
        .unique(["group_key", "call_id"], keep="first", maintain_order=True)
        .select(
            "group_key",
            "call_id",
            pl.col("value").str.json_path_match("$.to").alias("_to"),
            pl.col("value").alias("_value"),
        )
    )
    calls = records["call"].join(told, on=["group_key", "call_id"], how="left", maintain_order="left")
    return calls.with_columns(
        pl.coalesce("_to", "model").alias("model"),
        pl.coalesce("attributes", pl.lit('{"fallback":') + pl.col("_value") + pl.lit("}")).alias("attributes"),
    ).drop("_to", "_value")


def noted(notes: pl.DataFrame, main: pl.DataFrame, sub: pl.DataFrame) -> pl.DataFrame:
    """Return one row per execution with the notes of its time as a JSON object: name -> what was noted, in order.

    What was noted before the session's first prompt is of that prompt.
    """
    schema = {"execution_id": pl.String, "noted": pl.String}
    if notes.is_empty():
        return pl.DataFrame(schema=schema)
    first = main.sort("group_key", "at", "execution_id").unique("group_key", keep="first", maintain_order=True)
    first = first.select("group_key", pl.col("execution_id").alias("_first"))
    told = (
        agents.attribute(notes, main, sub)
        .join(first, on="group_key", how="left")
        .with_columns(pl.coalesce("execution_id", "_first").alias("execution_id"))
        .filter(pl.col("execution_id").is_not_null())
        .sort("execution_id", "at", "source_file", "source_line", "record_key")
        .unique(["execution_id", "name", "value"], keep="first", maintain_order=True)
    )
    found: dict[str, dict[str, list[object]]] = {}
    for execution, name, value in told.select("execution_id", "name", "value").iter_rows():
        found.setdefault(execution, {}).setdefault(name, []).append(_decode(value))
    rows = [(execution, _encode(names).decode()) for execution, names in found.items()]
    return pl.DataFrame(rows, schema=schema, orient="row")
