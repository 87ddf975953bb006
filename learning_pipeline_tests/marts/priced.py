"""What work cost, computed a second time: one by one, by the public price list's own calculator."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
from genai_prices import Usage, calc_price

from learning_pipeline_tests.marts.recomputed import WITHOUT_CALLS


def wrong_calls(marts: duckdb.DuckDBPyConnection) -> list[Any]:
    """Return model calls that cost something else; those with reasoning or searches are left to test_prices.py."""
    rows = marts.execute(
        """select distinct model, provider, service_tier, started_at, input_tokens, output_tokens, cache_read_tokens,
            cache_write_5m_tokens, cache_write_1h_tokens, cost_usd, price_version
        from fct_llm_calls where coalesce(web_searches, 0) = 0 and coalesce(reasoning_tokens, 0) = 0"""
    ).fetchall()
    return [row for row in rows if not _is_right(row)]


def wrong_executions(marts: duckdb.DuckDBPyConnection) -> list[Any]:
    """Return executions whose log tells no call that cost something else than their own tokens at noon of their day."""
    rows = marts.execute(
        f"""select distinct model, provider, null, day, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, 0, cost_usd, price_version
        from ({WITHOUT_CALLS}) where coalesce(reasoning_tokens, 0) = 0"""
    ).fetchall()
    silent = marts.execute(
        f"""select execution_id, cost_usd from fct_executions e where cost_usd is not null
            and execution_id not in (select execution_id from ({WITHOUT_CALLS}))
            and not exists (from fct_llm_calls c where c.execution_id = e.execution_id)"""
    ).fetchall()
    return [row for row in rows if not _is_right((*row[:3], _noon(row[3]), *row[4:]))] + silent


def wrong_models(marts: duckdb.DuckDBPyConnection) -> list[Any]:
    """Return models with another price than that of the newest day."""
    rows = marts.execute(
        """select model, (select min(provider) from (select model, provider from fct_llm_calls
                union all select model, provider from fct_executions) as u where u.model = m.model),
            is_priced, input_usd_per_mtok, output_usd_per_mtok, price_version, max(last_day) over ()
        from dim_models m"""
    ).fetchall()
    wrong = []
    for model, provider, is_priced, plain, out, version, day in rows:
        one_each = (Usage(input_tokens=1000), Usage(output_tokens=1000))
        told = [_price(usage, model, provider, _noon(day), None) for usage in one_each]
        right = is_priced == (None not in told) == (version is not None)
        if not right or (is_priced and [plain / 1000, out / 1000] != told):
            wrong.append((model, plain, out, told))
    return wrong


def _is_right(row: tuple[Any, ...]) -> bool:
    model, provider, tier, at, plain, out, read, short, long, cost, version = row
    expected = None
    if model and plain is not None and out is not None:
        read, short, long = read or 0, short or 0, long or 0
        usage = Usage(
            input_tokens=plain + read + short + long,
            output_tokens=out,
            cache_read_tokens=read,
            cache_write_tokens=short + long,
            cache_write_1h_tokens=long,
        )
        expected = _price(usage, model, provider, at, tier)
    if cost is None or expected is None or version is None:
        return cost is None and expected is None and version is None
    return abs(cost - expected) <= Decimal("1e-11") + expected * Decimal("1e-9")


def _price(usage: Usage, model: str, provider: str | None, at: datetime, tier: str | None) -> Decimal | None:
    context = {"processing": "batch"} if tier == "batch" else None
    try:
        found = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at, price_context=context)
    except LookupError:
        return None
    return found.total_price


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
