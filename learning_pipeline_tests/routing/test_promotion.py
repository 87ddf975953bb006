"""Who may decide: surely better than the base rate, than the best single candidate and than who decides so far."""

import pytest

from learning_pipeline.routing.contest import Contest
from learning_pipeline.routing.evaluation import Evaluation, Measure
from learning_pipeline.routing.promotion import judge

BETTER, EQUAL, WORSE, UNKNOWN = (
    Contest(0.05, 0.01, 200),
    Contest(0.0, 0.0, 200),
    Contest(-0.2, 0.02, 60),
    Contest(None, 0.0, 12, "the logs never tried what it chooses"),
)


def evaluation(
    gain_low: float = 0.02,
    single: Contest | None = BETTER,
    champion: Contest | None = None,
    error: float = 0.02,
    part: Contest = BETTER,
    candidates: int = 2,
) -> Evaluation:
    return Evaluation(
        measures=[
            Measure("model", "router", "log_loss_gain", 0.05, 200, gain_low, 0.1, "held_out"),
            Measure("model", "router", "calibration_error", error, 2000, None, None, "held_out"),
        ],
        candidates=candidates,
        held_out=200,
        against_single=single,
        against_champion=champion,
        by_slice={"bug_fix": part},
    )


@pytest.mark.parametrize(
    ("given", "stage", "reason"),
    [
        (evaluation(), "production", "+0.0500 of utility against the best single"),
        (evaluation(gain_low=-0.01), "training", "do not surely beat the base rate"),
        (evaluation(gain_low=0.0), "training", "do not surely beat the base rate"),
        (evaluation(single=EQUAL), "staging", "not surely worth more than the best single"),
        (evaluation(single=WORSE), "staging", "not surely worth more than the best single"),
        (evaluation(single=UNKNOWN), "staging", "too few held-out tasks"),
        (evaluation(single=None), "staging", "could not be compared"),
        (evaluation(champion=BETTER), "production", "against the version in production"),
        (evaluation(champion=EQUAL), "staging", "not surely worth more than the version in production"),
        (evaluation(champion=UNKNOWN), "staging", "never tried"),
        (evaluation(error=0.2), "staging", "calibration error is 0.200"),
        (evaluation(part=WORSE), "staging", "collapses in bug_fix"),
        (evaluation(part=EQUAL), "production", "utility"),
        (evaluation(single=None, candidates=1), "production", "nothing to choose"),
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
