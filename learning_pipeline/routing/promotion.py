"""Whether a new version may decide.

A challenger must hold all of these on executions that are newer than everything it learned from:

1. Its predictions surely beat the base rate: the 95 % interval of its gain in log loss, by task, lies above zero.
2. They are calibrated: the expected calibration error is within `MOST_MISCALIBRATED` and what chance alone gives.
3. Its choices are worth more than always taking the best single candidate: the lower confidence bound (one-sided,
   95 %) of the difference in utility, task by task, is above zero.
4. The same against the champion, on tasks that the champion has not learned from.
5. No kind of task collapses: in none is it surely (one-sided, 99.5 %) worth less than the best single candidate by
   more than `MOST_LOST`.

What passes only 1 informs as `staging`; the reason is recorded either way.
"""

from dataclasses import dataclass
from math import pi, sqrt

from learning_pipeline.routing.contest import Contest
from learning_pipeline.routing.evaluation import BINS, Evaluation
from learning_pipeline.routing.policies import LEAST_TASKS

MOST_MISCALIBRATED = 0.05
MOST_LOST = 0.05
_Z_COLLAPSE = 2.576


@dataclass(frozen=True)
class Verdict:
    """The stage that a version is given, and why."""

    stage: str  # production, staging (its predictions beat the base rate) or training
    reason: str

    @property
    def promoted(self) -> bool:
        return self.stage == "production"


def judge(evaluation: Evaluation, labelled: int, min_evidence: int) -> Verdict:
    """Return the verdict on a challenger (see above)."""
    if labelled < min_evidence:
        return Verdict("training", f"{labelled} labelled executions, fewer than the {min_evidence} that are needed")
    gain = evaluation.get("router", "log_loss_gain")
    if gain is None or gain.value is None or gain.low is None or gain.n < LEAST_TASKS:
        return Verdict(
            "training",
            f"{evaluation.held_out} held-out labelled executions, fewer than the {LEAST_TASKS} that are needed",
        )
    told = f"held-out log loss is {gain.value:.4f} below the base rate's (at least {gain.low:.4f}, n {gain.n})"
    if gain.low <= 0:
        return Verdict(
            "training",
            f"its predictions do not surely beat the base rate: log loss lower by {gain.value:.4f}, "
            f"95 % interval from {gain.low:.4f}, n {gain.n}",
        )
    objection = _calibration(evaluation)
    if objection is None and evaluation.candidates < 2:
        return Verdict("production", f"{told}; there is one candidate, so there is nothing to choose")
    objection = objection or _worth(evaluation.against_single, "the best single candidate")
    if objection is None and evaluation.against_champion is not None:
        objection = _worth(evaluation.against_champion, "the version in production")
    objection = objection or _collapse(evaluation)
    if objection is not None:
        return Verdict("staging", f"{told}; but {objection}")
    beaten = _told(evaluation.against_single, "the best single candidate")
    if evaluation.against_champion is not None:
        beaten += f" and {_told(evaluation.against_champion, 'the version in production')}"
    return Verdict("production", f"{told}; its choices are worth {beaten}")


def _calibration(evaluation: Evaluation) -> str | None:
    error = evaluation.get("router", "calibration_error")
    if error is None or error.value is None:
        return "its calibration could not be measured"
    chance = sqrt(BINS * 0.5 / (pi * max(error.n, 1)))
    if error.value > MOST_MISCALIBRATED + chance:
        return f"its calibration error is {error.value:.3f}, more than {MOST_MISCALIBRATED + chance:.3f}"
    return None


def _worth(contest: Contest | None, rival: str) -> str | None:
    if contest is None:
        return f"its choices could not be compared with {rival}"
    low = contest.low()
    if low is None:
        return f"too few held-out tasks ran what it would choose to compare it with {rival}: {contest.refused}"
    if low <= 0:
        return f"its choices are not surely worth more than {rival}: {_told(contest, rival)}"
    return None


def _told(contest: Contest | None, rival: str) -> str:
    if contest is None or contest.difference is None:
        return f"an unknown amount more than {rival}"
    return f"{contest.difference:+.4f} of utility against {rival} (at least {contest.low():+.4f}, n {contest.n})"


def _collapse(evaluation: Evaluation) -> str | None:
    for name, contest in sorted(evaluation.by_slice.items()):
        high = contest.high(_Z_COLLAPSE)
        if high is not None and high < -MOST_LOST:
            return f"it collapses in {name}: {_told(contest, 'the best single candidate')}"
    return None
