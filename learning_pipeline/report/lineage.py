"""The worked example of the page: one number of these very marts, followed to the line of a log.

The steps are those of docs/from-number-to-log-line.md; each is a query that anybody can run, with what it answered.
"""

from dataclasses import dataclass
from decimal import Decimal

from learning_pipeline.report.parts import Question, Row
from learning_pipeline.report.reader import Reader
from learning_pipeline.report.trails import line_command, query_command, text

_GRAIN = ("agent_name", "model", "task_type", "repository")
_NEEDS = Question(
    {
        "mart_agent_daily": ("day", *_GRAIN, "executions", "cost_usd"),
        "fct_executions": ("day", *_GRAIN, "execution_id", "source", "source_file", "source_line", "cost_usd"),
        "fct_llm_calls": ("execution_id", "call_id", "source_file", "source_line", "cost_usd", "price_version"),
    },
    "",
)
# A recent number that a few executions make up, the dearest of which is a line of a file of lines, with model calls.
_CHOICE = """
with recent as (
    select * from fct_executions
    where cost_usd > 0 and source_file is not null
        and day > (select max(day) from fct_executions where cost_usd > 0) - 7
), told as (
    select day, agent_name, model, task_type, repository, max(source_file like '%.jsonl')::int as has_lines,
        max(execution_id in (select execution_id from fct_llm_calls))::int as has_calls
    from recent group by all
)
select m.day, m.agent_name, m.model, m.task_type, m.repository, m.executions, m.cost_usd
from mart_agent_daily as m join told as e
    on e.day = m.day and e.agent_name = m.agent_name and e.model is not distinct from m.model
    and e.task_type is not distinct from m.task_type and e.repository is not distinct from m.repository
order by has_lines desc, has_calls desc, m.executions between 2 and 12 desc, m.day desc, m.cost_usd desc,
    m.agent_name, m.model, m.task_type, m.repository
limit 1
"""


@dataclass(frozen=True)
class Step:
    """One step: what to ask, what it answered."""

    title: str
    about: str
    sql: str
    rows: list[Row]

    @property
    def command(self) -> str:
        """The command that asks the same."""
        return query_command(self.sql)

    @property
    def total(self) -> Decimal | None:
        """The sum of what its rows cost, where there are several; None where none of them tells."""
        known = [row["cost_usd"] for row in self.rows if row["cost_usd"] is not None]
        return sum(known, Decimal(0)) if len(self.rows) > 1 and known else None


@dataclass(frozen=True)
class Example:
    """A number, the steps to its line, and the command that shows the line."""

    number: Decimal
    what: str
    steps: list[Step]
    file: str
    line: int
    is_text: bool  # whether the file can be read by line

    @property
    def command(self) -> str:
        """The command that prints the line."""
        return line_command(self.file, self.line)


def example(reader: Reader) -> Example | None:
    """Return the worked example; None where the marts hold no cost that can be followed."""
    if reader.missing(_NEEDS):
        return None
    chosen = reader.rows(_CHOICE)
    if not chosen:
        return None
    found = chosen[0]
    where = " and ".join([f"day = '{found['day']}'", *(_is(name, found[name]) for name in _GRAIN)])
    first = f"select day, agent_name, executions, cost_usd from mart_agent_daily where {where}"
    second = (
        "select execution_id, cost_usd, outcome, source, source_file, source_line from fct_executions "
        f"where {where} order by cost_usd desc nulls last, execution_id"
    )
    executions = reader.rows(second)
    one = next((row for row in executions if str(row["source_file"]).endswith(".jsonl")), executions[0])
    third = (
        "select call_id, model, input_tokens, output_tokens, cost_usd, price_version, source_line from fct_llm_calls "
        f"where execution_id = {text(one['execution_id'])} order by started_at, call_id"
    )
    steps = [
        Step("The number", "A row of the mart: what one agent did that day.", first, reader.rows(first)),
        Step(
            "The executions behind it",
            "The same day, agent, model, kind of task and repository in the facts: their cost adds up to the number.",
            second,
            executions,
        ),
        Step(
            "The model calls behind one execution",
            f"Execution {one['execution_id']}; where the log tells of no calls, its own tokens have the price.",
            third,
            reader.rows(third),
        ),
    ]
    file, line = str(one["source_file"]), int(one["source_line"] or 0)
    what = f"the cost of agent {found['agent_name']} on {found['day']}, one model, kind of task and repository"
    return Example(found["cost_usd"], what, steps, file, line, file.endswith(".jsonl") and line > 0)


def _is(name: str, value: str | None) -> str:
    return f"{name} is null" if value is None else f"{name} = {text(value)}"
