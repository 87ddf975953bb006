"""The lines behind each kind of number on the page: for one of each, the query that lists them.

What a query of the mart says, the lines that it names add up to; docs/from-number-to-log-line.md has the same queries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from shlex import quote
from typing import Any

from learning_pipeline.report.parts import Row
from learning_pipeline.report.reader import Reader

# Rows of a trail that the page shows.
SHOWN = 5
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_CALL_TOKENS = (*_TOKENS[:3], "cache_write_5m_tokens", "cache_write_1h_tokens")  # a call tells both kinds of writes


def _sum(names: tuple[str, ...]) -> str:
    return " + ".join(f"coalesce({name}, 0)" for name in names)


_WHERE = ("source_file", "source_line")


def _usage(of_call: str, of_execution: str, where: str, order: str) -> str:
    """Return the SQL that lists usage, each bit of it once, as mart_usage_daily counts it.

    Model calls; and, of sources whose logs tell no calls, executions as a whole.
    """
    return (
        f"select 'model call' as what, {of_call}, source_file, source_line from fct_llm_calls where {where} union all "
        f"select 'execution', {of_execution}, source_file, source_line from fct_executions as e where {where} "
        "and source in (select source from mart_usage_daily where executions > 0) and not exists "
        "(from fct_llm_calls as c where c.execution_id = e.execution_id) "
        f"order by {order} desc, source_file, source_line"
    )


@dataclass(frozen=True)
class Trail:
    """One number, and the query that lists what it is made of.

    subject: which day, model, agent or tool; chart: of the page, by its name, where the number stands.
    """

    title: str
    subject: str
    chart: str
    unit: str
    number: Any
    sql: str
    rows: list[Row]
    adds_up: Callable[[list[Row]], Any]

    @property
    def command(self) -> str:
        """The command that asks the same."""
        return query_command(self.sql)

    @property
    def together(self) -> Any:
        """What the rows add up to."""
        return self.adds_up(self.rows)

    @property
    def line(self) -> str | None:
        """The command that prints the first of the lines; None where none is a line of a file of lines."""
        for row in self.rows:
            file, line = str(row["source_file"]), int(row["source_line"] or 0)
            if file.endswith(".jsonl") and line > 0:
                return line_command(file, line)
        return None


@dataclass(frozen=True)
class _Kind:
    """How a trail of one kind is found.

    needs: tables with the columns that are named.
    choice: SQL that chooses a subject: one row, `subject`, `number` and the names that `lines` has in braces.
    """

    title: str
    chart: str
    unit: str
    needs: dict[str, tuple[str, ...]]
    choice: str
    lines: str
    adds_up: Callable[[list[Row]], Any]


def _cost(rows: list[Row]) -> Decimal:
    return sum((row["cost_usd"] for row in rows), Decimal(0))


_USED = {
    "mart_usage_daily": ("day", "source", "model", "cost_usd", "executions", *_TOKENS),
    "fct_llm_calls": ("execution_id", "source", "day", "model", "cost_usd", *_CALL_TOKENS, *_WHERE),
    "fct_executions": ("execution_id", "source", "day", "model", "cost_usd", *_TOKENS, *_WHERE),
}
_KINDS = (
    _Kind(
        "The cost of a day",
        "cost_per_day",
        "USD",
        _USED,
        "select day::varchar as subject, sum(cost_usd) as number, day::varchar as day from mart_usage_daily "
        "where cost_usd > 0 group by mart_usage_daily.day order by mart_usage_daily.day desc limit 1",
        _usage("model, cost_usd", "model, cost_usd", "day = {day} and cost_usd is not null", "cost_usd"),
        _cost,
    ),
    _Kind(
        "The tokens of a model on a day",
        "tokens_per_day",
        "tokens",
        _USED,
        "with tokens as (select day, model, sum(" + _sum(_TOKENS) + ")::bigint "
        "as number from mart_usage_daily where model is not null group by day, model) "
        "select model || ', ' || day as subject, number, model, day::varchar as day from tokens where number > 0 "
        "order by tokens.day desc, number desc, model limit 1",
        _usage(f"{_sum(_CALL_TOKENS)} as tokens", _sum(_TOKENS), "day = {day} and model = {model}", "tokens"),
        lambda rows: sum(row["tokens"] for row in rows),
    ),
    _Kind(
        "The successes of an agent, last 30 days",
        "agents",
        "successes",
        {
            "mart_agent_leaderboard": ("agent_name", "labelled_30d", "successes_30d", "rank", "newest_day"),
            "fct_executions": ("agent_name", "execution_id", "success", "outcome", "outcome_source", "day", *_WHERE),
        },
        "select agent_name as subject, successes_30d || ' of ' || labelled_30d as number, agent_name, "
        "newest_day::varchar as day from mart_agent_leaderboard where labelled_30d > 0 order by rank limit 1",
        "select success, outcome, outcome_source, execution_id, source_file, source_line from fct_executions "
        "where agent_name = {agent_name} and success is not null and day > {day}::date - 30 "
        "order by success, started_at, execution_id",
        lambda rows: f"{sum(row['success'] for row in rows)} of {len(rows)}",
    ),
    _Kind(
        "The errors of a tool, last 90 days",
        "tool_errors",
        "errors",
        {
            "mart_tool_daily": ("tool_name", "errors", "day"),
            "fct_tool_calls": ("tool_name", "is_error", "error_type", "started_at", "tool_call_id", "day", *_WHERE),
        },
        "with newest as (select max(day) as day from mart_tool_daily) select tool_name as subject, "
        "sum(errors)::bigint as number, tool_name, max(newest.day)::varchar as day from mart_tool_daily as m, newest "
        "where m.day > newest.day - 90 and tool_name is not null group by tool_name having sum(errors) > 0 "
        "order by number desc, tool_name limit 1",
        "select error_type, exit_code, source_file, source_line from fct_tool_calls where tool_name = {tool_name} "
        "and is_error and day > {day}::date - 90 order by started_at, tool_call_id",
        len,
    ),
)


def trails(reader: Reader) -> list[Trail]:
    """Return a trail of each kind of number that the marts hold."""
    found = []
    for kind in _KINDS:
        if any(not set(columns) <= reader.columns.get(table, set()) for table, columns in kind.needs.items()):
            continue
        for chosen in reader.rows(kind.choice):
            subject, number = chosen.pop("subject"), chosen.pop("number")
            sql = kind.lines.format(**{name: text(value) for name, value in chosen.items()})
            rows = reader.rows(sql)
            found.append(Trail(kind.title, subject, kind.chart, kind.unit, number, sql, rows, kind.adds_up))
    return found


def text(value: str) -> str:
    """Return a value as SQL text."""
    return "'" + value.replace("'", "''") + "'"


def query_command(sql: str) -> str:
    """Return the command that asks a question, safe to paste into a shell."""
    quoted = quote(sql) if set(sql) & set('$`"\\!') else f'"{sql}"'
    return f"learning-pipeline query --sql {quoted}"


def line_command(file: str, line: int) -> str:
    """Return the command that prints a line of a file."""
    return f"sed -n '{line}p' {quote(file)}"
