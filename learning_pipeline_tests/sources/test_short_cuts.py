"""Where the common line takes a shorter way, it comes to the same as the long one."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid5

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.sources import normal, numbers, times
from learning_pipeline.sources.base import Options, key_of
from learning_pipeline.sources.execution_log import fields, outcome
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.events import NAMESPACE
from learning_pipeline.sources.in_house.frames import frame_of
from learning_pipeline.sources.in_house.identity import json_text, key_of_object, uuid_of
from learning_pipeline.sources.in_house.names import Names, Step
from learning_pipeline.sources.in_house.read import read_fields
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.remember import remembered
from learning_pipeline_tests.sources.lines import rows

OPTIONS = Options()
whole = st.integers(-(10**4), 10**4) | st.integers(-(2**70), 2**70) | st.integers(10**8, 10**21)
word = st.sampled_from(["success", "failed", "done", "none", "odd", "timeout", "N/A", "open", ""]) | st.text(
    max_size=12
)
scalar = st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | word


def told(ask: Any, *given: Any, **more: Any) -> Any:
    """Return what a function answers, or that it refuses."""
    try:
        return ask(*given, **more)
    except ValueError:
        return ValueError


@given(whole)
def test_a_whole_number_is_read_like_the_same_number_as_a_decimal(value: int) -> None:
    exact = Decimal(value)
    assert told(times.from_epoch, value) == told(times.from_epoch, exact)
    assert told(numbers.integer, value) == told(numbers.integer, exact)
    assert told(numbers.integer, value, least=None) == told(numbers.integer, exact, least=None)
    assert told(numbers.integer, value, least=-5, most=5) == told(numbers.integer, exact, least=-5, most=5)
    assert told(numbers.number, value, least=0) == told(numbers.number, exact, least=0)
    for unit in (*times.UNITS, "parsecs"):
        assert told(times.duration_ms, f"took_{unit}", value) == told(times.duration_ms, f"took_{unit}", exact)


@given(word | st.sampled_from(normal._TABLES["nulls"]["words"]).map(lambda word: f" {word.upper()}\t"))
def test_a_label_is_its_text_without_blanks_and_words_for_nothing(text: str) -> None:
    plain = text.strip()
    assert values.label("x", text, OPTIONS) == (None if not plain or normal.is_null_word(plain.lower()) else plain)


@given(st.dictionaries(word, scalar | st.lists(scalar, max_size=2), max_size=4))
def test_the_key_of_an_object_is_that_of_its_kind_and_json(line: dict[str, Any]) -> None:
    assert key_of_object("execution_log", line) == key_of("execution_log", json_text(line))


@given(st.text(max_size=9))
def test_a_derived_id_is_that_of_uuid5(name: str) -> None:
    assert uuid_of(NAMESPACE, name) == str(uuid5(NAMESPACE, name))


@given(st.floats(allow_nan=False) | whole, st.sampled_from([{}, {"score": (0, 10)}, {"other": (0, 10)}]))
def test_a_share_is_the_ratio_on_its_scale(value: float, scales: dict[str, tuple[float, float]]) -> None:
    ratio = told(numbers.ratio, value, scale=scales.get("score", (0, 1)))
    assert told(values.share, "score", value, Options(scales=scales)) == ratio


class _OneByOne(Names):
    """The same names, each field read as if others could tell its column too."""

    def plan(self, names: tuple[str, ...]) -> tuple[Step, ...]:
        plain_names = map(self.plain_name, names)
        return tuple(
            Step(name, plain, "", None, plain in self.together, self.fields_of(plain))
            for name, plain in zip(names, plain_names, strict=True)
        )


_LONG_WAY = _OneByOne(
    fields._TABLE, together=fields._TOGETHER, duration=(fields.Field("duration_ms", values.duration), fields._DURATION)
)


@given(st.dictionaries(st.sampled_from([
    "execution_id", "executionId", "task_id", "agent_name", "agent", "pool_type", "agent_id", "started_at",
    "startedAt", "timestamp", "created_at", "duration_ms", "duration_seconds", "latency_h", "model", "cost_usd",
    "repo_path", "cwd", "status", "Status", "input_tokens", "surprise",
]), scalar | st.sampled_from(["/a", "2026-03-01T12:00:00Z", "2026-03-01T12:00", 1772366400]), max_size=6))  # fmt: skip
def test_an_object_is_read_by_its_shape_as_it_is_field_by_field(line: dict[str, Any]) -> None:
    def read(names: Names) -> Any:
        try:
            return read_fields(line, names, OPTIONS)
        except LineError as error:
            return error.check, error.reason, error.column, error.value

    assert read(fields.NAMES) == read(_LONG_WAY)


@given(st.dictionaries(st.sampled_from(fields.OUTCOME_NAMES), word | st.booleans() | whole | st.just({"passed": True})),
       st.none() | st.integers(-1, 131))  # fmt: skip
def test_what_words_say_of_the_end_is_remembered_as_it_was_weighed(said: dict[str, Any], code: int | None) -> None:
    found = told(outcome.evidence, said, None, code)
    assert found == told(outcome._weighed, said, None, code) == told(outcome.evidence, said, None, code)


SCHEMA = {"a": pl.Int64(), "b": pl.String(), "at": pl.Datetime("us", "UTC"), "no": pl.Decimal(38, 12)}


@given(st.lists(st.fixed_dictionaries({}, optional={
    "at": st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda time: time.replace(tzinfo=UTC)),
    "b": st.none() | st.text(max_size=3), "a": st.none() | st.integers(-9, 9), "more": st.just([1]),
}), max_size=5))  # fmt: skip
def test_a_frame_has_every_row_in_its_place(given_rows: list[dict[str, Any]]) -> None:
    frame = frame_of(given_rows, SCHEMA)
    assert dict(frame.schema) == SCHEMA
    assert frame.to_dicts() == [{name: row.get(name) for name in SCHEMA} for row in given_rows]


def test_an_object_of_very_many_fields_is_read_too() -> None:
    many = {f"field_{number}": number for number in range(500)}
    (row,) = rows("execution_log", [{"execution_id": "1", "agent": "a", "started_at": 1772366400, **many}])
    assert json.loads(row["attributes"])["field_499"] == 499


def test_only_short_words_are_remembered_and_errors_never() -> None:
    asked = []

    @remembered
    def length(text: str) -> int:
        asked.append(text)
        if text == "bad":
            raise ValueError(text)
        return len(text)

    assert [length("ab"), length("ab"), length("x" * 999), length("x" * 999)] == [2, 2, 999, 999]
    assert told(length, "bad") is told(length, "bad") is ValueError
    assert [len(text) for text in asked] == [2, 999, 999, 3, 3]
