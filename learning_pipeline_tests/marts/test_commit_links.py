"""Which commits belong to which work, by what, and that no cost is counted twice."""

import json
import random
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_git import FctCommitLinks
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts.build import build
from learning_pipeline.marts.commits import (
    certain_links,
    guessed_links,
    sure_links,
    telling_calls,
    telling_events,
    unlinked,
)
from learning_pipeline.marts.pull_requests import telling_executions
from learning_pipeline.marts.reverts import reverting, taken_back
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, events, fill_lake
from learning_pipeline_tests.marts.conftest import NOW, commit_id, world

A, B, C = commit_id(1), commit_id(2), commit_id(3)
Row = dict[str, Any]


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def work(name: str, start: float, length: float = 5, session: str | None = "s", **more: Any) -> Row:
    times = {"started_at": minutes(start), "ended_at": minutes(start + length)}
    return {"execution_id": name, "session_id": session, "agent_name": "claude-code", **times, **more}


def commit(sha: str, at: float, told: Row | None = None, **more: Any) -> Row:
    words = {"attributes": json.dumps(told)} if told else {}
    return {
        "event_id": f"c{sha}",
        "commit": sha,
        "occurred_at": minutes(at),
        "subject": f"change {sha[:7]}",
        **words,
        **more,
    }


def note(name: str, told: Row, at: float | None, **more: Any) -> Row:
    when = {"occurred_at": None, "day": UNDATED} if at is None else {"occurred_at": minutes(at)}
    return {"event_id": f"n{name}", "event_type": "note", "attributes": json.dumps(told), **when, **more}


def links(executions: list[Row], git: list[Row], tools: list[Row] | None = None) -> list[Row]:
    work = events("executions", executions).lazy()
    said = telling_calls(events("tool_calls", tools or []).lazy()).collect()
    happened = events("git_events", git).lazy()
    told, back = telling_events(happened).collect(), taken_back(reverting(happened).collect(), happened)
    certain = certain_links(work, said, told, telling_executions(work).collect(), back)
    found = pl.concat([certain, guessed_links(unlinked(told, certain), work, certain.lazy(), back)])
    FctCommitLinks.validate(found)
    assert not found.select("commit", "execution_id", "session_id", "method").is_duplicated().any()
    return found.to_dicts()


def brief(found: list[Row]) -> set[tuple[Any, ...]]:
    return {(row["execution_id"], row["commit"], row["method"], row["timing"], row["is_used"]) for row in found}


def tool(execution: str, prefix: str, at: float = 1) -> Row:
    return {
        "tool_call_id": f"{execution}{prefix}",
        "execution_id": execution,
        "commit_prefix": prefix,
        "started_at": minutes(at),
    }


def test_a_recorded_commit_is_resolved_by_its_prefix() -> None:
    found = links([work("e", 0)], [commit(A, 2)], [tool("e", A[:7]), tool("e", "fffffff")])
    assert brief(found) == {("e", A, "recorded", "at_commit", True), ("e", "fffffff", "recorded", "at_commit", False)}
    assert {row["commit"]: (row["confidence"], row["is_known"]) for row in found} == {
        A: (1.0, True),
        "fffffff": (0.6, False),
    }
    sure = sure_links(pl.DataFrame(found, schema=polars_schema(FctCommitLinks)))
    assert sure["commits"].to_list() == [[A, "fffffff"]]


def test_work_before_a_commit_led_to_it_and_work_after_the_last_is_counted_to_it() -> None:
    executions = [work("a", 0), work("b", 10), work("c", 20), work("d", 40), work("other", 41, session="t")]
    found = links(executions, [commit(A, 12, session_id="s"), commit(B, 30, session_id="s")])
    assert brief(found) == {
        ("a", A, "session", "before_commit", True),
        ("b", A, "session", "at_commit", True),
        ("c", B, "session", "at_commit", True),
        ("d", B, "session", "after_commit", True),
    }
    assert [row["confidence"] for row in sorted(found, key=lambda row: row["execution_id"])] == [0.7, 0.9, 0.9, 0.4]


def test_one_execution_may_make_several_commits() -> None:
    found = links([work("a", 0, 60)], [commit(A, 12, session_id="s"), commit(B, 30, session_id="s")])
    assert brief(found) == {("a", A, "session", "at_commit", True), ("a", B, "session", "at_commit", True)}


def test_checkpoints_tie_commits_to_sessions_at_the_time_of_the_work() -> None:
    checkpoint = {"note": "entire", "checkpoint": "abcdef012345"}
    git = [
        # Rebased a day later, and on two branches.
        commit(A, 1500, checkpoint),
        commit(B, 1600, {"checkpoint": "000000000000", "checkpoints": ["000000000000", "abcdef012345"]}),
        note("1", checkpoint, 12, session_id="s"),
        note("2", checkpoint, 12),
    ]
    found = links([work("a", 0), work("b", 10), work("c", 20)], git)
    assert brief(found) == {
        (name, sha, "checkpoint", timing, True)
        for name, timing in (("a", "before_commit"), ("b", "at_commit"), ("c", "after_commit"))
        for sha in (A, B)
    }


def test_notes_tie_commits_to_sessions() -> None:
    told = {"note": "git-ai", "entry": "prompt"}
    git = [commit(A, 6), note("1", told, 6, commit=A, session_id="s"), note("2", told, None, commit=C, session_id="u")]
    found = links([work("a", 0)], git)
    assert brief(found) == {("a", A, "note", "at_commit", True), (None, C, "note", None, False)}
    by_commit = {row["commit"]: row for row in found}
    assert (by_commit[A]["is_known"], by_commit[C]["is_known"], by_commit[C]["day"]) == (True, False, UNDATED)


def test_a_session_without_a_log_is_a_link_of_its_own() -> None:
    found = links([], [commit(A, 6, session_id="gone")])
    assert [(row["session_id"], row["execution_id"], row["is_used"]) for row in found] == [("gone", None, False)]


def test_pull_requests_name_their_commits() -> None:
    told = json.dumps({"pull_request": [{"number": 12, "repository": "Team/Repo", "url": "u"}, "odd"]})
    git = [
        commit(A, 600, subject="Words (#12)"),
        commit(B, 700, subject="Merge pull request #12 from x/y", event_type="merge"),
        commit(C, 800, subject="Words (#12)", repository="another"),
    ]
    found = links([work("a", 0, attributes=told), work("b", 5, session="t", attributes="{")], git)
    assert brief(found) == {(name, sha, "pull_request", "at_commit", True) for name in ("a",) for sha in (A, B)}


@pytest.mark.parametrize(
    ("told", "linked"),
    [
        ({"branch": "main"}, True),
        ({"branch": "other"}, False),
        ({"branch": "main", "repository": "another"}, False),
        ({"branch": "main", "co_authored_agent": "codex"}, False),
        ({"branch": None, "co_authored_agent": "claude-code"}, True),
        ({"branch": None}, False),
        ({"branch": "main", "event_type": "merge"}, False),
        ({"branch": "main", "occurred_at": minutes(36)}, False),
        ({"branch": "main", "occurred_at": minutes(-1)}, False),
    ],
)
def test_place_and_time_are_a_guess(told: Row, linked: bool) -> None:
    executions = [work("a", 0, repository="repo", branch="main"), work("b", -50, repository="repo", branch="main")]
    found = links(executions, [commit(A, 20) | told])
    assert brief(found) == ({("a", A, "branch_time", "at_commit", True)} if linked else set())
    assert all(row["confidence"] <= 0.3 for row in found)


def test_a_guess_gives_way_to_what_is_told() -> None:
    executions = [
        work("a", 0, repository="repo", branch="main"),
        work("b", 1, session="t", repository="repo", branch="main"),
    ]
    found = links(executions, [commit(A, 3, session_id="s", branch="main"), commit(B, 4, branch="main")])
    assert brief(found) == {("a", A, "session", "at_commit", True), ("b", B, "branch_time", "at_commit", True)}


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_guesses_of_one_commit_the_stronger_is_kept_in_any_order(turned: bool) -> None:
    told = [commit(A, 5, repository="shop", branch="main"), commit(A, 5, repository="shop", branch=None)]
    both = [{**one, "event_id": f"e{place}", "co_authored_agent": "claude-code"} for place, one in enumerate(told)]
    found = links([work("a", 0, repository="shop", branch="main")], both[::-1] if turned else both)
    assert [(row["method"], row["confidence"]) for row in found] == [("branch_time", 0.3)]


def test_reverts_by_id_by_prefix_and_by_subject_and_what_was_brought_back() -> None:
    sha = [commit_id(n) for n in range(9)]
    git = [
        *(commit(sha[n], n, session_id="s") for n in range(4)),
        commit(sha[4], 4, reverts_commit=sha[0], event_type="revert"),
        commit(sha[5], 5, {"reverts_prefix": sha[1][:9]}, event_type="revert"),
        commit(sha[6], 6, subject=f'Revert "change {sha[2][:7]}"', event_type="revert"),
        commit(sha[7], 7, reverts_commit=sha[3], event_type="revert"),
        commit(sha[8], 8, reverts_commit=sha[7], event_type="revert"),
    ]
    found = links([work("a", -1)], git)
    assert {row["commit"]: row["is_reverted"] for row in found} == {
        sha[0]: True,
        sha[1]: True,
        sha[2]: True,
        sha[3]: False,
    }


def told_by(home: Settings, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(home.marts_path), read_only=True) as marts:
        return marts.sql(sql).fetchall()


def test_costs_are_split_and_never_multiplied(settings: Settings) -> None:
    """Whatever links there are, all commits and the row without one have the cost of all calls; so has a session."""
    rows, rng = world(3), random.Random(5)
    sessions = sorted({str(row["session_id"]) for row in rows["executions"]})
    for n in range(80):
        checkpoint = {"note": "entire", "checkpoint": f"{n % 30:012x}"}
        at = NOON + timedelta(hours=rng.randrange(400))
        rows["git_events"].append(
            note(f"k{n}", checkpoint, None, session_id=rng.choice(sessions)) | {"occurred_at": at, "day": at.date()}
        )
        rows["git_events"].append(commit(commit_id(500 + n), rng.randrange(9000), checkpoint))
    fill_lake(settings.home, **rows)
    build(settings, now=NOW)
    ((executions, loose, parts),) = told_by(
        settings,
        """select (select sum(cost_usd) from fct_executions), (select sum(cost_usd) from fct_llm_calls
            where execution_id is null or execution_id not in (select execution_id from fct_executions)),
            (select sum(cost_usd) from mart_commit_cost)""",
    )
    assert parts == executions + (loose or 0)
    ((unattributed, count),) = told_by(
        settings, "select sum(cost_usd), count(commit) from mart_commit_cost where not is_attributed"
    )
    assert count == 0 and 0 < unattributed < parts
    ((wrong,),) = told_by(
        settings,
        """select count(*) from mart_commit_cost
        where executions > 0 and commit is not null and (len(methods) = 0 or confidence is null)
          and commit in (select commit from fct_commit_links where is_used)""",
    )
    assert wrong == 0
