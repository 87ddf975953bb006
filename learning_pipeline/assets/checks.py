"""The laws as asset checks. All of them can fail; those that block keep broken data from being published."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from learning_pipeline.assets import laws
from learning_pipeline.assets.database import DATABASE_KEY
from learning_pipeline.assets.landing import landing_key
from learning_pipeline.assets.resources import Pipeline, PipelineParam
from learning_pipeline.contracts.base import key_columns

if TYPE_CHECKING:
    from learning_pipeline.marts.registry import TableSpec

Question = Callable[[Pipeline], laws.Verdict]


def questions(
    tables: Mapping[str, "TableSpec"], kinds: tuple[str, ...]
) -> dict[dg.AssetCheckKey, tuple[dg.AssetCheckSpec, Question]]:
    """Return every check with the function that answers it."""
    found: dict[dg.AssetCheckKey, tuple[dg.AssetCheckSpec, Question]] = {}

    def ask(name: str, asset: dg.AssetKey | str, question: Question, *, blocking: bool = False) -> None:
        meaning = (getattr(laws, name).__doc__ or "").strip()
        spec = dg.AssetCheckSpec(name, asset=asset, description=meaning, blocking=blocking)
        found[spec.key] = (spec, question)

    for kind in kinds:
        ask("conservation", landing_key(kind), _conservation(kind))
    for name, table in tables.items():
        if key_columns(table.contract):
            ask("keys_unique", name, _keys_unique(name, table), blocking=True)
    ask("unknown_is_null", "fct_executions", _of_table("fct_executions", laws.unknown_is_null), blocking=True)
    ask("labels_observed", "fct_executions", _of_table("fct_executions", laws.labels_observed), blocking=True)
    ask("unpriced_is_null", "fct_llm_calls", _of_table("fct_llm_calls", laws.unpriced_is_null), blocking=True)
    ask("database_complete", DATABASE_KEY, lambda p: laws.database_complete(p.settings), blocking=True)
    ask("nothing_stale", DATABASE_KEY, lambda p: laws.nothing_stale(p.settings))
    ask("lake_untouched", DATABASE_KEY, lambda p: laws.lake_untouched(p.settings))
    ask("fresh", DATABASE_KEY, lambda p: laws.fresh(p.settings, p.clock()))
    return found


def _conservation(kind: str) -> Question:
    def question(pipeline: Pipeline) -> laws.Verdict:
        from learning_pipeline.lake.ledger import ledger

        return laws.conservation(ledger(pipeline.settings), kind)

    return question


def _keys_unique(name: str, table: "TableSpec") -> Question:
    return _of_table(name, lambda frame: laws.keys_unique(frame, table.contract))


def _of_table(name: str, law: Callable[..., laws.Verdict]) -> Question:
    def question(pipeline: Pipeline) -> laws.Verdict:
        from learning_pipeline.marts import reader

        # Each part was asked alone when it was made. All together are asked for the days that facts are kept: those of
        # a year take 25 s.
        days = reader.retained_days(pipeline.settings, name)
        return law(reader.read(pipeline.settings, name, days))

    return question


def law_checks(
    tables: Mapping[str, "TableSpec"], daily: set[str], kinds: tuple[str, ...]
) -> list[dg.AssetChecksDefinition]:
    """Return the checks in three steps, as they can block each other: of landing, of days, of the database.

    The checks of days run before the database is put together, so that it is made from sound days only.
    """
    steps: dict[str, dict[dg.AssetCheckKey, tuple[dg.AssetCheckSpec, Question]]] = {}
    landing = {landing_key(kind) for kind in kinds}
    for key, asked in questions(tables, kinds).items():
        name = "lake" if key.asset_key in landing else "days" if key.asset_key.path[-1] in daily else "database"
        steps.setdefault(name, {})[key] = asked
    return [_step(f"laws_of_{name}", asked) for name, asked in sorted(steps.items())]


def _step(name: str, asked: dict[dg.AssetCheckKey, tuple[dg.AssetCheckSpec, Question]]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=[spec for spec, _ in asked.values()], can_subset=True)
    def laws_of_step(context: dg.AssetCheckExecutionContext, pipeline: PipelineParam) -> Iterator[dg.AssetCheckResult]:
        for key in sorted(context.selected_asset_check_keys):
            verdict = asked[key][1](pipeline)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=verdict.passed,
                severity=dg.AssetCheckSeverity.WARN if verdict.warning else dg.AssetCheckSeverity.ERROR,
                description=verdict.summary,
                metadata=verdict.numbers,
            )

    return laws_of_step
