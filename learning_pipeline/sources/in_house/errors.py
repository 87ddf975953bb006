"""What a line says of an error."""

from typing import Any, NamedTuple

from learning_pipeline.sources import normal

ERROR_NAMES = ("error_type", "error_message", "error", "error_code")


class Failure(NamedTuple):
    """What a line says of an error."""

    error_type: str | None  # as the log names it, in its normal form
    message: str | None
    reported: str | None  # a word for the type that the table does not have
    exit_code: int | None


_NO_FAILURE = Failure(None, None, None, None)


def failure(said: dict[str, Any]) -> Failure:
    """Return what error_type, error_message, error and error_code tell."""
    if not said:
        return _NO_FAILURE
    kind, message, reported, code = None, None, None, None
    error = said.get("error")
    parts = dict(error) if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}
    words = (said.get("error_type"), parts.get("type"), parts.get("error_type"), said.get("error_code"))
    for word in (*words, parts.get("code")):
        if kind is None and isinstance(word, str | int) and not isinstance(word, bool):
            kind = normal.known_error_type(word)
            if kind is None and isinstance(word, str) and not normal.is_null_word(word.strip().lower()):
                reported = reported or word.strip()
    for words_of in (said.get("error_message"), parts.get("message"), parts.get("error_message")):
        if message is None and isinstance(words_of, str) and not normal.is_null_word(words_of.strip().lower()):
            message = words_of
    number = said.get("error_code")
    if isinstance(number, int) and not isinstance(number, bool) and number != 0 and abs(number) <= 255:
        code = number
    return Failure(kind, message, None if kind else reported, code)
