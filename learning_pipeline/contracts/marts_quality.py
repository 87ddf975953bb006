"""Contracts of the marts on the data itself: what was read, rejected, unknown, how fresh it is, what it means."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_base import grain_field


class MartDataQuality(Table):
    """Where every line went, per source and day of landing."""

    source: Text = key_field("Source kind")
    day: Day = key_field("UTC day on which the lines were landed")
    lines_read: Integer = count_field("Lines read", unit="lines", null=False)
    event_lines: Integer = count_field("Lines that became an event, or a part of one", unit="lines", null=False)
    duplicates: Integer = count_field("Lines whose events were all landed before", unit="lines", null=False)
    quarantined: Integer = count_field("Lines that were rejected and kept in quarantine", unit="lines", null=False)
    ignored: Integer = count_field("Lines that a named rule leaves out", unit="lines", null=False)
    files: Integer = count_field("Files that were read", null=False)
    bytes_read: Integer = count_field("Bytes read", unit="bytes", null=False)
    quarantined_ratio: Real = share_field("Quarantined among lines read; null when none was read")
    is_conserved: Flag = field("Whether lines read are exactly the sum of the four", null=False)


class MartQuarantineReason(Table):
    """Rejected lines by the rule that they broke."""

    source: Text = key_field("Source kind")
    day: Day = key_field("UTC day on which the lines were rejected")
    check: Text = key_field("Rule that was broken")
    column: Text = grain_field("Column that broke the rule")
    rejects: Integer = count_field("Rejected lines", unit="lines", null=False)
    open_rejects: Integer = count_field("Of these, lines that were not read since", unit="lines", null=False)
    files: Integer = count_field("Files that hold them", null=False)
    reason: Text = field("One of the reasons, in words", null=False)


class MartUnknownFields(Table):
    """Fields and kinds of record that no reader knows yet."""

    source: Text = key_field("Source kind")
    kind: Text = key_field("What is unknown", isin=("unknown_field", "unknown_kind"))
    name: Text = key_field("Name of the field or kind")
    occurrences: Integer = count_field("How often it was seen", null=False)
    first_day: Day = field("First day of landing on which it was seen", null=False)
    last_day: Day = field("Last day of landing on which it was seen", null=False)


class MartIgnoredRule(Table):
    """Lines that were left out, by the name of the rule."""

    source: Text = key_field("Source kind")
    rule: Text = key_field("Rule")
    lines: Integer = count_field("Lines that it left out", unit="lines", null=False)
    first_day: Day = field("First day of landing", null=False)
    last_day: Day = field("Last day of landing", null=False)


class MartFreshness(Table):
    """How old each table is."""

    table_name: Text = key_field("Table")
    rows: Integer = count_field("Rows, of all days", null=False)
    newest_event_at: Timestamp = field("Newest event in it; null for a table without one")
    newest_day: Day = field("Newest day in it; null for a table that is not kept by day")
    age_hours: Real = field("From the newest event, else the end of the newest day, to measured_at", unit="hours", ge=0)
    measured_at: Timestamp = field("When these tables were put together", null=False)


class MartDataDictionary(Table):
    """Every table and column, and what it means."""

    table_name: Text = key_field("Table")
    column_name: Text = key_field("Column")
    position: Integer = count_field("Place in the table, from 1", null=False)
    type: Text = field("Type in DuckDB", null=False)
    unit: Text = field("Unit")
    meaning: Text = field("What the column says", null=False)
    is_key: Flag = field("Whether it is a part of the grain", null=False)
    is_nullable: Flag = field("Whether it may be null: unknown", null=False)
    table_kind: Text = field("Kind of table", null=False, isin=("fact", "daily", "rollup", "dim", "internal"))
    table_meaning: Text = field("What one row of the table is", null=False)
    grain: Text = field("Columns that make a row unique", null=False)


class Partitions(Table):
    """What this file was put together from: one row a part; for the program itself."""

    table_name: Text = key_field("Table")
    day: Day = grain_field("Day of the part; null for a table in one piece")
    digest: Text = field("Digest of the part's content", null=False)
    rows: Integer = count_field("Rows of the part", null=False)


QUALITY_MARTS: dict[str, type[Table]] = {
    "mart_data_quality": MartDataQuality,
    "mart_quarantine_reason": MartQuarantineReason,
    "mart_unknown_fields": MartUnknownFields,
    "mart_ignored_rule": MartIgnoredRule,
    "mart_freshness": MartFreshness,
    "mart_data_dictionary": MartDataDictionary,
}
INTERNAL: dict[str, type[Table]] = {"_partitions": Partitions}
