"""From a planted fault to the exit code of `health`, rule by rule; and from the machine's rules, too."""

from datetime import timedelta
from pathlib import Path

import pytest

from learning_pipeline.assets import health
from learning_pipeline.cli.health import EXIT_CODES
from learning_pipeline.settings import load_settings
from learning_pipeline.watch import live
from learning_pipeline_tests.marts.test_alerts import BAD, LATER, PLANTED, evaluated, of, planted

OK, CRITICAL, WARNING = 0, 1, 3


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_what_is_planted_is_in_the_exit_code_until_it_clears(rule: str) -> None:
    facts = planted(PLANTED[rule])
    during, after = (evaluated(facts, at) for at in (BAD + timedelta(hours=35), LATER))
    row = of(rule, during)
    found = health.of_alerts(during.to_dicts())
    fired = next(one for one in found if one.name == f"{rule} of {row['subject']}")
    assert (fired.state, fired.summary, fired.since) == (row["state"], row["message"], row["since"].isoformat())
    assert EXIT_CODES[health.worst([fired])] == {"critical": CRITICAL, "warning": WARNING}[row["state"]]
    cleared = health.of_alerts([row for row in after.to_dicts() if row["rule"] == rule])
    assert [one.name for one in cleared] == ["alert_rules"]
    assert EXIT_CODES[health.worst(cleared)] == OK


@pytest.mark.parametrize("rule", [rule.name for rule in live.LIVE_RULES])
def test_rules_on_the_machine_are_in_the_exit_code(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chosen,) = [one for one in live.LIVE_RULES if one.name == rule]
    well = {"above": 0.0, "below": chosen.warning}[chosen.direction]
    ill = 0.999 if chosen.direction == "below" else 1.0
    codes = []
    for value in (well, chosen.warning * ill, chosen.critical * ill, well):
        measured = live.Measured(chosen, value, chosen.state(value), "")
        monkeypatch.setattr(live, "measured", lambda home, one=measured: iter([one]))
        codes.append(EXIT_CODES[health.worst(health.of_machine(load_settings(tmp_path)))])
    assert codes == [OK, WARNING, CRITICAL, OK]
