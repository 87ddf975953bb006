"""How an execution ended, as one line tells it: what was reported, and what was checked."""

from functools import lru_cache
from typing import Any, NamedTuple

from learning_pipeline.contracts.vocabulary import SUCCESS_OF_OUTCOME
from learning_pipeline.sources import normal
from learning_pipeline.sources.json_lines import LineError

# Words that say that something ended, and only in want of a verdict that it ended well.
_ENDED = frozenset(("complete", "completed", "done", "finished", "ended", "closed"))
# A success flag is false for all of these as well: the status says more.
_MORE_THAN_FAILURE = frozenset(("timeout", "interrupted", "abandoned", "partial", "open"))
# A longer text is not remembered: it hardly comes again.
_LONGEST_WORD = 100
_TIMEOUT_EXIT = 124
_INTERRUPTED_EXITS = (130, 143)


class Evidence(NamedTuple):
    """An outcome and where it comes from; None where the line says nothing of it. `reported` is what it reports."""

    outcome: str | None
    source: str | None
    reported: str | None = None

    @lru_cache(maxsize=256)  # noqa: B019 - a value, of which there are few
    def all(self) -> str | None:
        """Return all evidence as `source:outcome`, the strongest first; None where there is none."""
        found = [(self.source, self.outcome)] if self.source not in (None, "none") else []
        if self.source == "check" and self.reported is not None:
            found.append(("reported", self.reported))
        return " ".join(f"{source}:{outcome}" for source, outcome in found) or None


def evidence(said: dict[str, Any], checks: Any, exit_code: int | None) -> Evidence:
    """Weigh what a line says: its checks before its exit code, and both before what it reports.

    Raises:
        LineError: what it reports contradicts itself, or its checks are not a list of checks.
    """
    if checks is None and all(map(_is_short, said.values())):
        return _of_words(tuple(said.items()), exit_code)
    return _weighed(said, checks, exit_code)


def _is_short(word: Any) -> bool:
    return word is True or word is False or (type(word) is str and len(word) <= _LONGEST_WORD)


@lru_cache(maxsize=4096)
def _of_words(said: tuple[tuple[str, str | bool], ...], exit_code: int | None) -> Evidence:
    """Weigh words and flags: most lines tell no more of their end, and what they tell is soon known."""
    return _weighed(dict(said), None, exit_code)


def _weighed(said: dict[str, Any], checks: Any, exit_code: int | None) -> Evidence:
    reported = reported_outcome(said)
    checked = checked_outcome(checks)
    if checked is None and exit_code is not None and reported != "open":
        checked = _exit_outcome(exit_code)
    known = reported if reported not in ("open", "unknown") else None
    if checked is None:
        return Evidence(reported, "reported" if known else None if reported is None else "none", known)
    if checked == "failure" and reported in ("timeout", "interrupted", "abandoned"):
        # A check fails too when the run was cut short: the report says why.
        return Evidence(reported, "check" if reported == "timeout" else "reported", known)
    return Evidence(checked, "check", known)


def reported_outcome(said: dict[str, Any]) -> str | None:
    """Return the outcome that status, outcome, success, result, verdict and passed tell together.

    Raises:
        LineError: they contradict each other.
    """
    found: set[str] = set()
    weak = False
    for name, value in said.items():
        for word in _words(name, value):
            outcome = normal.outcome(word)
            if outcome == "success" and isinstance(word, str) and word.strip().lower() in _ENDED:
                weak = True
            elif outcome is not None:
                found.add(outcome)
    if len(found) > 1:
        found.discard("unknown")
    if "failure" in found and found & _MORE_THAN_FAILURE:
        found.discard("failure")
    if found == {"success", "partial"}:
        found = {"partial"}
    if len(found) > 1:
        words = ", ".join(f"{name}={value!r}" for name, value in said.items())
        raise LineError("contradiction", f"the outcome contradicts itself: {words[:300]}", "outcome", words)
    if found and found != {"unknown"}:
        return found.pop()
    return "success" if weak else (found.pop() if found else None)


def _words(name: str, value: Any) -> list[Any]:
    """Return the words in which a field tells an outcome; an object may hold several."""
    if isinstance(value, dict):
        return [value[key] for key in ("status", "outcome", "success", "verdict", "passed") if key in value]
    if name == "result":
        # A result may also be the work itself: only a word for an outcome is one.
        known = isinstance(value, bool) or normal.outcome(value) not in (None, "unknown")
        return [value] if known else []
    if isinstance(value, list):
        raise LineError("type", f"{name} is a list", name)
    return [value]


def checked_outcome(checks: Any) -> str | None:
    """Return success when all checks passed, failure when one did not, None where none says.

    Raises:
        LineError: it is not a list of checks.
    """
    if checks is None:
        return None
    if not isinstance(checks, list):
        raise LineError("type", "checks is not a list", "checks", checks)
    passed = [result for result in map(_passed, checks) if result is not None]
    if not passed:
        return None
    return "success" if all(passed) else "failure"


def _passed(check: Any) -> bool | None:
    if not isinstance(check, dict):
        raise LineError("type", "a check is not an object", "checks", check)
    code = check.get("exit_code")
    if code is not None:
        try:
            return normal.integer(code, least=-(2**31), most=2**32) == 0
        except ValueError as error:
            raise LineError("type", f"exit_code of a check: {error}", "checks", code) from error
    for name in ("passed", "success", "status", "outcome", "result"):
        if name in check and isinstance(check[name], str | bool | int):
            return SUCCESS_OF_OUTCOME.get(normal.outcome(check[name]) or "unknown")
    return None


def _exit_outcome(code: int) -> str:
    if code == 0:
        return "success"
    if code == _TIMEOUT_EXIT:
        return "timeout"
    return "interrupted" if code in _INTERRUPTED_EXITS else "failure"
