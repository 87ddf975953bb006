"""Hook payloads beside the transcript of their session: each thing is told once, and nobody is given a time.

A payload says less than the transcript, and mostly without a time. So the transcript wins: a tool call that it tells,
by its id, is the transcript's; payloads without ids, of tools or prompts, are passed over in a session whose
transcript tells tools or prompts. What only payloads tell stays, united from all forms in which hooks wrote it down.
"""

from collections.abc import Mapping

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.sources.families.transcripts.every import Records

SOURCE = "hook_log"
# What an id begins with that was made of a payload's content.
MADE_ID = "hook:"

_ID = {"tool_use": "tool_call_id", "tool_result": "tool_call_id", "prompt": "record_id"}
_LINEAGE = ("source", "source_file", "source_line", "host")
_KEYS = ("record_key", "group_key", "day", "at", *_LINEAGE)


def settled(records: Records) -> Mapping[str, pl.DataFrame]:
    """Return the records with those of hooks united. The `day` of one without a time is null."""
    told = {kind: records[kind].filter(pl.col("source") == SOURCE) for kind in _ID}
    if not any(frame.height for frame in told.values()):
        return _without_false_days(records)
    found = dict(records)
    for kind, name in _ID.items():
        if told[kind].height:
            others = records[kind].filter(pl.col("source") != SOURCE)
            hooks = told[kind].join(others.select("group_key", name), on=["group_key", name], how="anti")
            made = pl.col(name).str.starts_with(MADE_ID)
            in_transcript = pl.col("group_key").is_in(others["group_key"].unique().implode())
            hooks = hooks.filter(~(made & in_transcript))
            found[kind] = pl.concat([others, _united(hooks, name)])
    uses = records["tool_use"].filter(pl.col("source") != SOURCE)["group_key"].unique()
    result = pl.col("tool_call_id").str.starts_with(MADE_ID) & pl.col("group_key").is_in(uses.implode())
    found["tool_result"] = found["tool_result"].filter(~result)
    return _without_false_days(found)


def _without_false_days(records: Records) -> Mapping[str, pl.DataFrame]:
    return {
        kind: frame.with_columns(pl.when(pl.col("at").is_not_null()).then("day").alias("day"))
        if frame["at"].null_count()
        else frame
        for kind, frame in records.items()
    }


def _united(hooks: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return one record per id: the form that tells most, with what only others tell."""
    own = [column for column in hooks.columns if column not in _KEYS]
    fullest = pl.sum_horizontal(pl.col(own).is_not_null()).alias("_told")
    order = ["group_key", name, "_told", *_LINEAGE, "record_key"]
    return (
        hooks.with_columns(fullest)
        .sort(order, descending=[column == "_told" for column in order])
        .group_by("group_key", name, maintain_order=True)
        .agg(
            pl.col("record_key", *_LINEAGE).first(),
            pl.col("at").min(),
            pl.col([column for column in own if column != name]).drop_nulls().first(),
        )
        .with_columns(pl.coalesce(pl.col("at").dt.date(), pl.lit(UNDATED)).alias("day"))
        .select(hooks.columns)
    )


def without_agents(tasks: pl.DataFrame, every: pl.DataFrame) -> pl.DataFrame:
    """Leave out tasks that only hooks tell, where hooks tell the sub-agents too: nobody says which is whose."""
    is_told = (pl.col("source") == SOURCE) & pl.col("agent_id").is_not_null()
    told = every.filter(is_told & pl.col("kind").is_in(["task", "turn_end"]))["group_key"].unique()
    return tasks.filter(~((pl.col("source") == SOURCE) & pl.col("group_key").is_in(told.implode())))
