"""What ties commits to work, and what it cost, computed a second time: in plain SQL."""

MAKES = "('commit', 'amend', 'merge', 'revert')"
# Commits that git knows: a note alone does not make one known.
KNOWN = f"""known as materialized (
    select commit, min(day) as commit_day,
        coalesce(min(occurred_at) filter (where event_type in {MAKES}), min(occurred_at)) as committed_at
    from fct_git_events where commit is not null and event_type <> 'note' group by commit
), made as materialized (
    select *, attributes->>'$.authored_at' as authored, attributes->>'$.checkpoint' as checkpoint,
        attributes->>'$.checkpoints' as checkpoints, attributes->>'$.reverts_prefix' as prefix
    from fct_git_events where event_type in {MAKES} and commit is not null
)"""


def _resolved(prefixes: str) -> str:
    """Return SQL: prefix, and the one known commit that begins with it, else itself."""
    return f"""(
        select p.prefix, if(count(k.commit) = 1, min(k.commit), p.prefix) as commit
        from (select distinct prefix from {prefixes} where prefix is not null) as p
        left join known k on starts_with(k.commit, p.prefix) group by p.prefix
    )"""


# A commit is taken back unless what takes it back was taken back itself; chains of four are followed.
UNDONE = f"""pairs as materialized (
    select commit as revert, reverts_commit as target from made where reverts_commit is not null
    union
    select m.commit, r.commit from made m join {_resolved("made")} as r using (prefix) where m.reverts_commit is null
    union
    select m.commit, arg_max(o.commit, (o.occurred_at, o.commit))
    from (select *, regexp_extract(subject, '^(?i:revert) "(.+)"$', 1) as named from made
        where reverts_commit is null and prefix is null) as m
    join made o on o.subject = m.named and o.repository is not distinct from m.repository
        and o.occurred_at < m.occurred_at
    where m.named <> '' group by m.commit, m.occurred_at, m.subject, m.repository
), undone1 as materialized (select distinct target from pairs),
undone2 as materialized (select distinct target from pairs where revert not in (from undone1)),
undone3 as materialized (select distinct target from pairs where revert not in (from undone2)),
undone as materialized (select distinct target from pairs where revert not in (from undone3))"""
LINKS = f"""
with {KNOWN}, {UNDONE},
work as materialized (
    select *, parent_execution_id is null and started_at is not null as is_root from fct_executions
), recorded as materialized (
    select distinct t.execution_id, e.session_id, r.commit, t.started_at as seen, 'recorded' as method
    from fct_tool_calls t join work e using (execution_id)
    join {_resolved("(select commit_prefix as prefix from fct_tool_calls)")} as r on r.prefix = t.commit_prefix
), of_work as (
    select commit, min(least(occurred_at, try_cast(authored as timestamptz))) as seen from made group by commit
), sessions as (
    select commit, session_id, if(event_type = 'note', 'note', 'session') as method,
        coalesce(of_work.seen, occurred_at) as seen
    from fct_git_events left join of_work using (commit) where commit is not null and session_id is not null
    union all
    select m.commit, n.session_id, 'checkpoint', n.occurred_at
    from (select distinct commit, unnest(coalesce(from_json(checkpoints, '["VARCHAR"]'), [checkpoint])) as checkpoint
        from made where checkpoint is not null) as m
    join fct_git_events n on n.attributes->>'$.checkpoint' = m.checkpoint
    where n.event_type = 'note' and n.session_id is not null
    union all
    select m.commit, e.session_id, 'pull_request', e.started_at
    from (
        select session_id, started_at, unnest(from_json(attributes->'$.pull_request',
            '[{{"repository": "VARCHAR", "number": "BIGINT"}}]')) as pull
        from work where attributes like '%"pull_request"%' and session_id is not null and started_at is not null
    ) as e
    join (select *, coalesce(nullif(regexp_extract(subject, '\\(#(\\d+)\\)\\s*$', 1), ''),
        nullif(regexp_extract(subject, '^Merge pull request #(\\d+)\\b', 1), '')) as number from made) as m
    on m.number = e.pull.number::varchar and lower(m.repository) = lower(split_part(e.pull.repository, '/', -1))
), named as materialized (
    select commit, session_id, method, min(seen) as seen from sessions group by all
), direct as materialized (
    select execution_id, session_id, commit, method from recorded
    union
    select arg_max(e.execution_id, (e.started_at, e.execution_id)), session_id, n.commit, n.method
    from named n join work e using (session_id) where e.is_root and e.started_at <= n.seen group by all
), evidence as materialized (
    select commit, session_id, method, seen from named where seen is not null
    union select commit, session_id, method, seen from recorded where session_id is not null
), around as materialized (
    select e.execution_id, e.session_id, v.commit, v.method,
        if(e.next is null, 'after_commit', 'before_commit') as timing
    from (
        select w.execution_id, w.session_id, min(v.seen) filter (where v.seen >= w.started_at) as next,
            max(v.seen) as last
        from work w join evidence v using (session_id)
        where w.is_root and w.execution_id not in (select execution_id from direct) group by all
    ) as e join evidence v on v.session_id = e.session_id and v.seen = coalesce(e.next, e.last)
), linked as materialized (
    select execution_id, session_id, commit, method, 'at_commit' as timing from direct union all from around
), guessed as (
    select e.execution_id, e.session_id, c.commit, if(c.branch is null, 0.2, 0.3) as confidence
    from (
        select c.commit, c.branch, c.occurred_at, c.co_authored_agent,
            arg_max(struct_pack(execution_id := e.execution_id, session_id := e.session_id, agent_name := e.agent_name,
                done := greatest(e.started_at, coalesce(e.ended_at, e.started_at))),
                (e.started_at, e.execution_id)) as e
        from made c join work e on e.repository = c.repository and e.started_at <= c.occurred_at
            and if(c.branch is null, e.agent_name = c.co_authored_agent, e.branch = c.branch)
            and e.day >= (c.occurred_at at time zone 'UTC')::date - 1
        where c.event_type = 'commit' and e.is_root and c.commit not in (select commit from linked)
        and e.execution_id not in (select execution_id from linked)
        group by c.event_id, c.commit, c.branch, c.occurred_at, c.co_authored_agent
    ) as c
    where occurred_at <= e.done + interval 30 minute
    and (branch is null or co_authored_agent is null or co_authored_agent = e.agent_name)
), every as (
    select *, null::double as guess, null::timestamptz as seen from linked
    union all select execution_id, session_id, commit, 'branch_time', 'at_commit', confidence, null from guessed
    union all select null, session_id, commit, method, null, null, seen from (
        select * from evidence where session_id not in (select session_id from work where session_id is not null)
        union select commit, session_id, method, seen from named where seen is null)
), told as (
    select coalesce(e.day, k.commit_day, (v.seen at time zone 'UTC')::date, date '1970-01-01') as day, v.commit,
        v.execution_id, coalesce(e.session_id, v.session_id) as session_id, method, timing,
        k.commit is not null as is_known,
        case when method = 'branch_time' then guess when timing = 'before_commit' then 0.7
        when timing = 'after_commit' then 0.4 when method = 'recorded' and k.commit is null then 0.6
        when method = 'recorded' then 1.0 when method = 'note' then 0.95 when method = 'pull_request' then 0.8
        else 0.9 end as confidence,
        case when v.execution_id is null then null when method = 'branch_time' then 4
        when timing = 'at_commit' and k.commit is null then 1 when timing = 'at_commit' then 0
        when timing = 'before_commit' then 2 else 3 end as tier,
        committed_at
    from every v left join work e using (execution_id) left join known k on k.commit = v.commit
), ranked as (
    select *, coalesce(tier = min(tier) over (partition by execution_id), false) as is_used from told
), once as (
    from ranked qualify row_number() over (
        partition by commit, execution_id, session_id, method order by tier, confidence desc, day) = 1
)"""

SHARES = """(
    -- An execution's commits are those of its used links, else those of the execution that started it, and so on; of a
    -- guess, only as far as its day and the next.
    with recursive own as (
        select execution_id, list_sort(list(distinct commit)) as commits, bool_or(method = 'branch_time') as is_guess,
            min(day) as first from fct_commit_links
        where is_used and execution_id is not null group by execution_id
    ), whose as (
        select execution_id, commits, 0 as level, is_guess, first from own
        union all
        select e.execution_id, w.commits, level + 1, is_guess, first from whose w
        join fct_executions e on e.parent_execution_id = w.execution_id
        where level < 16 and e.execution_id not in (select execution_id from own)
        and (not is_guess or e.day between first and first + 1)
    )
    select execution_id, commits from whose
)"""
# An execution counts the calls from its day to that of its end, or to the day after where no end is known.
COUNTED_BY_NONE = """not exists (
    from fct_executions e where e.execution_id = c.execution_id
    and c.day between e.day and greatest(e.day, coalesce((e.ended_at at time zone 'UTC')::date, e.day + 1)))"""
_NUMBERS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_MONEY = ("cost_usd", "reported_cost_usd")
_SUMS = ", ".join((*_NUMBERS, *_MONEY))
# Of what does not divide, the first commit gets what is left over.
_SHARED = ", ".join([f"{name} // n + if(place = 1, {name} % n, 0) as {name}" for name in _NUMBERS])
_WRITES = """case when coalesce(cache_write_5m_tokens, cache_write_1h_tokens) is not null
    then coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) end"""
_NOTE = "attributes->>'$.{0}'"


def _first(column: str) -> str:
    return f"arg_min({column}, (occurred_at, event_id)) filter (where {column} is not null) as {column}"


def _last(column: str, name: str = "") -> str:
    known = f"filter (where {column} is not null)"
    return f"arg_max({column}, (coalesce(occurred_at, '-infinity'::timestamptz), event_id)) {known}"


LINKS_RECOMPUTED: dict[str, tuple[str, str]] = {
    "fct_commit_links": (
        """select commit, execution_id, session_id, method, day, timing, confidence, is_used, is_known, is_reverted,
            committed_at
        from fct_commit_links""",
        f"""{LINKS}
        select commit, execution_id, session_id, method, day, timing, confidence::double, is_used, is_known,
            if(is_known, commit in (select target from undone), null), committed_at
        from once""",
    ),
    "mart_commit_cost": (
        f"""select commit, day, is_attributed, repository, committed_at, subject, executions, agents, lines_added,
            lines_removed, agent_lines, is_reverted, methods, confidence, {", ".join(_NUMBERS)}
        from mart_commit_cost""",
        f"""with {KNOWN}, {UNDONE}, shares as materialized (from {SHARES}), parts as (
            select commit, null::date as day, execution_id, agent_name, {_SHARED} from (
                select e.*, len(s.commits) as n, unnest(s.commits) as commit,
                    generate_subscripts(s.commits, 1) as place
                from fct_executions e join shares s using (execution_id))
            union all
            select null, day, execution_id, agent_name, {", ".join(_NUMBERS)} from fct_executions
            where execution_id not in (select execution_id from shares)
            union all
            select null, day, null, agent_name, input_tokens, output_tokens, cache_read_tokens, {_WRITES},
                reasoning_tokens
            from fct_llm_calls c where {COUNTED_BY_NONE}
        ), sums as (
            select commit, day, count(distinct execution_id) as executions,
                coalesce(list_sort(list(distinct agent_name) filter (where agent_name is not null)), []) as agents,
                {", ".join(f"sum({name}) as {name}" for name in _NUMBERS)}
            from parts group by commit, day
        ), told as (
            select commit, min(occurred_at) as committed_at, {", ".join(map(_first, ("repository", "subject")))},
                {", ".join(map(_first, ("lines_added", "lines_removed")))}
            from fct_git_events where commit is not null and event_type <> 'note' group by commit
        ), noted as (
            select commit, sum(try_cast({_NOTE.format("attributed_lines")} as bigint)) as agent_lines
            from fct_git_events where event_type = 'note' group by commit
        ), ways as (
            select commit, list_sort(list(distinct method)) as methods, min(confidence) as confidence
            from fct_commit_links where is_used and execution_id is not null group by commit
        ), seen as (
            select commit, coalesce(min(day) filter (where day <> date '1970-01-01'), min(day)) as day from (
                select commit, day from fct_git_events
                union all
                select unnest(s.commits), day from fct_executions join shares s using (execution_id))
            group by commit
        ), every as (
            select commit, null::date as day from sums where commit is not null union select commit, null from told
            union select null, day from fct_executions union select null, day from fct_llm_calls
            union select null, day from fct_git_events
        )
        select e.commit, coalesce(e.day, f.day), e.commit is not null, t.repository, committed_at, subject,
            coalesce(executions, 0), coalesce(agents, []), lines_added, lines_removed,
            if(t.commit is null, null, agent_lines),
            if(t.commit is null, null, e.commit in (select target from undone)), coalesce(methods, []), confidence,
            {", ".join(_NUMBERS)}
        from every e left join seen f on f.commit = e.commit
        left join sums s on s.commit is not distinct from e.commit and s.day is not distinct from e.day
        left join told t on t.commit = e.commit left join noted n on n.commit = e.commit
        left join ways b on b.commit = e.commit""",
    ),
    # Money is shared to the last digit that its type has: a share is the amount by n, to less than a trillionth.
    "mart_commit_cost money": (
        """select day, round(cost_usd::double, 9), round(reported_cost_usd::double, 9),
            cost_usd, reported_cost_usd from mart_commit_cost where commit is null""",
        f"""with shares as materialized (from {SHARES}), loose as (
            select day, cost_usd, reported_cost_usd from fct_executions
            where execution_id not in (select execution_id from shares)
            union all
            select day, cost_usd, reported_cost_usd from fct_llm_calls c where {COUNTED_BY_NONE}
            union all
            select day, null, null from (
                select day from fct_executions union select day from fct_llm_calls union select day from fct_git_events)
        )
        select day, round(sum(cost_usd)::double, 9), round(sum(reported_cost_usd)::double, 9), sum(cost_usd),
            sum(reported_cost_usd)
        from loose group by day""",
    ),
    "mart_commit_cost shares": (
        """select commit, round(cost_usd::double, 9), round(reported_cost_usd::double, 9) from mart_commit_cost
        where commit is not null""",
        f"""with parts as (
            select unnest(s.commits) as commit, cost_usd::double / len(s.commits) as cost,
                reported_cost_usd::double / len(s.commits) as reported
            from fct_executions join {SHARES} as s using (execution_id)
        )
        select m.commit, round(sum(cost), 9), round(sum(reported), 9)
        from mart_commit_cost m left join parts p using (commit) where m.commit is not null group by m.commit""",
    ),
    "mart_prompt_attribution": (
        """select entry, entry_id, session_id, repository, agent_name, model, commits, dangling_commits, first_at,
            last_at, total_additions, total_deletions, accepted_lines, overridden_lines, accepted_ratio, tools
        from mart_prompt_attribution""",
        f"""with notes as (
            select *, {_NOTE.format("entry")} as entry, {_NOTE.format("entry_id")} as entry_id,
                {_NOTE.format("model")} as model, {_NOTE.format("tool")} as tool,
                coalesce({_NOTE.format("dangling")} = 'true', false) as dangling,
                try_cast({_NOTE.format("total_additions")} as bigint) as added,
                try_cast({_NOTE.format("total_deletions")} as bigint) as removed,
                try_cast({_NOTE.format("accepted_lines")} as bigint) as accepted,
                try_cast({_NOTE.format("overridden_lines")} as bigint) as overridden
            from fct_git_events where event_type = 'note' and {_NOTE.format("note")} = 'git-ai'
        ), found as (
            select entry, entry_id, session_id, {_last("repository")} as repository,
                {_last("co_authored_agent")} as agent_name, {_last("model")} as model,
                count(distinct commit) as commits, count(distinct commit) filter (where dangling) as dangling_commits,
                min(occurred_at) as first_at, max(occurred_at) as last_at, max(added) as added,
                max(removed) as removed,
                case when entry = 'prompt' then max(accepted)
                when bool_and(dangling) then sum(accepted) else sum(accepted) filter (where not dangling) end as kept,
                max(overridden) as overridden,
                coalesce(list_sort(list(distinct tool) filter (where tool is not null)), []) as tools
            from notes where entry is not null group by entry, entry_id, session_id
        )
        select entry, entry_id, session_id, repository, agent_name, model, commits, dangling_commits, first_at, last_at,
            added, removed, kept, overridden, if(added > 0, least(kept / added, 1.0), null), tools
        from found""",
    ),
}
