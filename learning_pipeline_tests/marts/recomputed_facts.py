"""The facts, computed a second time: in plain SQL, over the streams of the lake (views `lake_*`)."""

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FACTS
from learning_pipeline.contracts.streams import STREAMS

# data_model.md: what is a success, how much each kind of evidence weighs, and which goes first of equal weight.
SUCCESS = "case when {0} = 'success' then true when {0} in ('failure', 'timeout') then false end"
WEIGHTS = """(values ('feedback', 1.0, 0), ('check', 1.0, 1), ('reported', 0.8, 2), ('git', 0.7, 3),
    ('tool_result', 0.5, 4), ('heuristic', 0.3, 5), ('none', 0.0, 6)) as weights(outcome_source, weight, rank)"""
JUDGED = """case when {kind} = 'correction' then 'failure' when {rating} >= 4 then 'success'
    when {rating} <= 2 then 'failure' when {kind} = 'positive' then 'success'
    when {kind} = 'negative' then 'failure' end"""
BEGAN = "coalesce(started_at, ended_at)"
FEEDBACK = f"""(
    with given as (
        select *, {JUDGED.format(kind="feedback_type", rating="rating")} as outcome from lake_feedback
    ), judged as (from given where outcome is not null),
    named as (
        select feedback_id, e.execution_id, e.day from judged f join lake_executions e using (execution_id)
    ), asked as (
        select feedback_id, e.execution_id, e.day from judged f join lake_executions e using (correlation_id)
        where feedback_id not in (select feedback_id from named)
        and not exists (from lake_executions p where p.correlation_id = e.correlation_id
            and p.execution_id = e.parent_execution_id)
    ), met as (
        select feedback_id, arg_max(e.execution_id, ({BEGAN}, e.execution_id)) as execution_id,
            arg_max(e.day, ({BEGAN}, e.execution_id)) as day
        from judged f join lake_executions e using (session_id)
        where feedback_id not in (select feedback_id from named)
        and feedback_id not in (select feedback_id from asked)
        and e.parent_execution_id is null and {BEGAN} <= f.given_at
        group by feedback_id
    )
    select w.execution_id, w.day, 'feedback' as outcome_source, feedback_id as evidence, outcome, given_at as seen
    from (from named union all from asked union all from met) as w join judged using (feedback_id)
)"""
OF_GIT = """(
    select distinct execution_id, l.day, 'git' as outcome_source, l.commit as evidence,
        if(is_reverted, 'failure', 'success') as outcome,
        if(is_reverted, coalesce((select min(occurred_at) from lake_git_events g where g.reverts_commit = l.commit),
            committed_at), committed_at) as seen
    from fct_commit_links l
    where is_used and is_known and timing = 'at_commit' and method <> 'branch_time' and execution_id is not null
)"""
OF_LOG = f"""(
    with e as (select *, coalesce(ended_at, started_at) as seen from lake_executions)
    select execution_id, day, outcome_source, source as evidence, outcome, seen from e
    where outcome_source <> 'none' and outcome not in ('open', 'unknown')
    union all
    select execution_id, day, split_part(told, ':', 1), source, split_part(told, ':', 2), seen
    from (select *, unnest(evidence) as told from e)
    union all
    select execution_id, day, 'feedback', 'user_rating', {JUDGED.format(kind="null", rating="user_rating")}, seen
    from e where user_rating >= 4 or user_rating <= 2
    union all
    select execution_id, day, 'feedback', 'user_accepted', if(user_accepted, 'success', 'failure'), seen
    from e where user_accepted is not null
)"""
OUTCOMES = f"""(
    with every as (
        select *, false as of_log from {FEEDBACK} union all select *, false from {OF_GIT}
        union all select *, true from {OF_LOG}
    ), once as (
        from every qualify row_number() over (
            partition by day, execution_id, outcome_source, evidence order by of_log, outcome) = 1
    )
    select *, {SUCCESS.format("outcome")} as success, weight as label_weight, row_number() over (
        partition by day, execution_id
        order by weight desc, rank, of_log, (outcome_source = 'git' and outcome <> 'success'),
            if(outcome_source = 'feedback', seen, null) desc nulls last, evidence
    ) = 1 as is_decisive
    from once join {WEIGHTS} using (outcome_source)
)"""
_TIMES = """
    select max(coalesce(started_at, ended_at)) from lake_executions
    union all select max(ended_at) from lake_executions
    union all select max(started_at) from lake_llm_calls union all select max(started_at) from lake_tool_calls
    union all select max(decided_at) from lake_routing_decisions
    union all select max(greatest(started_at, completed_at)) from lake_agent_transformations
    union all select max(requested_at) from lake_interactions union all select max(occurred_at) from lake_git_events
    union all select max(given_at) from lake_feedback union all select max(occurred_at) from lake_health_events"""
# The newest event of all, which stands for now; an event of the future counts as landed.
NEWEST = f"(select least(max(t), (select max(landed) from landings)) from ({_TIMES}) as times(t))"
OWN_CALLS = """(
    select e.execution_id, e.day, if(count(c.cost_usd) = count(*), sum(c.cost_usd), null) as cost,
        if(count(c.cost_usd) = count(*), array_to_string(list_sort(list(distinct c.price_version)), ', '), null) as list
    from lake_executions e join fct_llm_calls c using (execution_id)
    where c.day between e.day and coalesce((e.ended_at at time zone 'UTC')::date, e.day + 1)
    group by e.execution_id, e.day
)"""
_CHANGED = ("outcome", "success", "outcome_source", "label_weight", "error_type")
_AS_LANDED = [name for name in polars_schema(STREAMS["executions"]) if name not in ("execution_id", *_CHANGED)]


def _as_landed(stream: str) -> tuple[str, str]:
    """Return the fact that holds a stream as it is: all of it."""
    columns = ", ".join(f'"{name}"' for name in polars_schema(STREAMS[stream]))
    return f"select {columns} from fct_{stream}", f"select {columns} from lake_{stream}"


FACTS_RECOMPUTED: dict[str, tuple[str, str]] = {
    f"fct_{stream}": _as_landed(stream) for stream in STREAMS if f"fct_{stream}" in FACTS and stream != "executions"
}
FACTS_RECOMPUTED |= {
    "fct_outcomes": (
        """select execution_id, outcome_source, evidence, day, outcome, success, label_weight, observed_at, is_decisive
        from fct_outcomes""",
        f"""select execution_id, outcome_source, evidence, day, outcome, success, label_weight::double, seen,
            is_decisive
        from {OUTCOMES}""",
    ),
    "fct_executions": (
        f"""select execution_id, outcome, success, outcome_source, label_weight, error_type, is_stuck,
            {", ".join(_AS_LANDED)} from fct_executions""",
        f"""with told as materialized (from {OUTCOMES} where is_decisive), e as (
            select l.* exclude (outcome, success, outcome_source, label_weight),
                coalesce(t.outcome, l.outcome) as outcome,
                if(t.execution_id is null, l.success, t.success) as success,
                coalesce(t.outcome_source, l.outcome_source) as outcome_source,
                if(t.execution_id is null, l.label_weight, t.label_weight::double) as label_weight
            from lake_executions l left join told t on t.execution_id = l.execution_id and t.day = l.day
        )
        select execution_id, outcome, success, outcome_source, label_weight,
            if(not success, coalesce(error_type, 'unknown'), error_type),
            outcome = 'open' and coalesce(started_at < {NEWEST} - interval 1440 minute, false),
            {", ".join(_AS_LANDED)} from e""",
    ),
    "fct_executions commits": (
        "select execution_id, day, committed, reverted, commits from fct_executions",
        """select execution_id, e.day, if(count(l.commit) > 0, true, null), bool_or(l.is_reverted),
            list_sort(list(distinct l.commit) filter (where l.commit is not null))
        from lake_executions e left join (
            from fct_commit_links where timing = 'at_commit' and method <> 'branch_time'
        ) as l using (execution_id) group by execution_id, e.day""",
    ),
    # Of those that tell calls, what they cost; priced.py has the others.
    "fct_executions cost": (
        f"""select execution_id, day, cost_usd, price_version from fct_executions e
        where exists (from {OWN_CALLS} o where o.execution_id = e.execution_id)""",
        f"select execution_id, day, cost, list from {OWN_CALLS}",
    ),
}
