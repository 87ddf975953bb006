"""Whether a new version may decide."""

from dataclasses import dataclass

from learning_pipeline.routing.evaluation import Evaluation, Measure
from learning_pipeline.routing.policies import LEAST_TASKS


@dataclass(frozen=True)
class Verdict:
    """The stage that a version is given, and why."""

    stage: str  # production, staging (its predictions beat the base rate) or training
    reason: str

    @property
    def promoted(self) -> bool:
        return self.stage == "production"


def judge(evaluation: Evaluation, labelled: int, min_evidence: int) -> Verdict:
    """Promote a version whose predictions surely beat the base rate and whose choices are no worse than the best one.

    "Surely": the 95 % interval of its gain in held-out log loss, by task, lies above zero. "No worse": its value
    is not below the interval of always taking the candidate that was best on the older part. Where too few held-out
    tasks ran what either would take, the router is judged without its abstentions, and the candidate by the older
    part.
    """
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
    if evaluation.candidates < 2:
        return Verdict("production", f"{told}; there is one candidate, so there is nothing to choose")
    router = _with_value(evaluation, "router") or _with_value(evaluation, "router_without_abstaining")
    if router is None:
        return Verdict("staging", f"{told}; too few held-out tasks ran what it would choose to judge its choices")
    single = _with_value(evaluation, "best_single")
    if single is None and evaluation.best_single is not None:
        # Hardly run among the held-out tasks: what it did on the older part has to do.
        single = evaluation.get(evaluation.best_single, "success_probability")
    if single is None or single.value is None or single.low is None or single.high is None:
        return Verdict("staging", f"{told}; too few executions of the best single candidate to compare with")
    part = "held-out tasks" if single.basis in ("full", "matched") else "older executions"
    shown = f"its choices succeed in {router.value:.3f} of {router.n} held-out tasks"
    against = (
        f"the best single candidate in {single.value:.3f} ({single.low:.3f} to {single.high:.3f}) of {single.n} {part}"
    )
    if router.value is not None and router.value < single.low:
        return Verdict("staging", f"{told}; but {shown}, below {against}")
    return Verdict("production", f"{told}; {shown}, {against}")


def _with_value(evaluation: Evaluation, policy: str) -> Measure | None:
    measure = evaluation.get(policy, "success_rate")
    return measure if measure is not None and measure.value is not None else None
