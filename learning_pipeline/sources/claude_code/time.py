"""Times of transcripts, checked as text: they are turned into times many at once."""

import re
from datetime import date
from functools import lru_cache

from learning_pipeline.sources.claude_code.decode import BadLineError
from learning_pipeline.sources.normal import timestamp

_USUAL = re.compile(r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII)


@lru_cache(maxsize=4096)
def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def utc_text(value: str | None) -> str:
    """Return the time as `YYYY-MM-DDThh:mm:ss.ffffffZ` or with fewer digits of the second.

    Raises:
        BadLineError: it is missing, or is no time.
    """
    if value is not None and _USUAL.fullmatch(value, 10) and _is_day(value[:10]):
        return value
    try:
        return timestamp(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, TypeError, OverflowError) as error:
        raise BadLineError("timestamp", f"timestamp is missing or not a time: {error}", "timestamp") from error
