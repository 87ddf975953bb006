"""The rung below statistics: words that tell how hard a task is, and the size of model that is asked for."""

import re

from learning_pipeline.sources.models import model_tier

_LARGE = re.compile(
    r"\b(architect\w*|design|migrat\w*|refactor\w*|concurren\w*|race condition|deadlock\w*|distributed|security|"
    r"vulnerab\w*|perform\w*|optimi[sz]\w*|algorithm\w*|prove|root cause|investigat\w*|redesign|rewrite|"
    r"across the (code ?base|repo\w*)|end[- ]to[- ]end)\b"
)
_SMALL = re.compile(
    r"\b(typo\w*|renam\w*|format\w*|lint\w*|comment\w*|bump|changelog|readme|spelling|whitespace|indent\w*|"
    r"list|print|version number|import order|one[- ]liner|translate|summari[sz]e)\b"
)
_LONG_TEXT = 1500


def tier_for(normalised_text: str) -> str | None:
    """Return the size of model that a task asks for; None where there is no text to tell from."""
    if not normalised_text:
        return None
    large, small = len(_LARGE.findall(normalised_text)), len(_SMALL.findall(normalised_text))
    if large > small or len(normalised_text) > _LONG_TEXT:
        return "large"
    return "small" if small > large else "medium"


def tier_of(model: str | None) -> str | None:
    """Return the size class of a model by its name, None where that is not known."""
    return model_tier(model)
