"""Which files are tables. What reads them is imported only where there are some."""

from learning_pipeline.lake.read import head
from learning_pipeline.sources.table_map import IN_HOUSE, SUFFIXES, magic


def is_table(kind: str, path: str) -> bool:
    """Say whether a file of this kind is to be read as a table.

    Raises:
        PipelineError: the file cannot be read.
    """
    if kind == "table":
        return True
    if kind == "otlp":
        return magic(head(path)) == "sqlite"
    return kind in IN_HOUSE and (path.lower().endswith(SUFFIXES) or magic(head(path)) is not None)
