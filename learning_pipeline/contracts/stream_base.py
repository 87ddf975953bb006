"""What all event streams of the lake have in common."""

from learning_pipeline.contracts.base import Day, Integer, Table, Text, Timestamp, field


class Stream(Table):
    """Columns that every stream has: where the event was read, and when."""

    source: Text = field("Source kind that the event was read by", null=False)
    source_file: Text = field("File, or repository, that holds the event's first line", null=False)
    source_line: Integer = field("Line of that file, from 1; of a commit, a number made of its id", null=False, ge=0)
    landed_at: Timestamp = field("When the event was first landed", null=False)
    day: Day = field("UTC date of the event's own time; 1970-01-01 where it has none", null=False)
    host: Text = field("Machine whose logs these are", null=False)
    attributes: Text = field("JSON object of what the log said and no column holds")
