"""The trees of traced sessions: which agent made each call, and which agents were started by another.

A span is exported when it ends, so the spans above it come later, maybe in another file: the tree is put together
from the set of all of them. An agent's span below another agent's is a sub-agent's run.
"""

import polars as pl

from learning_pipeline.sources.families.transcripts.every import Records
from learning_pipeline.sources.families.transcripts.schema import SCHEMAS

_AGENT = "invoke_agent"
_TOOL = "execute_tool"
# Spans above one that are looked at: a trace is no deeper, unless it is damaged.
_DEEPEST = 64
# What a span tells of, by the column that has its id.
_IDS = {"call": "call_id", "tool_use": "tool_call_id", "tool_result": "tool_call_id"}


def place(records: Records) -> dict[str, pl.DataFrame]:
    """Give what spans tell the agent that its place in the trace names, and agents the end of their turn."""
    frames = dict(records)
    spans = frames["span"]
    if spans.is_empty():
        return frames
    runs, owners = _tree(spans)
    agents = spans.filter(pl.col("operation") == _AGENT).join(runs, on="span_id", how="left")
    # A span's end is its agent's own measure of the turn.
    ends = agents.with_columns(pl.col("run").alias("agent_id"))
    frames["turn_end"] = _joined(frames["turn_end"], ends, "turn_end")
    for kind, name in _IDS.items():
        mine = owners.rename({"own_id": name, "run": "_run"})
        frames[kind] = (
            frames[kind]
            .join(mine, on=["group_key", name], how="left", maintain_order="left")
            .with_columns(pl.coalesce("agent_id", "_run").alias("agent_id"))
            .drop("_run")
        )
    nested = agents.filter(pl.col("run").is_not_null()).select(
        "group_key", pl.col("own_id").alias("record_id"), "run", "started_by"
    )
    prompts = frames["prompt"].join(nested, on=["group_key", "record_id"], how="left", maintain_order="left")
    is_task = pl.col("run").is_not_null()
    frames["prompt"] = prompts.filter(~is_task).select(*SCHEMAS["prompt"])
    tasks = prompts.filter(is_task).with_columns(
        pl.col("run").alias("agent_id"), pl.col("started_by").alias("parent_tool_call_id")
    )
    frames["task"] = _joined(frames["task"], tasks, "task")
    return frames


def _joined(frame: pl.DataFrame, more: pl.DataFrame, kind: str) -> pl.DataFrame:
    return pl.concat([frame.select(*SCHEMAS[kind]), more.select(*SCHEMAS[kind])])


def _tree(spans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the runs of sub-agents, and what each of them did.

    The first has span_id, run and started_by (the tool call right above it); the second group_key, own_id and run.
    """
    rows = spans.select("group_key", "span_id", "parent_span_id", "operation", "own_id").unique().sort("span_id").rows()
    above = {(group, span): parent for group, span, parent, _, _ in rows}
    operations = {(group, span): operation for group, span, _, operation, _ in rows}
    ids = {(group, span): own for group, span, _, _, own in rows}

    def nearest(group: str, span: str) -> str | None:
        """Return the nearest agent's span above one."""
        for _ in range(_DEEPEST):
            parent = above.get((group, span))
            if parent is None or (group, parent) not in above:
                return None
            if operations[group, parent] == _AGENT:
                return parent
            span = parent
        return None

    runs, owners = [], []
    for group, span, parent, operation, own in rows:
        agent = nearest(group, span)
        if operation == _AGENT:
            started = ids.get((group, parent)) if operations.get((group, parent)) == _TOOL else None
            runs.append((span, span if agent is not None else None, started))
        elif agent is not None and nearest(group, agent) is not None:
            owners.append((group, own, agent))
    text = pl.String
    found = pl.DataFrame(runs, schema={"span_id": text, "run": text, "started_by": text}, orient="row")
    done = pl.DataFrame(owners, schema={"group_key": text, "own_id": text, "run": text}, orient="row")
    return found, done.sort("group_key", "own_id", "run").unique(["group_key", "own_id"], keep="first")
