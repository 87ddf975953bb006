"""Normal forms: what is found in the wild, and what a log may write by mistake."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.contracts.vocabulary import ERROR_TYPES, MODEL_TIERS, OUTCOMES, TASK_TYPES
from learning_pipeline.sources import normal, trailers

INSTANT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2001, 9, 10), datetime(2099, 12, 30), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("completed", "success"),
        ("PASS", "success"),
        (" Success ", "success"),
        (True, "success"),
        (1, "success"),
        ("1", "success"),
        ("Status.COMPLETED", "success"),
        ("error", "failure"),
        (False, "failure"),
        (0, "failure"),
        ("crash", "failure"),
        ("timed out", "timeout"),
        ("timed-out", "timeout"),
        ("cancelled", "interrupted"),
        ("in_progress", "open"),
        ("In Progress", "open"),
        ("pending", "open"),
        ("blocked", "open"),
        ("partial", "partial"),
        ("stuck", "abandoned"),
        ("frobnicated", "unknown"),
        (17, "unknown"),
        ([], "unknown"),
        (None, None),
        ("", None),
        ("null", None),
        ("N/A", None),
    ],
)
def test_outcome(word: object, expected: str | None) -> None:
    assert normal.outcome(word) == expected


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_an_outcome_is_always_of_the_vocabulary(word: object) -> None:
    assert normal.outcome(word) in (None, *OUTCOMES)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("operation timed out after 600 s", "timeout"),
        ("rate limit exceeded, retry later", "rate_limit"),
        ("HTTP 429: Too Many Requests", "rate_limit"),
        ("validation failed: field 'amount' is required", "validation"),
        ("Connection refused by peer", "network"),
        ("permission denied: /srv/data", "permission"),
        ("quality gate failed: coverage below 80 %", "quality_gate"),
        ("psycopg.OperationalError: database is locked", "database"),
        ("Segmentation fault (core dumped)", "crash"),
        ("Request was aborted by the user", "interrupted"),
        ("500 Internal Server Error", "api"),
        ("bash: foo: command not found", "tool"),
        ("something odd", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_error_type(message: str | None, expected: str) -> None:
    assert normal.error_type(message) == expected


@given(st.text())
def test_an_error_type_is_always_of_the_vocabulary(message: str) -> None:
    assert normal.error_type(message) in ERROR_TYPES
    assert normal.known_error_type(message) in (None, *ERROR_TYPES)


@pytest.mark.parametrize(
    ("word", "expected"), [("TimeoutError", "timeout"), ("rate-limit", "rate_limit"), (429, "rate_limit"), ("x", None)]
)
def test_known_error_type(word: object, expected: str | None) -> None:
    assert normal.known_error_type(word) == expected


@pytest.mark.parametrize("word", ["", " ", "None", "default", "unknown", "<synthetic>", "REDACTED", "'null'", None, 3])
def test_words_that_name_no_model(word: object) -> None:
    assert normal.model(word) is None


def test_a_model_is_kept_as_the_log_names_it() -> None:
    assert normal.model(' "claude-opus-4-5-20251101" ') == "claude-opus-4-5-20251101"


@pytest.mark.parametrize(
    ("name", "family", "provider", "tier"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4.5", "anthropic", "large"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4.5", "anthropic", "medium"),
        ("claude-sonnet-4.5", "claude-sonnet-4.5", "anthropic", "medium"),
        ("claude-4.5-sonnet", "claude-sonnet-4.5", "anthropic", "medium"),
        ("Claude Opus 4.6 (1M context)", "claude-opus-4.6", "anthropic", "large"),
        ("claude-opus-4-6[1m]", "claude-opus-4.6", "anthropic", "large"),
        ("claude-3-5-haiku@20241022", "claude-3.5-haiku", "anthropic", "small"),
        ("openai/gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "openai", "small"),
        ("gpt-4.1", "gpt-4.1", "openai", "medium"),
        ("o1", "o1", "openai", "large"),
        ("models/gemini-2.0-flash-lite", "gemini-2.0-flash-lite", "google", "small"),
        ("gemini-2.5-pro", "gemini-2.5-pro", "google", "large"),
        ("MiniMax-M2", "minimax-m2", "minimax", "medium"),
        ("our-own-model", "our-own-model", None, None),
    ],
)
def test_family_provider_and_tier(name: str, family: str, provider: str | None, tier: str | None) -> None:
    assert (normal.model_family(name), normal.provider(name), normal.model_tier(name)) == (family, provider, tier)


@given(st.text())
def test_a_name_of_any_model_is_harmless(name: str) -> None:
    assert isinstance(normal.model_family(name), str)
    assert normal.model_tier(name) in (None, *MODEL_TIERS)
    assert normal.tier(name) in (None, *MODEL_TIERS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix the failing test in foo.py", "bug_fix"),
        ("Add a new endpoint for users", "feature"),
        ("refactor the parser", "refactoring"),
        ("write unit tests for the lexer", "testing"),
        ("Review this PR", "code_review"),
        ("update the README", "documentation"),
        ("what does this function do?", "explanation"),
        ("explore the code base", "exploration"),
        ("make a plan for the release", "planning"),
        ("why is the build failing?", "debugging"),
        ("optimize the hot loop", "performance"),
        ("look for security problems", "security"),
        ("set up docker", "configuration"),
        ("commit this please", "git"),
        ("hello", "other"),
    ],
)
def test_task_type_of_words(text: str, expected: str) -> None:
    assert normal.task_type(text) == expected


def test_what_the_log_reports_counts_before_the_words_unless_it_says_nothing() -> None:
    assert normal.task_type("write unit tests", "bugfix") == "bug_fix"
    assert normal.task_type("write unit tests", "ai_task") == "testing"
    assert normal.task_type(None, "web_development") == "feature"
    assert normal.task_type(None, "ai_task") == "other"
    assert normal.task_type(None, None) is None
    assert normal.task_type(" ", "") is None


@given(st.none() | st.text(), st.none() | st.text())
def test_a_task_type_is_always_of_the_vocabulary(text: str | None, reported: str | None) -> None:
    assert normal.task_type(text, reported) in (None, *TASK_TYPES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T12:30:15.123456Z", INSTANT),
        ("2026-03-01T14:30:15.123456789+02:00", INSTANT),
        ("2026-03-01 12:30:15.123456 UTC", INSTANT),
        ("2026-03-01 07:30:15.123456 -0500", INSTANT),
        ("2026-03-01T12:30:15.1Z", INSTANT.replace(microsecond=100_000)),
        ("2026-03-01T12:30Z", INSTANT.replace(second=0, microsecond=0)),
    ],
)
def test_iso_times(value: str, expected: datetime) -> None:
    assert normal.timestamp(value) == expected


@given(INSTANTS)
def test_an_epoch_is_told_apart_by_magnitude(time: datetime) -> None:
    micros = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    millis, seconds = micros // 1000, micros // 1_000_000
    assert normal.timestamp(micros) == time == normal.timestamp(str(micros)) == normal.timestamp(micros * 1000 + 999)
    assert normal.timestamp(millis) == time.replace(microsecond=time.microsecond // 1000 * 1000)
    assert normal.timestamp(seconds) == time.replace(microsecond=0)
    assert normal.timestamp(f"{seconds}.{time.microsecond:06d}999") == time
    assert normal.timestamp(time.isoformat()) == time


def test_a_naive_time_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="naive_timezone"):
        normal.timestamp("2026-03-01T13:30:15.123456", None)
    assert normal.timestamp("2026-03-01T13:30:15.123456", ZoneInfo("Europe/Berlin")) == INSTANT


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "20260301", -5, 0, 1e30, float("nan"), True, []],
)
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ValueError):
        normal.timestamp(value, UTC)


@given(st.text() | st.floats() | st.integers())
def test_a_time_is_read_or_refused(value: object) -> None:
    try:
        time = normal.timestamp(value, UTC)
    except ValueError:
        return
    assert time.tzinfo is UTC and 2000 <= time.year < 2100


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("duration_ms", 1500, 1500),
        ("duration_s", 1.5, 1500),
        ("duration_seconds", "1.5", 1500),
        ("routing_us", 1_500_000, 1500),
        ("processing_time_ns", 1_500_000_000, 1500),
        ("elapsed_minutes", 2, 120_000),
    ],
)
def test_the_suffix_is_the_unit(name: str, value: object, expected: int) -> None:
    assert normal.duration_ms(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("duration", 5), ("duration_ms", -1), ("duration_ms", "x"), ("duration_ms", True), ("x_s", 1e12)],
)
def test_what_is_no_duration(name: str, value: object) -> None:
    with pytest.raises(ValueError):
        normal.duration_ms(name, value)


def test_money_is_exact() -> None:
    assert normal.usd("cost_usd", 0.1) + normal.usd("cost_usd", 0.2) == Decimal("0.3")
    assert normal.usd("cost_cents", 12) == Decimal("0.12")
    assert normal.usd("cost_usd", "$0.25") == Decimal("0.25")
    with pytest.raises(ValueError):
        normal.usd("cost_usd", -1)


def test_numbers_in_their_ranges() -> None:
    assert normal.integer("12") == normal.integer(12.0) == 12
    assert normal.ratio(85, scale=(0, 100)) == 0.85
    for bad in (1.5, -1, "x", None, True, float("inf"), 10**40):
        with pytest.raises(ValueError):
            normal.integer(bad)


def test_trailers() -> None:
    message = (
        "Subject\n\nBody\n\nco-authored-by: Jane Doe <jane@example.org>\n"
        "Co-Authored-By: Claude Opus 4.6 (1M context) <noreply@anthropic.com>\n"
        "Entire-Session: 2026-01-02-0b1d6a5e-1111-4c4c-8d8d-000000000000\nEntire-Checkpoint: 0123456789ab\n"
    )
    told = trailers.trailers(message)
    assert told == ("claude-code", "claude-opus-4.6", "0b1d6a5e-1111-4c4c-8d8d-000000000000", None, ("0123456789ab",))
    assert trailers.trailers("No trailer\n\nin this session: nothing happened") == trailers.Trailers()
    assert trailers.trailers("x\n\nClaude-Session: https://example.org/code/session_01").session_id == "session_01"
    assert trailers.agent("Copilot <198982749+Copilot@users.noreply.github.com>") == "copilot"
    assert trailers.trailers("x\n\nCo-authored-by: aider (gpt-4o) <aider@aider.chat>")[:2] == ("aider", "gpt-4o")


@given(st.text())
def test_any_message_has_trailers_or_none(message: str) -> None:
    trailers.trailers(message)
    trailers.trailers(f"Co-Authored-By: {message}\nSession-Id: {message}")
