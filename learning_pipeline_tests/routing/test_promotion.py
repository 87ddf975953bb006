"""Who may decide: better than the base rate for sure, and no worse than the best single candidate."""

import pytest

from learning_pipeline.routing.evaluation import Evaluation, Measure
from learning_pipeline.routing.promotion import judge


def evaluation(
    gain_low: float = 0.02, router: float | None = 0.8, single_low: float | None = 0.7, candidates: int = 2
) -> Evaluation:
    single = None if single_low is None else single_low + 0.05
    return Evaluation(
        measures=[
            Measure("model", "router", "log_loss_gain", 0.05, 200, gain_low, 0.1, "held_out"),
            Measure("policy", "router", "success_rate", router, 80, router, router, "matched"),
            Measure("policy", "best_single", "success_rate", single, 60, single_low, 0.9, "matched"),
            Measure("candidate", "alpha", "success_probability", 0.75, 300, 0.72, 0.8, "training"),
        ],
        candidates=candidates,
        held_out=200,
        best_single="alpha",
    )


@pytest.mark.parametrize(
    ("given", "stage", "reason"),
    [
        (evaluation(), "production", "0.800 of 80 held-out"),
        (evaluation(gain_low=-0.01), "training", "do not surely beat the base rate"),
        (evaluation(gain_low=0.0), "training", "do not surely beat the base rate"),
        (evaluation(router=0.69), "staging", "below the best single"),
        (evaluation(router=None), "staging", "too few held-out tasks"),
        (evaluation(single_low=None), "production", "300 older executions"),
        (evaluation(router=0.71, single_low=None), "staging", "300 older executions"),
        (evaluation(router=None, candidates=1), "production", "nothing to choose"),
        (Evaluation(held_out=3), "training", "3 held-out"),
    ],
)
def test_verdicts(given: Evaluation, stage: str, reason: str) -> None:
    verdict = judge(given, labelled=1000, min_evidence=20)
    assert verdict.stage == stage
    assert reason in verdict.reason
    assert verdict.promoted is (stage == "production")


def test_too_few_labels_are_never_enough() -> None:
    assert judge(evaluation(), labelled=19, min_evidence=20).stage == "training"
