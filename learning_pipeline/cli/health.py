"""`health`: whether all is well."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from learning_pipeline.cli.options import home_option, json_option

EXIT_CODES = {"ok": 0, "critical": 1, "warning": 3}


@click.command()
@home_option
@json_option
def health(home: Path | None, as_json: bool) -> None:
    """Say whether all is well: exit code 0, 1 (critical) or 3 (warning)."""
    from learning_pipeline.assets.health import health as ask
    from learning_pipeline.assets.health import worst
    from learning_pipeline.settings import load_settings

    findings = ask(load_settings(home), datetime.now(UTC))
    state = worst(findings)
    if as_json:
        fields = [{"name": f.name, "state": f.state, "summary": f.summary, **f.numbers} for f in findings]
        click.echo(json.dumps({"state": state, "findings": fields}))
    else:
        for finding in findings:
            click.echo(f"{finding.state:<9} {finding.name}: {finding.summary}")
    raise SystemExit(EXIT_CODES[state])
