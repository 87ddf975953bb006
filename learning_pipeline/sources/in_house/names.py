"""Tables of names: which field of a log is which column, and how its value is read."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

from learning_pipeline.sources.in_house.values import Convert
from learning_pipeline.sources.times import UNITS, unit_of


class Field(NamedTuple):
    """What a field's name means. A weak one counts only where no stronger one tells the column."""

    column: str
    convert: Convert
    weak: bool = False


class Step(NamedTuple):
    """What is done with one field of an object of some shape.

    Most fields are the only strong ones of a column: `column` and `convert` say how they are read. A field without
    them is read together with others, is unknown, is weak, or shares a column with another field of the object:
    `fields` has what it may tell.
    """

    name: str
    plain: str  # as the table spells it
    column: str
    convert: Convert | None
    together: bool
    fields: tuple[Field, ...]


# A column, how it is read, its names, and names that tell it only where no other does (the first of these wins).
# A name that ends in `_*` stands for the name with any unit of time behind it.
Row = tuple[str, Convert, tuple[str, ...], tuple[str, ...]]

# Objects with more fields are not remembered: such shapes hardly come again.
_USUAL_FIELDS = 200
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
        self._known_plan = lru_cache(maxsize=1024)(self._plan)

    def plan(self, names: tuple[str, ...]) -> tuple[Step, ...]:
        """Return what is done with each field of an object: the lines of a log have few shapes."""
        return self._known_plan(names) if len(names) <= _USUAL_FIELDS else self._plan(names)

    def _plan(self, names: tuple[str, ...]) -> tuple[Step, ...]:
        plain_names = [self.plain_name(name) for name in names]
        told = Counter(field.column for plain in plain_names for field in self.fields_of(plain) if not field.weak)
        return tuple(map(self._step, names, plain_names, repeat(told)))

    def _step(self, name: str, plain: str, told: Counter[str]) -> Step:
        if plain in self.together:
            return Step(name, plain, "", None, True, ())
        fields = self.fields_of(plain)
        if len(fields) == 1 and told[fields[0].column] == 1 and not fields[0].weak:
            return Step(name, plain, fields[0].column, fields[0].convert, False, fields)
        return Step(name, plain, "", None, False, fields)

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
