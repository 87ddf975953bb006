"""The audit log: only added to, readable after a crash."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.report import LandReport
from learning_pipeline.publish.load import PublishReport
from learning_pipeline.routing.train import TrainReport
from learning_pipeline.watch import audit

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


def test_what_is_done_is_noted_and_what_is_not_is_not(tmp_path: Path) -> None:
    audit.landing(tmp_path, LandReport(files_scanned=4), NOW)
    audit.training(tmp_path, TrainReport("v1", False, "nothing new"), NOW)
    audit.publish(tmp_path, PublishReport("p1", {"executions": 3}, False, "nothing new", 0.1), NOW)
    assert audit.newest(tmp_path, 10) == []
    audit.landing(tmp_path, LandReport(files_changed=1, lines_read=7, days=[date(2026, 2, 1)]), NOW)
    audit.training(tmp_path, TrainReport("v1", True, "better", trained=True), NOW)
    audit.publish(tmp_path, PublishReport("p1", {"executions": 3}, True, "loaded", 0.1), NOW)
    found = audit.newest(tmp_path, 10)
    assert [event["event_type"] for event in found] == ["publish", "promotion", "training", "landing"]
    assert [event["subject"] for event in found] == ["p1", "v1", "v1", "2026-02-01 to 2026-02-01"]
    assert found[0]["detail"] == {"rows": 3, "tables": 1}
    assert found[3]["detail"]["lines_read"] == 7
    assert len(audit.newest(tmp_path, 2)) == 2


def test_a_line_that_was_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    for n in range(2):
        audit.append(tmp_path, audit.Event("landing", "2026-03-01", str(n), {}))
    path = tmp_path / audit.NAME
    path.write_bytes(path.read_bytes()[:-9])
    audit.append(tmp_path, audit.Event("landing", "2026-03-01", "2", {}))
    assert [event["subject"] for event in audit.newest(tmp_path, 9)] == ["2", "0"]


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    for n in range(1200):
        audit.append(tmp_path, audit.Event("landing", "2026-03-01", str(n), {}))
    found = [int(event["subject"]) for event in audit.newest(tmp_path, 10_000)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1199 and 100 < len(found) < 1200


def test_a_log_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / audit.NAME).mkdir()
    with pytest.raises(PipelineError, match="cannot write"):
        audit.append(tmp_path, audit.Event("landing", "2026-03-01", "1", {}))
