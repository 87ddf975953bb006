"""Says in one query whether a frame keeps a contract: Pandera asks for every check of every column apart."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl

from learning_pipeline.contracts.base import Table, polars_schema


def keeps(frame: pl.DataFrame, contract: type[Table]) -> bool:
    """Say whether Pandera would find nothing wrong: the same checks, asked all at once.

    Where it says no, Pandera says what: most frames keep their contract, so that is rarely asked.
    """
    if dict(frame.schema) != dict(polars_schema(contract)):
        return False
    if frame.is_empty():
        return True
    asked = list(_answers(frame.lazy(), contract))
    return all(answer.item() for answer in pl.collect_all(asked))


def _answers(frame: pl.LazyFrame, contract: type[Table]) -> Iterator[pl.LazyFrame]:
    """Yield a frame of one cell for each check: whether all rows pass."""
    schema = _schema(contract)
    schema.get_backend(frame)  # Pandera registers its checks when it is first asked
    known = [
        # NaN is not a value to Pandera either.
        (pl.col(name).is_not_null() & pl.col(name).is_not_nan()).all()
        if column.dtype.type.is_float()
        else pl.col(name).is_not_null().all()
        for name, column in schema.columns.items()
        if not column.nullable
    ]
    if known:
        yield frame.select(pl.all_horizontal(known))
    for name, column in schema.columns.items():
        for check in column.checks:
            yield _answer(check, pa.PolarsData(frame, name))
    for check in schema.checks:
        yield _answer(check, pa.PolarsData(frame, "*"))


def _answer(check: Any, data: pa.PolarsData) -> pl.LazyFrame:
    if pa.Check.is_builtin_check(check.name):
        passed = pa.Check.get_builtin_check_fn(check.name)(data, **check.statistics)
    else:
        passed = check.get_backend(data.lazyframe)(check).apply(data)
    # As Pandera has it: no answer is a pass, unless the check says otherwise.
    return passed.select(pl.all_horizontal(pl.all().fill_null(check.ignore_na)).all())


@cache
def _schema(contract: type[Table]) -> Any:
    return contract.to_schema()
