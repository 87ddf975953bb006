"""The section on how agents work together."""

from learning_pipeline.report.parts import Chart, Question, Section

_PAIR = {"known": "known outcome", "rate": "success rate", "low": "95 % from", "high": "to"}
_COMPARED = ("labelled", "successes", "without_labelled", "without_success_rate", "difference_ratio", "q_value")

TRANSITIONS = """
select from_agent, to_agent, transitions as n, labelled as known, successes, difference_ratio, q_value,
    round(handover_p50_ms)::bigint as hand_over_p50_ms
from mart_workflow_transition order by n desc, from_agent, to_agent limit 60
"""

PATTERNS = """
select pattern, workflows, labelled, successes, without_labelled, without_success_rate, difference_ratio, q_value
from mart_workflow_pattern where labelled > 0 order by workflows desc, pattern limit 20
"""

PAIRS = """
select agent_a || ' + ' || agent_b as pair, workflows, labelled, successes, without_labelled, without_success_rate,
    difference_ratio, q_value
from mart_agent_pair where labelled > 0 order by workflows desc, pair limit 20
"""

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

WORKFLOW = Section(
    "workflow",
    "Workflow",
    "Who hands work to whom. The wider the line, the more often; counts and outcomes are in the table.",
    (
        Chart(
            "transitions",
            "Which agent works next",
            "From the agent on the left to the one on the right that worked right after it, in the same workflow or "
            "session; success is that of the second. The most frequent 60.",
            "graph",
            "transitions",
            "n",
            "transitions of the last 90 days",
            (
                Question(
                    {
                        "mart_workflow_transition": (
                            "from_agent",
                            "to_agent",
                            "transitions",
                            "labelled",
                            "successes",
                            "difference_ratio",
                            "q_value",
                            "handover_p50_ms",
                        )
                    },
                    TRANSITIONS,
                ),
            ),
            x="from_agent",
            y="to_agent",
            rate=("successes", "known"),
            columns={**_PAIR, "n": "transitions"},
        ),
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
            columns={**_PAIR, "n": "hand-overs"},
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
            columns=_PAIR,
        ),
        Chart(
            "patterns",
            "Success of workflows, by sequence of agents",
            "The 20 most frequent sequences; the table has success without them, and q-values corrected for all rows.",
            "intervals",
            "share of labelled workflows",
            "labelled",
            "labelled workflows; one with several sequences counts for each",
            (Question({"mart_workflow_pattern": ("pattern", "workflows", *_COMPARED)}, PATTERNS),),
            x="rate",
            y="pattern",
            rate=("successes", "labelled"),
            columns=_PAIR,
        ),
        Chart(
            "pairs",
            "Success of workflows, by pair of agents",
            "The 20 most frequent pairs; a difference is no cause.",
            "intervals",
            "share of labelled workflows",
            "labelled",
            "labelled workflows; one with several pairs counts for each",
            (Question({"mart_agent_pair": ("agent_a", "agent_b", "workflows", *_COMPARED)}, PAIRS),),
            x="rate",
            y="pair",
            rate=("successes", "labelled"),
            columns=_PAIR,
        ),
    ),
)
