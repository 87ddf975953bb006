"""The section on the choice of agents: the router, and what routing logs tell."""

from learning_pipeline.report.parts import Chart, Question, Section
from learning_pipeline.report.reader import RELIABILITY, ROUTER

_EVALUATION = ("subject_kind", "subject", "metric", "value", "n", "interval_low", "interval_high", "basis")

CALIBRATION = f"select bin_from, bin_to, n, predicted, observed from {RELIABILITY} order by bin_from"

BINS = """
select confidence_from as bin_from, confidence_to as bin_to, labelled as n, mean_confidence as predicted,
    success_rate as observed, success_low as low, success_high as high, is_calibrated
from mart_routing_calibration where labelled > 0 order by confidence_bin
"""

ANSWERS = """
select least(floor(success_probability * 10), 9) / 10 as bin_from, least(floor(success_probability * 10), 9) / 10 + 0.1
    as bin_to, count(*) as n, count_if(success) as successes, avg(success_probability) as predicted
from mart_router_prediction where success_probability is not null and success is not null and is_followed
group by all order by bin_from
"""

COMPONENTS = """
select component, auc, auc_low as low, auc_high as high, n, successes, stated_weight, auc_gain, q_value
from mart_routing_component where auc is not null order by component = 'total' desc, auc desc, component
"""

ROUTED = """
select date_trunc('week', day)::date as week, sum(validated)::bigint as validated,
    sum(validated_successes)::bigint as successes, sum(decisions)::bigint as decisions,
    sum(cache_hits) / nullif(sum(cache_known), 0) as cache_hit_rate,
    sum(fallbacks) / nullif(sum(fallback_known), 0) as fallback_rate
from mart_routing_daily where day > (select max(day) from mart_routing_daily) - 90
group by all having sum(validated) > 0 order by week
"""

DECISIONS = """
select least(floor(confidence * 10), 9) / 10 as bin_from, bin_from + 0.1 as bin_to, count(*) as n,
    avg(confidence) as predicted, avg(actual_success::int) as observed
from fct_routing_decisions where confidence is not null and actual_success is not null
group by all order by bin_from
"""


def _policies(metric: str) -> str:
    return f"""
select replace(subject, '_', ' ') as policy, value, interval_low as low, interval_high as high, n, basis
from {ROUTER} where subject_kind = 'policy' and metric = '{metric}'
order by subject <> 'router', subject = 'oracle', subject limit 20
"""


PREDICTIONS = f"""
select replace(metric, '_', ' ') || ': ' || replace(subject, '_', ' ') as measure, value, interval_low as low,
    interval_high as high, n, basis
from {ROUTER} where subject_kind = 'model' order by metric, subject
"""


ROUTER_SECTION = Section(
    "router",
    "Router",
    "Judged on executions that are newer than all it was made from. Where too few of them tell, there is no value.",
    (
        Chart(
            "router_calibration",
            "Calibration of the router: predicted against observed success",
            "On the dashed line a prediction is as good as its word; below it, it promises too much.",
            "calibration",
            "share of held-out labelled executions",
            "n",
            "held-out labelled executions",
            (Question({RELIABILITY: ("bin_from", "n", "predicted", "observed")}, CALIBRATION),),
            x="predicted",
            y="observed",
            columns={"predicted": "mean predicted", "bin_from": "predicted from", "bin_to": "to"},
        ),
        Chart(
            "decision_calibration",
            "Calibration of logged routing decisions",
            "Confidence that the routing logs told, against what came of it; validated decisions only.",
            "calibration",
            "share of validated decisions",
            "n",
            "validated decisions with a confidence",
            (
                Question(
                    {"mart_routing_calibration": ("confidence_from", "labelled", "mean_confidence", "is_calibrated")},
                    BINS,
                ),
                Question({"fct_routing_decisions": ("confidence", "actual_success")}, DECISIONS),
            ),
            x="predicted",
            y="observed",
            columns={
                "predicted": "mean confidence",
                "bin_from": "confidence from",
                "bin_to": "to",
                "low": "95 % from",
                "high": "to",
            },
        ),
        Chart(
            "router_success",
            "Success rate of the router's choices against baselines",
            "As run: what was done. Best single: always the same candidate. Oracle: knows the outcome before.",
            "intervals",
            "share of held-out tasks",
            "n",
            "held-out tasks; fewer tell of a policy, as its n says",
            (Question({ROUTER: _EVALUATION}, _policies("success_rate")),),
            n_once="*",
            x="value",
            y="policy",
            columns={"value": "success rate", "low": "95 % from", "high": "to"},
        ),
        Chart(
            "router_cost",
            "Cost of the router's choices against baselines",
            "Mean cost of a task, with its 95 % interval.",
            "intervals",
            "USD per task",
            "n",
            "held-out tasks; fewer tell of a policy, as its n says",
            (Question({ROUTER: _EVALUATION}, _policies("cost_usd")),),
            n_once="*",
            x="value",
            y="policy",
            columns={"value": "cost per task (USD)", "low": "95 % from", "high": "to"},
        ),
        Chart(
            "router_predictions",
            "Quality of the predictions against the base rate",
            "Log loss, Brier score and calibration error: lower is better. Log loss gain: above 0 is better than "
            "always predicting the base rate.",
            "table",
            "by measure",
            "n",
            "held-out labelled executions",
            (Question({ROUTER: _EVALUATION}, PREDICTIONS),),
            n_once="*",
            columns={"low": "95 % from", "high": "to"},
        ),
        Chart(
            "answers",
            "Calibration of the router's answers, by what came of them",
            "Answers that were followed, joined with the outcome that came later; intervals are 95 % Wilson intervals.",
            "calibration",
            "share of answers with a known outcome",
            "n",
            "answers that were followed and have an outcome",
            (
                Question(
                    {"mart_router_prediction": ("success_probability", "success", "is_followed")},
                    ANSWERS,
                ),
            ),
            x="predicted",
            y="rate",
            rate=("successes", "n"),
            columns={
                "predicted": "mean predicted",
                "bin_from": "predicted from",
                "bin_to": "to",
                "rate": "observed",
                "low": "95 % from",
                "high": "to",
            },
        ),
        Chart(
            "components",
            "What each part of the logged confidence is worth",
            "Chance that it is higher for a success than for a failure: 0.5 is no better than a coin.",
            "intervals",
            "chance (AUC)",
            "n",
            "validated decisions of the last 90 days",
            (Question({"mart_routing_component": ("component", "auc", "auc_low", "auc_gain", "q_value")}, COMPONENTS),),
            x="auc",
            y="component",
            columns={"low": "95 % from", "high": "to"},
            n_once="*",
        ),
        Chart(
            "routed",
            "Routing decisions that turned out well, per week",
            "Validated decisions only; weeks begin on Monday, UTC.",
            "lines",
            "share of validated decisions",
            "validated",
            "validated decisions",
            (
                Question(
                    {
                        "mart_routing_daily": (
                            "day",
                            "validated",
                            "validated_successes",
                            "cache_known",
                            "fallback_known",
                        )
                    },
                    ROUTED,
                ),
            ),
            x="week",
            y="rate",
            rate=("successes", "validated"),
            columns={"rate": "accuracy", "low": "95 % from", "high": "to"},
        ),
    ),
)
