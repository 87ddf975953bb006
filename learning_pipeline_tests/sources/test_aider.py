"""Analytics of aider: sessions and messages out of events that name neither, and what a person took back."""

import json
import random
import tarfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import aider
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import aider as family
from learning_pipeline_tests.homes import SHARED, land_all, read
from learning_pipeline_tests.sources.lines import held, is_conserved, landed, united

KIND = "aider"
STREAMS = ("executions", "llm_calls", "feedback")
START = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp())
ARCHIVE = SHARED / "data" / "aider.tar.gz"
LINEAGE = ("source_file", "source_line", "landed_at")
Rows = dict[str, list[dict[str, Any]]]


class Log:
    """Writes events; each moves the clock on by some seconds first."""

    def __init__(self, user: str | None = "u1", start: int = START) -> None:
        self.user, self.now, self.total = user, start, 0.0
        self.lines: list[bytes] = []

    def event(self, name: str, seconds: int = 1, **properties: Any) -> None:
        self.now += seconds
        row = {"event": name, "properties": properties, "user_id": self.user, "time": self.now}
        self.lines.append(json.dumps(row).encode())

    def launch(self, seconds: int = 1) -> None:
        self.total = 0.0
        self.event("launched", seconds)

    def start(self, seconds: int = 1) -> None:
        self.event("message_send_starting", seconds)

    def send(self, seconds: int = 5, cost: float = 0.25, model: str = "claude-sonnet-5", **more: Any) -> None:
        self.total += cost
        counts = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        money = {"cost": cost, "total_cost": self.total}
        self.event("message_send", seconds, main_model=model, edit_format="diff", **counts, **money, **more)

    def message(self) -> None:
        self.start()
        self.send()

    def undo(self) -> None:
        self.event("command_undo")


def parse(*lines: bytes) -> Parsed:
    parsed = aider.parse(split_lines(b"\n".join(lines)), Options())
    assert is_conserved(parsed, len(lines))
    return parsed


def rows(*files: list[bytes]) -> Rows:
    """Return what files say, whatever copy of a line it was read from."""
    frames = [landed(parse(*lines), KIND, f"{number}.jsonl") for number, lines in enumerate(files)]
    found = family.assemble({"event": united(pl.concat(frames))})
    for stream, frame in found.items():
        held(frame, stream)
    return {
        stream: sorted(frame.drop("source_file", "source_line").to_dicts(), key=str) for stream, frame in found.items()
    }


class TestMessages:
    def test_a_message_is_an_execution_and_a_call(self) -> None:
        log = Log()
        log.launch()
        log.message()
        found = rows(log.lines)
        (execution,), (call,) = found["executions"], found["llm_calls"]
        assert (execution["outcome"], execution["outcome_source"], execution["duration_ms"]) == (
            "success",
            "heuristic",
            5000,
        )
        assert (call["input_tokens"], call["output_tokens"], call["reported_cost_usd"]) == (100, 20, Decimal("0.25"))
        assert call["execution_id"] == execution["execution_id"]
        assert call["session_id"] == execution["session_id"]
        assert (execution["agent_name"], execution["model"], execution["llm_calls"]) == ("aider", "claude-sonnet-5", 1)

    def test_the_cost_of_a_message_is_its_own(self) -> None:
        log = Log()
        log.launch()
        for cost in (0.5, 0.25, 0.125):
            log.start()
            log.send(cost=cost)
        assert sum(call["reported_cost_usd"] for call in rows(log.lines)["llm_calls"]) == Decimal("0.875")

    @pytest.mark.parametrize(("told", "kept"), [(0, None), (0.0, Decimal(0))])
    def test_no_price_is_no_cost_and_a_free_model_costs_nothing(self, told: float, kept: Decimal | None) -> None:
        log = Log()
        log.send(cost=told)
        (call,) = rows(log.lines)["llm_calls"]
        assert call["reported_cost_usd"] == kept

    @pytest.mark.parametrize("model", ["None", "openrouter/REDACTED", "REDACTED"])
    def test_a_word_for_no_model_is_none(self, model: str) -> None:
        log = Log()
        log.send(model=model)
        (call,) = rows(log.lines)["llm_calls"]
        assert call["model"] is call["provider"] is None
        assert json.loads(call["attributes"])["reported_model"] == model

    def test_an_answer_without_a_beginning_has_an_end_only(self) -> None:
        log = Log()
        log.send()
        (execution,) = rows(log.lines)["executions"]
        assert (execution["started_at"], execution["duration_ms"]) == (None, None)
        assert execution["ended_at"] is not None

    def test_within_a_second_an_answer_comes_before_the_next_message(self) -> None:
        log = Log()
        log.launch()
        log.start()
        log.send()
        log.start(seconds=0)
        log.send(seconds=7)
        assert sorted(row["duration_ms"] for row in rows(log.lines)["executions"]) == [5000, 7000]
        assert rows(log.lines) == rows(log.lines[::-1])

    def test_an_exception_is_a_failure(self) -> None:
        log = Log()
        log.start()
        log.event("message_send_exception", exception="[Errno 61] Connection refused")
        found = rows(log.lines)
        (execution,) = found["executions"]
        assert (execution["outcome"], execution["error_type"], execution["llm_calls"]) == ("failure", "network", 0)
        assert found["llm_calls"] == []

    def test_a_message_without_an_answer_is_nothing_known_unless_it_was_stopped_or_is_the_last(self) -> None:
        log = Log()
        log.start()
        log.start()
        log.event("exit", reason="Control-C")
        log.start()
        outcomes = Counter(row["outcome"] for row in rows(log.lines)["executions"])
        assert outcomes == {"unknown": 1, "interrupted": 1, "open": 1}

    def test_sessions_begin_with_a_launch(self) -> None:
        log = Log()
        log.message()
        for _ in range(2):
            log.launch()
            log.message()
            log.message()
        found = rows(log.lines)["executions"]
        assert sorted(Counter(row["session_id"] for row in found).values()) == [1, 2, 2]

    def test_people_do_not_mix(self) -> None:
        one, two, nobody = Log("u1"), Log("u2"), Log(None)
        for log in (one, two, nobody):
            log.launch()
            log.message()
        found = rows(one.lines + two.lines + nobody.lines)["executions"]
        assert len({row["session_id"] for row in found}) == 3
        assert [row["user_hash"] for row in found].count(None) == 1
        assert not {"u1", "u2"} & {row["user_hash"] for row in found}


class TestUndo:
    def test_an_undo_is_evidence_against_the_last_message(self) -> None:
        log = Log()
        log.launch()
        log.message()
        log.message()
        log.undo()
        found = rows(log.lines)
        bad = [row for row in found["executions"] if row["outcome"] == "failure"]
        (feedback,) = found["feedback"]
        assert [row["outcome_source"] for row in bad] == ["feedback"]
        assert bad[0]["user_accepted"] is False
        assert bad[0]["started_at"] == max(row["started_at"] for row in found["executions"])
        assert (feedback["execution_id"], feedback["feedback_type"]) == (bad[0]["execution_id"], "negative")

    def test_an_undo_with_no_message_before_it_in_its_session_is_kept(self) -> None:
        log = Log()
        log.message()
        log.launch()
        log.undo()
        found = rows(log.lines)
        assert [row["outcome"] for row in found["executions"]] == ["success"]
        assert [row["execution_id"] for row in found["feedback"]] == [None]

    def test_undos_of_one_message_are_counted(self) -> None:
        log = Log()
        log.message()
        log.undo()
        log.undo()
        found = rows(log.lines)
        assert json.loads(found["executions"][0]["attributes"])["undone"] == len(found["feedback"]) == 2


class TestLines:
    def test_what_tells_nothing_that_is_kept_is_ignored_by_name(self) -> None:
        log = Log()
        for name in ("repo", "cli session", "command_add", "command_new", "model warning", "oauth_flow_success"):
            log.event(name)
        parsed = parse(*log.lines)
        assert parsed.ignored == {"session_note": 2, "command": 2, "model_warning": 1, "oauth": 1}

    def test_what_is_new_is_named(self) -> None:
        log = Log()
        log.event("telepathy")
        log.send(mood="good")
        parsed = parse(*log.lines)
        assert parsed.unknown == {"kind:telepathy": 1, "field:properties.mood": 1}
        assert [reject.check for reject in parsed.rejects] == ["unknown_kind"]

    @pytest.mark.parametrize(
        ("line", "check"),
        [
            (b'{"event": 1}', "foreign_document"),
            (b'{"type": "user", "sessionId": "s"}', "foreign_document"),
            (b"[1]", "type"),
            (b"words", "json"),
            (b'{"event": "launched", "properties": {}, "user_id": null, "time": "soon"}', "timestamp"),
            (b'{"event": "launched", "properties": {}, "user_id": null, "time": 0}', "timestamp"),
            (b'{"event": "message_send", "properties": {"cost": -1}, "user_id": null, "time": 1755099880}', "range"),
            (b'{"event": "message_send", "properties": {"cost": "x"}, "user_id": null, "time": 1755099880}', "range"),
            (
                b'{"event": "message_send", "properties": {"prompt_tokens": 1.5}, "user_id": null, "time": 1755099880}',
                "range",
            ),
        ],
    )
    def test_a_line_that_breaks_a_rule(self, line: bytes, check: str) -> None:
        assert [reject.check for reject in parse(line).rejects] == [check]

    def test_a_document_is_one_reject(self) -> None:
        parsed = aider.parse(split_lines(b'{\n "a": 1\n}\n'), Options())
        assert (parsed.lines_read, [reject.check for reject in parsed.rejects]) == (1, ["foreign_document"])

    def test_sniff(self) -> None:
        log = Log()
        log.launch()
        assert aider.sniff(log.lines[0])
        foreign = (b"", b"{}", b"[]", b'{"event": "launched"}', b'{"event": "started", "agent": "a", "time": 1}')
        assert not any(map(aider.sniff, foreign))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), min_size=1, max_size=5))
    @example([(129, b""), (86, b""), (484, b""), (1999, b"")])  # glues two lines, and breaks the first
    def test_damage_is_accounted_for(self, wounds: list[tuple[int, bytes]]) -> None:
        log = Log()
        log.launch()
        log.message()
        log.undo()
        data = b"\n".join(log.lines)
        for at, put in wounds:
            at %= len(data)
            data = data[:at] + put + data[at + 1 :]
        parsed = aider.parse(split_lines(data), Options())
        assert is_conserved(parsed, parsed.lines_read)


EVENTS = st.tuples(
    st.sampled_from(["launched", "exit", "start", "send", "exception", "undo"]),
    st.sampled_from([0, 0, 1, 40_000]),
    st.sampled_from(["u1", "u2", None]),
)


def written(events: list[tuple[str, int, str | None]]) -> list[bytes]:
    log = Log()
    for number, (name, seconds, user) in enumerate(events):
        log.user = user
        if name == "start":
            log.start(seconds)
        elif name == "send":
            log.send(seconds, cost=number / 8)
        elif name == "exception":
            log.event("message_send_exception", seconds, exception=str(number))
        else:
            log.event(
                {"undo": "command_undo"}.get(name, name), seconds, **({"reason": "/exit"} if name == "exit" else {})
            )
    return list(dict.fromkeys(log.lines))


class TestLaws:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(EVENTS, min_size=1, max_size=30), st.randoms(use_true_random=False))
    def test_order_and_split_make_no_difference(
        self, events: list[tuple[str, int, str | None]], chance: random.Random
    ) -> None:
        lines = written(events)
        whole = rows(lines)
        files: list[list[bytes]] = [[], [], []]
        for line in chance.sample(lines, len(lines)):
            for file in chance.sample(files, chance.randint(1, 2)):  # some lines are in two files
                file.append(line)
        assert rows(*files) == whole
        assert len(whole["llm_calls"]) == sum(b'"message_send"' in line for line in lines)
        assert len(whole["feedback"]) == sum(b"command_undo" in line for line in lines)

    def test_runs_and_late_lines_make_no_difference(self, tmp_path: Path) -> None:
        log = Log(start=START + 14 * 3600)
        for _ in range(3):
            log.launch(seconds=1800)
            log.message()
            log.message()
            log.undo()
        tree = tmp_path / "logs"
        tree.mkdir()
        (tree / "a.jsonl").write_bytes(b"\n".join(log.lines[::2]) + b"\n")
        land_all(tmp_path / "parts", tree, kind=KIND)
        with (tree / "a.jsonl").open("ab") as file:
            file.write(b"\n".join(log.lines[1::4]) + b"\n")
        land_all(tmp_path / "parts", tree, kind=KIND)
        (tree / "a.jsonl").unlink()
        (tree / "b.jsonl").write_bytes(b"\n".join(log.lines) + b"\n")
        report = land_all(tmp_path / "parts", tree, kind=KIND)
        assert report.duplicates > 0
        land_all(tmp_path / "whole", tree, kind=KIND)
        for stream in STREAMS:
            left, right = (read(tmp_path / home, stream).drop(LINEAGE) for home in ("parts", "whole"))
            assert left.sort(left.columns).equals(right.sort(left.columns)), stream
        again = land_all(tmp_path / "parts", tree, kind=KIND, now=datetime(2026, 4, 1, tzinfo=UTC))
        assert (again.files_changed, again.days) == (0, [])
        late = Log(start=START - 3 * 86_400)
        late.message()
        (tree / "late.jsonl").write_bytes(b"\n".join(late.lines))
        day = datetime.fromtimestamp(START, UTC).date() - timedelta(days=3)
        assert land_all(tmp_path / "parts", tree, kind=KIND).days == [day]


@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real logs of shared/ are not on this machine")
def test_real_analytics_equal_an_independent_count(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        member = next(each for each in archive if each.name.endswith("sample-analytics-all-versions.jsonl"))
        file = archive.extractfile(member)
        assert file is not None
        (tmp_path / "log.jsonl").write_bytes(file.read())
    events = [json.loads(line) for line in {*(tmp_path / "log.jsonl").read_text().splitlines()}]
    sent = [event["properties"] for event in events if event["event"] == "message_send"]
    names = Counter(event["event"] for event in events)
    report = land_all(tmp_path / "home", tmp_path / "log.jsonl", kind=KIND)
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (len(events), 0, {})
    calls, executions = read(tmp_path / "home", "llm_calls"), read(tmp_path / "home", "executions")
    assert calls.height == len(sent) == 5522
    assert calls["input_tokens"].sum() == sum(each["prompt_tokens"] for each in sent)
    assert calls["output_tokens"].sum() == sum(each["completion_tokens"] for each in sent)
    cost = sum(Decimal(repr(each["cost"])) for each in sent)
    assert abs(calls["reported_cost_usd"].sum() - cost) < Decimal("1e-8")
    models = Counter(each["main_model"] for each in sent)
    unnamed = {name for name in models if name == "None" or name.endswith("/REDACTED")}
    named = dict(calls.filter(pl.col("model").is_not_null()).group_by("model").len().iter_rows())
    assert named == {name: n for name, n in models.items() if name not in unnamed}
    assert read(tmp_path / "home", "feedback").height == names["command_undo"] == 434
    said = executions.filter(pl.col("error_message").is_not_null() | (pl.col("outcome_source") == "reported"))
    assert said.filter(outcome="failure").height == names["message_send_exception"]
    assert executions["llm_calls"].sum() == len(sent)
    # Each message that began is an execution; so is each answer to which no beginning is written.
    assert executions.filter(pl.col("started_at").is_not_null()).height == names["message_send_starting"]
