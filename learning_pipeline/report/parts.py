"""What the page consists of, as data: sections of charts, each with the questions that give its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Row = dict[str, Any]
Kind = Literal["stack", "lines", "bars", "intervals", "percentiles", "graph", "calibration", "table"]

# Rows of a chart and its table; what is beyond is told, and reachable by the query that the page shows.
MAX_ROWS = 1000


@dataclass(frozen=True)
class Question:
    """One way to get the rows of a chart.

    needs: tables, each with the columns that the SQL names; where one is absent, the question is not asked.
    """

    needs: Mapping[str, tuple[str, ...]]
    sql: str


@dataclass(frozen=True)
class Chart:
    """One chart, and the table behind it.

    name: of the chart in the page, unique.
    about: how to read it, in a sentence or two.
    unit: of what is measured.
    n: column whose sum is the n of the chart; without one, its rows are counted. `n_of`: what is counted.
    n_once: column; rows that are equal in it tell the same n, which counts once; `*`: the largest n is the n.
    asked: the first of these whose tables are there gives the rows.
    rate: columns (k, n) from which `rate`, `low` and `high` are computed: a share and its 95 % Wilson interval.
    x, y, series: columns of the chart, by the kind: `stack`, `lines` x is a day; `bars`, `intervals`,
        `percentiles` y is the name and x the value; `graph` x leads to y.
    none: what it means that the table is there and has no rows, where that is no lack of data.
    columns: headings of the table, where the column's own name would not do.
    """

    name: str
    title: str
    about: str
    kind: Kind
    unit: str
    n: str
    n_of: str
    asked: tuple[Question, ...]
    x: str = ""
    y: str = ""
    series: str | None = None
    rate: tuple[str, str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    n_once: str | None = None
    none: str = ""

    @property
    def is_share(self) -> bool:
        """Whether what is measured is a share, from 0 to 1."""
        return self.unit.startswith("share")


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    name: str
    title: str
    about: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Figure:
    """A number that stands at the top of the page.

    The question gives one row: `value` and `note`; of a rate `k`, `n` and `note`.
    """

    title: str
    unit: Literal["count", "usd", "rate", "text"]
    asked: Question
