"""From the bytes of one export batch to its log records, data points and spans.

OTLP/JSON is regular in its frame and not in its values: a number comes as `intValue` 39 or "39", as `doubleValue`,
or as `stringValue`. So the frame is decoded by type, and a value is read by the name of its attribute (see `values`).
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Raw, Struct

from learning_pipeline.sources.json_lines import MAX_LINE_BYTES, LineError
from learning_pipeline.sources.json_lines import decode as decode_objects

Attributes = dict[str, Any]

_NOTHING = Raw(b"")


class Value(Struct, gc=False):
    """A value of any type; a floating-point number stays as it was printed."""

    stringValue: Any = None  # noqa: N815
    intValue: Any = None  # noqa: N815
    boolValue: Any = None  # noqa: N815
    doubleValue: Raw = _NOTHING  # noqa: N815
    arrayValue: "ArrayValue | None" = None  # noqa: N815
    kvlistValue: "KeyValues | None" = None  # noqa: N815


class ArrayValue(Struct):
    values: list[Value | None] | None = None


class KeyValue(Struct):
    key: str
    value: Value | None = None


class KeyValues(Struct):
    values: list[KeyValue] | None = None


class Resource(Struct):
    attributes: list[KeyValue] | None = None


class Scope(Struct):
    name: str | None = None
    version: str | None = None


class LogRecord(Struct):
    timeUnixNano: Any = None  # noqa: N815
    observedTimeUnixNano: Any = None  # noqa: N815
    eventName: str | None = None  # noqa: N815
    body: Value | None = None
    attributes: list[KeyValue] | None = None
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815


class ScopeLogs(Struct):
    scope: Scope | None = None
    logRecords: list[LogRecord] | None = None  # noqa: N815


class ResourceLogs(Struct):
    resource: Resource | None = None
    scopeLogs: list[ScopeLogs] | None = None  # noqa: N815


class Point(Struct):
    attributes: list[KeyValue] | None = None
    startTimeUnixNano: Any = None  # noqa: N815
    timeUnixNano: Any = None  # noqa: N815
    asDouble: Raw = _NOTHING  # noqa: N815
    asInt: Any = None  # noqa: N815


class Sum(Struct):
    dataPoints: list[Point] | None = None  # noqa: N815
    aggregationTemporality: int | str | None = None  # noqa: N815


class Metric(Struct):
    name: str
    sum: Sum | None = None


class ScopeMetrics(Struct):
    scope: Scope | None = None
    metrics: list[Metric] | None = None


class ResourceMetrics(Struct):
    resource: Resource | None = None
    scopeMetrics: list[ScopeMetrics] | None = None  # noqa: N815


class SpanEvent(Struct):
    name: str | None = None
    attributes: list[KeyValue] | None = None


class Status(Struct):
    code: int | str | None = None
    message: str | None = None


class Span(Struct):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    parentSpanId: str | None = None  # noqa: N815
    name: str | None = None
    startTimeUnixNano: Any = None  # noqa: N815
    endTimeUnixNano: Any = None  # noqa: N815
    attributes: list[KeyValue] | None = None
    events: list[SpanEvent] | None = None
    status: Status | None = None


class ScopeSpans(Struct):
    scope: Scope | None = None
    spans: list[Span] | None = None


class ResourceSpans(Struct):
    resource: Resource | None = None
    scopeSpans: list[ScopeSpans] | None = None  # noqa: N815


class Batch(Struct):
    """One line: an export batch, or what `claude -p` prints (its fields are in `envelope`)."""

    resourceLogs: list[ResourceLogs] | None = None  # noqa: N815
    resourceMetrics: list[ResourceMetrics] | None = None  # noqa: N815
    resourceSpans: list[ResourceSpans] | None = None  # noqa: N815
    type: Any = None
    session_id: Any = None

    @property
    def is_export(self) -> bool:
        return not self.resourceLogs is self.resourceMetrics is self.resourceSpans is None


_BATCH = msgspec.json.Decoder(Batch)


def decode(raw: bytes) -> Iterator[tuple[Batch, bytes]]:
    """Yield the batches of a line, each with its own bytes: one, or several where lines were glued together.

    Raises:
        LineError: the line is too long, not JSON, or has not the frame of an export.
    """
    if len(raw) <= MAX_LINE_BYTES:
        try:
            yield _BATCH.decode(raw), raw
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # odd lines are read again, leniently
    for value in decode_objects(raw):
        text = msgspec.json.encode(value)
        try:
            yield _BATCH.decode(text), text
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at ")
            column = path.strip("`").removeprefix("$.") or None
            raise LineError("type", f"{message} in {column or 'the batch'}", column) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise LineError("json", str(error)) from error


def attributes(pairs: list[KeyValue] | None) -> Attributes:
    """Return attributes by name, values as plain Python values."""
    return {pair.key: plain(pair.value) for pair in pairs or ()}


def plain(value: Value | None) -> Any:
    """Return a value as a string, a number (a floating-point one as an exact Decimal), a boolean, a list or a dict."""
    if value is None:
        return None
    if value.stringValue is not None:
        text = value.stringValue
        return text.replace("\x00", "") if isinstance(text, str) else text
    if value.intValue is not None:
        return value.intValue
    if value.doubleValue is not _NOTHING:
        return exact(value.doubleValue)
    if value.boolValue is not None:
        return value.boolValue
    if value.arrayValue is not None:
        return [plain(item) for item in value.arrayValue.values or ()]
    if value.kvlistValue is not None:
        return attributes(value.kvlistValue.values)
    return None


def exact(raw: Raw) -> Decimal | None:
    """Return a number as it was printed, bare or as a string; None where it is none."""
    try:
        number = Decimal(bytes(raw).decode("ascii", "replace").strip().strip('"'))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
