"""Tables of names: which field of a log is which column, and how its value is read."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from learning_pipeline.sources.in_house.values import Convert
from learning_pipeline.sources.times import UNITS, unit_of


class Field(NamedTuple):
    """What a field's name means. A weak one counts only where no stronger one tells the column."""

    column: str
    convert: Convert
    weak: bool = False


# A column, how it is read, its names, and names that tell it only where no other does (the first of these wins).
# A name that ends in `_*` stands for the name with any unit of time behind it.
Row = tuple[str, Convert, tuple[str, ...], tuple[str, ...]]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Names:
    """The names of one kind of log.

    Args:
        table: rows of column, conversion, names and weak names.
        together: fields that are handed on as they are, to be read together.
        duration: what any further name of a duration means, and the pattern of such names.
    """

    def __init__(
        self,
        table: Iterable[Row],
        *,
        together: Iterable[str] = (),
        duration: tuple[Field, re.Pattern[str]] | None = None,
    ) -> None:
        table = tuple(table)
        self.together = frozenset(together)
        # The order in which weak names are asked.
        self.weak_order = {column: tuple(_spelled(weak)) for column, _, _, weak in table if weak}
        self._duration = duration
        self._fields: dict[str, tuple[Field, ...]] = {}
        for column, convert, strong, weak in table:
            for name in _spelled(strong):
                self._fields[name] = (*self._fields.get(name, ()), Field(column, convert))
            for name in _spelled(weak):
                self._fields[name] = (*self._fields.get(name, ()), Field(column, convert, weak=True))
        self.plain_name = lru_cache(maxsize=4096)(self._plain_name)
        self.fields_of = lru_cache(maxsize=4096)(self._fields_of)

    def _plain_name(self, name: str) -> str:
        """Return a field's name as the table spells it: `executionId` and `Execution-ID` are `execution_id`."""
        if name in self._fields or name in self.together:
            return name
        return _CAMEL.sub("_", name.strip()).replace("-", "_").replace(" ", "_").lower()

    def _fields_of(self, name: str) -> tuple[Field, ...]:
        """Return what a plain name means: nothing where the table does not have it."""
        found = self._fields.get(name)
        if found is None and self._duration is not None:
            field, pattern = self._duration
            if pattern.fullmatch(name) and unit_of(name) is not None:
                return (field,)
        return found or ()


def _spelled(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        if name.endswith("_*"):
            yield from (name[:-1] + unit for unit in UNITS)
        else:
            yield name
