"""Every recomputation there is, by `table what`, and what none of them compares."""

from learning_pipeline_tests.marts.derived import DERIVED_RECOMPUTED
from learning_pipeline_tests.marts.recomputed import RECOMPUTED, WITHOUT_CALLS
from learning_pipeline_tests.marts.recomputed_alerts import ALERTS_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_facts import FACTS_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_flow import FLOW_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_links import LINKS_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_quality import QUALITY_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_trends import TRENDS_RECOMPUTED
from learning_pipeline_tests.marts.recomputed_usage import USAGE_RECOMPUTED
from learning_pipeline_tests.marts.test_sql import SAME
from learning_pipeline_tests.marts.test_sql import WITHOUT_CALLS as _WITHOUT_CALLS

EVERY: dict[str, tuple[str, str]] = {
    # Those of test_sql.py know of one source kind that tells no calls; here are others, too.
    **{name: (of_mart, of_facts.replace(_WITHOUT_CALLS, WITHOUT_CALLS)) for name, (of_mart, of_facts) in SAME.items()},
    **RECOMPUTED,
    **FACTS_RECOMPUTED,
    **LINKS_RECOMPUTED,
    **USAGE_RECOMPUTED,
    **FLOW_RECOMPUTED,
    **TRENDS_RECOMPUTED,
    **ALERTS_RECOMPUTED,
    **QUALITY_RECOMPUTED,
    **DERIVED_RECOMPUTED,
}

# What no second computation compares, and why.
ARGUED: dict[str, str] = {
    "mart_anomaly.score": "its noise model is what the mart adds; test_planted.py: planted spikes are found, noise not",
    "mart_anomaly.threshold": "as score",
    "mart_anomaly.p_value": "as score",
    "mart_anomaly.q_value": "over all days that were tested, of which the mart keeps those that are told",
    "mart_drift.slope_low": "widened for autocorrelation, which takes the residuals of the better fit",
    "mart_drift.slope_high": "as slope_low",
    "mart_drift.drift_p_value": "as slope_low; the q-values are recomputed from it",
    "mart_drift.step_p_value": "as slope_low; the q-values are recomputed from it",
    "mart_drift.autocorrelation": "as slope_low",
    "mart_forecast.candidate_mae": "the back-test of a library's model, which SQL does not have",
    "dim_models.family": "read off the name by a table of patterns: test_models.py of the sources",
    "dim_models.provider": "as family, where no log names one",
    "dim_models.model_tier": "as family",
    "mart_data_dictionary.is_nullable": "the contract is its only source; no null is where it says so: test_recomputed",
    "mart_data_dictionary.table_kind": "how a table is built, which the database does not tell",
}
# Compared row by row by priced.py: the public price list has a calculator of its own.
PRICED = {
    "fct_llm_calls": ("cost_usd", "price_version"),
    "dim_models": ("is_priced", "price_version", "input_usd_per_mtok", "output_usd_per_mtok"),
}
# The calculator prices whole calls, so the rates of caches are seen in the cost of calls.
ARGUED |= {
    f"dim_models.cache_{kind}_usd_per_mtok": "a rate that the cost of calls is compared with"
    for kind in ("read", "write_5m", "write_1h")
}
