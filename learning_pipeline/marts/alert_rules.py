"""The alert rules, as data: what each measures, its thresholds, and how long it has to hold."""

from dataclasses import dataclass
from typing import Literal

ALL = "all"
DAY = 24
WEEK = 7 * DAY

Form = Literal["rate", "spike", "drop", "silence"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    measure: name of the series of hits and n by subject and hour (see `alert_series`).
    form: how a value is made of the series:
        `rate`: hits in n over the window, and the end of its 95 % Wilson interval that is on the good side has to be
            beyond the threshold: what may be chance does not fire;
        `spike`: hits of the window over the median of the 14 windows before it, each a day earlier;
        `drop`: rate of the four windows before this one, less this one's, where the difference is surely above 0
            (Newcombe's interval of two Wilson intervals);
        `silence`: full hours since the last hit, where n went on meanwhile.
    direction: `above` fires at the threshold and above it, `below` fires below it.
    least_n: events below which there is too little to tell.
    for_hours: that it has to hold in a row before it fires; clear_hours: that it has to be ok before it clears.
    message: with {subject}, {value}, {threshold} and {n}.
    """

    name: str
    measures: str
    measure: str
    form: Form
    direction: Literal["above", "below"]
    warning: float
    critical: float
    message: str
    unit: str = "ratio"
    window_hours: int = DAY
    for_hours: int = 1
    clear_hours: int = 1
    least_n: int = 50


RULES: tuple[Rule, ...] = (
    Rule(
        "success_rate",
        "Share of successes among executions with an observed outcome, of each agent and of all",
        "success",
        "rate",
        "below",
        0.85,
        0.70,
        "{subject}: {value:.1%} of {n} executions succeeded within a day, surely below {threshold:.0%}",
    ),
    Rule(
        "error_rate",
        "Share of ended executions with an error, of each agent and of all",
        "errors",
        "rate",
        "above",
        0.10,
        0.25,
        "{subject}: {value:.1%} of {n} executions ended with an error within a day, surely above {threshold:.0%}",
    ),
    Rule(
        "model_error_rate",
        "Share of model calls that failed, of each model",
        "model_errors",
        "rate",
        "above",
        0.10,
        0.25,
        "{subject}: {value:.1%} of {n} calls failed within a day, surely above {threshold:.0%}",
    ),
    Rule(
        "tool_error_rate",
        "Share of tool calls that failed, all tools together",
        "tool_errors",
        "rate",
        "above",
        0.25,
        0.50,
        "{subject}: {value:.1%} of {n} tool calls failed within a day, surely above {threshold:.0%}",
    ),
    Rule(
        "no_executions",
        "Full hours without an execution, a model call or a tool call, while routing or health logs go on",
        "silence",
        "silence",
        "above",
        1,
        6,
        "no execution for {value:.0f} hours, while {n} other events were logged",
        unit="hours",
        window_hours=WEEK,
        for_hours=0,
        clear_hours=0,
        least_n=5,
    ),
    Rule(
        "cost_spike",
        "Cost of a day over the usual cost of a day",
        "cost",
        "spike",
        "above",
        2.0,
        4.0,
        "the last day cost {value:.1f} times what is usual",
        unit="times",
        for_hours=3,
    ),
    Rule(
        "volume_high",
        "Executions of a day over the usual number of a day",
        "volume",
        "spike",
        "above",
        3.0,
        10.0,
        "{n} executions within a day, {value:.1f} times what is usual",
        unit="times",
    ),
    Rule(
        "volume_low",
        "Executions of a day over the usual number of a day",
        "volume",
        "spike",
        "below",
        0.5,
        0.2,
        "{n} executions within a day, {value:.2f} times what is usual",
        unit="times",
        for_hours=3,
    ),
    Rule(
        "fallback_share",
        "Share of routing decisions that fell back to a default",
        "fallback",
        "rate",
        "above",
        0.20,
        0.50,
        "{subject}: {value:.1%} of {n} routing decisions fell back within a day, surely above {threshold:.0%}",
    ),
    Rule(
        "routing_latency",
        "Share of routing decisions that took longer than 200 ms",
        "slow_routing",
        "rate",
        "above",
        0.05,
        0.25,
        "{subject}: {value:.1%} of {n} routing decisions took longer than 200 ms, surely above {threshold:.0%}",
    ),
    Rule(
        "model_latency",
        "Share of model calls that took longer than two minutes, of each model",
        "slow_calls",
        "rate",
        "above",
        0.05,
        0.25,
        "{subject}: {value:.1%} of {n} calls took longer than two minutes, surely above {threshold:.0%}",
    ),
    Rule(
        "degradation",
        "Loss of success rate: the four weeks before the last one, less the last one, of each agent and of all",
        "success",
        "drop",
        "above",
        0.10,
        0.20,
        "{subject}: success is {value:.1%} lower in the last week than in the four before, n {n}",
        window_hours=WEEK,
        for_hours=3,
        clear_hours=3,
    ),
    Rule(
        "stuck_runs",
        "Share of executions of the last week that are open and long overdue, of all",
        "stuck",
        "rate",
        "above",
        0.05,
        0.20,
        "{subject}: {value:.1%} of the {n} executions of the last week are stuck, surely above {threshold:.0%}",
        window_hours=WEEK,
    ),
    Rule(
        "agent_health",
        "Share of errors and degradations among the signs of health of each agent",
        "unhealthy",
        "rate",
        "above",
        0.25,
        0.50,
        "{subject}: {value:.1%} of {n} signs of health are errors or degradations, surely above {threshold:.0%}",
        least_n=20,
    ),
)
