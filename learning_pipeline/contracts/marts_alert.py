"""Contract of the alerts: every rule on every subject, and how it stands."""

from learning_pipeline.contracts.base import (
    Integer,
    Real,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
)

ALERT_STATES = ("ok", "warning", "critical")


class MartAlert(Table):
    """Every alert rule on every subject: threshold, value, how it stands and since when, as of the newest event."""

    rule: Text = key_field("Name of the rule")
    subject: Text = key_field("What it was evaluated on: all, or the name of an agent, a model or a tool")
    state: Text = field("How it stands; ok too where there is too little to tell", null=False, isin=ALERT_STATES)
    value: Real = field("Value at the newest event; null where nothing was measured, or too little to tell")
    threshold: Real = field("Threshold that the state is about: the critical one when critical, else that of a warning")
    warning: Real = field("Threshold of a warning", null=False)
    critical: Real = field("Threshold from which it is critical", null=False)
    direction: Text = field("On which side of the thresholds it is not ok", null=False, isin=("above", "below"))
    unit: Text = field("Unit of value and thresholds", null=False)
    n: Integer = count_field("Events behind the value", null=False)
    least_n: Integer = count_field("Events below which there is too little to tell", null=False)
    since: Timestamp = field("Full hour since which it stands so; null where that is longer ago than is looked back")
    for_hours: Integer = count_field("Hours that it has to hold before it fires", unit="hours", null=False)
    window_hours: Integer = count_field("Hours that the value is measured over", unit="hours", null=False)
    fired: Integer = count_field("How often it fired in the hours that are looked back", null=False)
    cleared: Integer = count_field("How often it cleared in the hours that are looked back", null=False)
    as_of: Timestamp = field("Full hour after the newest event, by which it was evaluated; null without data")
    message: Text = field("What it says, in one line", null=False)


ALERT_MARTS: dict[str, type[Table]] = {"mart_alert": MartAlert}
