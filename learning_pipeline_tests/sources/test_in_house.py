"""What all flat in-house logs have in common: conservation, order, splits, copies, damage, and who claims what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
from learning_pipeline_tests.sources.lines import is_conserved, landed, parse, raw, rows, united

AT = "2026-03-01T12:00:00Z"
LATER = "2026-03-01T12:00:09Z"
# Of each kind: an acceptable line, its id's name, and fields that a line may have beside them.
KINDS: dict[str, tuple[dict[str, Any], str, dict[str, list[Any]]]] = {
    "routing_log": (
        {"decided_at": AT, "selected_agent": "a"},
        "decision_id",
        {"confidence": [0.5, 1, None, 7], "cache_hit": [True, "no", "?"], "user_request": ["x", 3, []]},
    ),
    "transformation_log": (
        {"event_type": "transformation_complete", "started_at": AT, "target_agent": "b"},
        "event_id",
        {"success": [True, False, "x"], "error_message": ["timed out", None], "total_execution_duration_ms": [5, -1]},
    ),
    "interaction_log": (
        {"requested_at": AT, "source_agent": "a", "target_agent": "b"},
        "interaction_id",
        {"responded_at": [LATER, "2020-01-01T00:00:00Z"], "latency_s": [1, "x"], "message_content": ["é", {"a": 1}]},
    ),
    "feedback": (
        {"given_at": AT, "execution_id": "e", "rating": 4},
        "feedback_id",
        {"satisfaction": ["good", "poor", 9], "comment": ["fine", None], "issue_type": ["too_slow", "odd"]},
    ),
    "health_log": (
        {"occurred_at": AT, "agent_name": "a", "status": "stable", "cpu_percent": 5},
        "event_id",
        {"category": ["kafka", None], "latency_ms": [3, -3], "event_type": ["error", "odd", "started"]},
    ),
}


def some_lines(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lines of a kind, most of them acceptable, several with one id."""
    fine, id_name, more = KINDS[kind]
    line = st.fixed_dictionaries(
        {name: st.just(value) for name, value in fine.items()},
        optional={
            id_name: st.sampled_from(["1", "2"]),
            "session_id": st.sampled_from(["s", None, 7]),
            "surprise": st.just(1),
            **{name: st.sampled_from(of) for name, of in more.items()},
        },
    )
    return st.lists(line, max_size=12)


per_kind = pytest.mark.parametrize("kind", list(KINDS))


@per_kind
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lines_in_any_order_and_split_give_the_same_rows(kind: str, data: st.DataObject) -> None:
    lines = data.draw(some_lines(kind))
    parsed = parse(kind, lines)
    assert is_conserved(parsed, len(lines))
    family = registry.family(registry.source(kind).FAMILY)
    records = united(landed(parsed, kind))
    whole = family.assemble({"event": records})[family.NAME]
    order = data.draw(st.permutations(range(len(lines))))
    cut = data.draw(st.integers(0, len(lines)))
    again = [parse(kind, [lines[at] for at in part]) for part in (order[:cut], order[cut:], order[: cut // 2])]
    frames = [landed(part, kind) for part in again]
    mixed = family.assemble({"event": united(frames[0].vstack(frames[1]).vstack(frames[2]))})[family.NAME]
    said = [name for name in whole.columns if name != "source_line"]
    assert mixed.sort("group_key").select(said).rows() == whole.sort("group_key").select(said).rows()


@per_kind
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_lines_never_fail_and_are_all_somewhere(kind: str, data: st.DataObject) -> None:
    fine = KINDS[kind][0]
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=5,
    )
    names = st.sampled_from(sorted({*fine, *KINDS[kind][2], "alternatives", "confidence_components", "rating_scale",
                                    "context_snapshot", "context_keys", "error", "timestamp", "event"}))  # fmt: skip
    line = {**fine, **data.draw(st.dictionaries(names, value, max_size=4))}
    text = bytearray(raw(line))
    for _ in range(data.draw(st.integers(0, 2))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(11, 255))
    parsed = parse(kind, [bytes(text)])
    assert is_conserved(parsed, parsed.lines_read)
    family = registry.family(registry.source(kind).FAMILY)
    family.assemble({"event": united(landed(parsed, kind))})


@per_kind
def test_a_line_without_an_id_has_one_that_stays(kind: str) -> None:
    fine, id_name, _ = KINDS[kind]
    first, second = rows(kind, [fine]), rows(kind, [{"note": "x", **dict(reversed(fine.items()))}])
    assert first[0][id_name] == second[0][id_name]
    (other,) = rows(kind, [{name: LATER if value == AT else value for name, value in fine.items()}])
    assert other[id_name] != first[0][id_name]


@per_kind
def test_a_copy_and_a_glued_line_count_once(kind: str) -> None:
    fine, id_name, _ = KINDS[kind]
    line = json.dumps({**fine, id_name: "1"})
    other = json.dumps({**fine, id_name: "2"})
    found = rows(kind, [line, line + other, other])
    assert sorted(row[id_name] for row in found) == ["1", "2"]


@per_kind
def test_a_later_line_wins_and_a_null_never_does(kind: str) -> None:
    fine, id_name, _ = KINDS[kind]
    first = {**fine, id_name: "1", "session_id": "s1", "attempt_of": 1}
    second = {**fine, id_name: "1", "session_id": None, "attempt_of": 2}
    family = FLAT[registry.source(kind).FAMILY]
    for lines in ([first, second], [second, first]):
        (row,) = rows(kind, lines)
        assert row.get("session_id", "s1") in ("s1", None)
        if "session_id" in family.told:
            assert row["session_id"] == "s1"


@per_kind
def test_unknown_fields_are_counted_and_kept(kind: str) -> None:
    parsed = parse(kind, [{**KINDS[kind][0], "surprise": {"a": 1}}])
    assert parsed.unknown == {"field:surprise": 1}
    (row,) = rows(kind, [{**KINDS[kind][0], "surprise": {"a": 1}}])
    assert json.loads(row["attributes"])["surprise"] == {"a": 1}


@per_kind
def test_a_naive_time_needs_a_zone(kind: str) -> None:
    fine = {name: "2026-03-01T12:00:00" if value == AT else value for name, value in KINDS[kind][0].items()}
    (reject,) = parse(kind, [fine]).rejects
    assert reject.check == "naive_time"
    (row,) = rows(kind, [fine], zone="Europe/Berlin")
    assert row[FLAT[registry.source(kind).FAMILY].times[0]] == datetime(2026, 3, 1, 11, tzinfo=UTC)


@per_kind
def test_each_kind_knows_its_own_lines_and_no_others(kind: str) -> None:
    others = {name: line for name, (line, _, _) in KINDS.items()}
    others["execution_log"] = {"execution_id": "e", "agent_name": "a", "started_at": AT, "status": "success"}
    others["aliases"] = {
        "task_id": "e", "selected_agent": "a", "execution_start": 1772366400, "duration_seconds": 3,
        "task_description": "x", "routing_confidence": 0.5, "result": "passed",
    }  # fmt: skip
    for name, line in others.items():
        assert registry.source(kind).sniff(b"{broken\n" + raw(line) + b'\n{"half": ') == (name == kind), name
    assert not registry.source("execution_log").sniff(raw(KINDS[kind][0]))


def test_scales_are_those_of_the_configuration() -> None:
    options = Options(scales={"rating": (1, 10), "confidence": (0, 100)})
    assert (values.rating("rating", 10, options), values.share("confidence", 50, options)) == (5.0, 0.5)
    assert values.rating("user_rating", 4, options) == 4


@per_kind
def test_a_time_is_read_in_any_unit(kind: str) -> None:
    name = next(iter(name for name, value in KINDS[kind][0].items() if value == AT))
    for value in (1772366400, 1772366400000, "1772366400000000", 1772366400000000000, "2026-03-01T13:00:00+01:00"):
        (row,) = rows(kind, [{**KINDS[kind][0], name: value}])
        assert row[name] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    late = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(microseconds=5)
    (row,) = rows(kind, [{**KINDS[kind][0], name: late.isoformat()}])
    assert row[name] == late
