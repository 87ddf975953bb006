"""What history and hooks tell of one commit is one event."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import git_history
from learning_pipeline.sources.base import Options
from learning_pipeline.sources.families import git
from learning_pipeline_tests.sources.lines import held, landed, parse, united

SHA = "a1" * 20
NOON = 1772366400


def history(sha: str, *, seconds: int = NOON, message: str = "Words", parents: str = "") -> pl.DataFrame:
    header = "\x1f".join((sha, parents, str(seconds), str(seconds), "a@example.org", "a@example.org"))
    stream = f"\x1e{header}\x00{message}\n\x00\n1\t2\tx\x00"
    parsed = git_history.parse(git_history.cut([stream.encode()]), Options())
    assert parsed.rejects == []
    return landed(parsed, "git_history", "/repo").with_columns(pl.lit("repo").alias("repository"))


def hook(**fields: Any) -> pl.DataFrame:
    line = {"v": 1, "event": "commit", "occurred_at": NOON + 1, "repository": "clone", "commit": SHA, **fields}
    parsed = parse("git_hooks", [line])
    assert parsed.rejects == []
    return landed(parsed, "git_hooks", "spool.jsonl")


def assembled(*records: pl.DataFrame) -> list[dict[str, Any]]:
    frame = git.assemble({"event": united(pl.concat(records))})["git_events"]
    held(frame, "git_events")
    return frame.sort("event_id").to_dicts()


def test_a_commit_that_both_tell_is_one_event() -> None:
    told = hook(branch="main", session_id="s", duration_ms=7, lines_added=99, mood="good")
    (row,) = assembled(history(SHA), told)
    assert (row["repository"], row["lines_added"], row["occurred_at"], row["source"]) == (
        "repo",
        1,
        datetime.fromtimestamp(NOON, UTC),
        "git_history",
    )
    assert (row["branch"], row["session_id"], row["duration_ms"]) == ("main", "s", 7)
    assert json.loads(row["attributes"]) == {"mood": "good"}
    assert row["event_id"] == assembled(history(SHA))[0]["event_id"] == assembled(told)[0]["event_id"]


def test_the_hook_knows_the_session_before_the_trailer_does() -> None:
    trailed = history(SHA, message="Words\n\nSession-Id: t")
    assert assembled(trailed, hook(session_id="s"))[0]["session_id"] == "s"
    assert assembled(trailed, hook())[0]["session_id"] == "t"


def test_a_merge_or_revert_stays_one_whoever_tells_it() -> None:
    merge = history(SHA, parents=" ".join(("b2" * 20, "c3" * 20)))
    (row,) = assembled(merge, hook(event="merge", parents=["b2" * 20, "c3" * 20]))
    assert row["event_type"] == "merge"
    (row,) = assembled(history(SHA, message=f"Revert x\n\nThis reverts commit {'b2' * 20}."), hook())
    assert (row["event_type"], row["reverts_commit"]) == ("revert", "b2" * 20)


def test_a_push_of_a_commit_is_another_event() -> None:
    found = assembled(history(SHA), hook(event="push", branch="main", remote="origin"), hook(event="checkout"))
    assert sorted(row["event_type"] for row in found) == ["checkout", "commit", "push"]


PIECES = st.lists(
    st.one_of(
        st.builds(history, st.sampled_from([SHA, "b2" * 20]), seconds=st.just(NOON)),
        st.builds(
            hook,
            event=st.sampled_from(["commit", "push", "checkout", "merge"]),
            commit=st.sampled_from([SHA, "b2" * 20, None]),
            branch=st.sampled_from(["main", "dev", None]),
            session_id=st.sampled_from(["s", "t", None]),
            occurred_at=st.integers(NOON, NOON + 90_000),
            parents=st.sampled_from([[], ["c3" * 20], ["c3" * 20, "d4" * 20]]),
            mood=st.sampled_from([1, 2, None]),
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(PIECES, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_the_events(pieces: list[pl.DataFrame], chance: random.Random) -> None:
    expected = assembled(*pieces)
    again = chance.sample(pieces, len(pieces)) + chance.sample(pieces, len(pieces) // 2)
    assert assembled(*again) == expected
    days = {(row["group_key"], row["day"]) for piece in pieces for row in piece.iter_rows(named=True)}
    assert {(row["group_key"], row["day"]) for row in expected} <= days
