"""Which sources could not be read, as the last landing of each saw it: told once, and once when it is well again.

A source that is broken stops no other, so no run fails for it; `health` and the sensor `watch` look here.
"""

import json
from collections.abc import Sequence

from learning_pipeline.assets import record
from learning_pipeline.assets.inputs import default_specs
from learning_pipeline.lake.discover import AUTO
from learning_pipeline.lake.report import LandReport
from learning_pipeline.settings import Settings, SourceSpec

NAME = "broken.json"
SHOWN = 3


def note(settings: Settings, specs: Sequence[SourceSpec], report: LandReport) -> None:
    """Note what a landing of these inputs could not read; what others noted stays where this one did not look."""
    kinds = {spec.kind for spec in specs}
    all_kinds = AUTO in kinds or list(specs) == default_specs(settings)
    before = load(settings)
    stays = {} if all_kinds else {kind: why for kind, why in before.items() if kind not in kinds}
    after = {**stays, **{kind: sorted(set(why)) for kind, why in report.broken.items()}}
    if after != before:
        record.write(settings.home / NAME, json.dumps(after, indent=1, sort_keys=True) + "\n")


def load(settings: Settings) -> dict[str, list[str]]:
    """Return, by source kind, what could not be read and why."""
    try:
        found = json.loads((settings.home / NAME).read_bytes())
        return {str(kind): [str(one) for one in why] for kind, why in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def summary(why: Sequence[str]) -> str:
    """Return what could not be read of one source, in one line."""
    more = f" (and {len(why) - SHOWN} more)" if len(why) > SHOWN else ""
    return f"{'; '.join(why[:SHOWN])}{more}; everything else was read"
