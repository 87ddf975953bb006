"""Sections on how agents work together, and on the choice of agents."""

from learning_pipeline.report.parts import Chart, Question, Section
from learning_pipeline.report.reader import RELIABILITY, ROUTER

_POLICIES = "('router', 'router_without_abstaining', 'best_single', 'cheapest', 'random', 'as_run', 'oracle')"
_EVALUATION = ("subject_kind", "subject", "metric", "value", "n", "interval_low", "interval_high", "basis")

HAND_OVERS = """
with hand_overs as (
    select parent.agent_name as from_agent, child.agent_name as to_agent, child.success,
        'sub-agent' as how
    from fct_executions as child join fct_executions as parent on child.parent_execution_id = parent.execution_id
    union all
    select source_agent, target_agent, success, 'request' from fct_interactions
)
select from_agent, to_agent, count(*) as n, count(success) as known, count_if(success) as successes,
    string_agg(distinct how, ', ' order by how) as how
from hand_overs where from_agent is not null and to_agent is not null
group by all order by n desc, from_agent, to_agent limit 60
"""

TRANSFORMATIONS = """
select source_agent as from_agent, target_agent as to_agent, count(*) as n, count(success) as known,
    count_if(success) as successes, round(median(total_ms))::bigint as median_ms
from fct_agent_transformations where event_type <> 'start' and source_agent is not null and target_agent is not null
group by all order by n desc, from_agent, to_agent limit 60
"""

CALIBRATION = f"select bin_from, bin_to, n, predicted, observed from {RELIABILITY} order by bin_from"

DECISIONS = """
select least(floor(confidence * 10), 9) / 10 as bin_from, bin_from + 0.1 as bin_to, count(*) as n,
    avg(confidence) as predicted, avg(actual_success::int) as observed
from fct_routing_decisions where confidence is not null and actual_success is not null
group by all order by bin_from
"""


def _policies(metric: str) -> str:
    return f"""
select replace(subject, '_', ' ') as policy, value, interval_low as low, interval_high as high, n, basis
from {ROUTER} where subject_kind = 'policy' and metric = '{metric}' and subject in {_POLICIES}
order by list_position({_POLICIES.replace("(", "[").replace(")", "]")}, subject)
"""


PREDICTIONS = f"""
select replace(metric, '_', ' ') || ': ' || replace(subject, '_', ' ') as measure, value, interval_low as low,
    interval_high as high, n, basis
from {ROUTER} where subject_kind = 'model' order by metric, subject
"""


WORKFLOW = Section(
    "workflow",
    "Workflow",
    "Who hands work to whom. The wider the line, the more often; counts and outcomes are in the table.",
    (
        Chart(
            "hand_overs",
            "Hand-overs between agents",
            "From the agent on the left to the one on the right: sub-agents that were started, and requests "
            "between agents. The most frequent 60.",
            "graph",
            "hand-overs",
            "n",
            "hand-overs",
            (
                Question(
                    {
                        "fct_executions": ("agent_name", "execution_id", "parent_execution_id", "success"),
                        "fct_interactions": ("source_agent", "target_agent", "success"),
                    },
                    HAND_OVERS,
                ),
            ),
            x="from_agent",
            y="to_agent",
            rate=("successes", "known"),
            columns={
                "n": "hand-overs",
                "known": "known outcome",
                "rate": "success rate",
                "low": "95 % from",
                "high": "to",
            },
        ),
        Chart(
            "transformations",
            "Agents that became another",
            "Completed and failed transformations, from the agent on the left to the one on the right.",
            "graph",
            "transformations",
            "n",
            "transformations that ended",
            (
                Question(
                    {
                        "fct_agent_transformations": (
                            "source_agent",
                            "target_agent",
                            "success",
                            "total_ms",
                            "event_type",
                        )
                    },
                    TRANSFORMATIONS,
                ),
            ),
            x="from_agent",
            y="to_agent",
            rate=("successes", "known"),
            columns={"known": "known outcome", "rate": "success rate", "low": "95 % from", "high": "to"},
        ),
    ),
)

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
            (Question({"fct_routing_decisions": ("confidence", "actual_success")}, DECISIONS),),
            x="predicted",
            y="observed",
            columns={"predicted": "mean confidence", "bin_from": "confidence from", "bin_to": "to"},
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
    ),
)
