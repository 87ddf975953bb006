"""The model card of a version: what it was made from, how well it does, what it is not for."""

from collections.abc import Sequence
from typing import Any

from learning_pipeline.routing.evaluation import Evaluation, Measure
from learning_pipeline.routing.plots import COST_QUALITY, LEARNING, RELIABILITY
from learning_pipeline.routing.promotion import Verdict


def model_card(version: str, manifest: dict[str, Any], evaluation: Evaluation, verdict: Verdict) -> str:
    """Return the card as Markdown; it has no time in it, so that equal versions have equal cards."""
    policies = [item for item in evaluation.measures if item.subject_kind == "policy"]
    models = [item for item in evaluation.measures if item.subject_kind == "model"]
    candidates = [
        item
        for item in evaluation.measures
        if item.subject_kind == "candidate" and item.metric == "success_probability"
    ]
    lines = [
        f"# Router {version}",
        "",
        f"Stage when trained: **{verdict.stage}**: {verdict.reason}.",
        "",
        "## What it is made from",
        "",
        f"- Executions: {manifest['executions']}, of which {manifest['labelled']} have an observed outcome.",
        f"- Held out, newer than all the rest: {evaluation.held_out} labelled executions.",
        f"- Embedding: {manifest['embedding_version']}, {manifest['embedding_rank']} of 512 dimensions in use.",
        f"- Seed {manifest['seed']}, code {manifest['code_version']}, data {manifest['data_digest']}.",
        f"- Parameters: {', '.join(f'{name} {value}' for name, value in sorted(manifest['parameters'].items()))}.",
        "",
        "Labels are observed outcomes, weighted by their source; open, unknown and interrupted executions are none.",
        "",
        "## Predictions of success on held-out executions",
        "",
        *_table(models),
        "",
        "## Choices on held-out tasks",
        "",
        "`full`: several candidates ran the task, and the choice was looked up. `matched`: estimated from the tasks",
        "where the policy chooses what was run. No value: too few such tasks to tell. Where the router abstains, it",
        "is credited with the best single candidate's result.",
        "",
        *_table(policies),
        "",
        "## Reliability",
        "",
        "| predicted from | to | n | mean predicted | observed |",
        "|---|---|---|---|---|",
        *(
            f"| {row['from']:.1f} | {row['to']:.1f} | {row['n']} | {row['predicted']:.3f} | {row['observed']:.3f} |"
            for row in evaluation.reliability
        ),
        "",
        *_plot(evaluation.reliability, "Predicted against observed success", RELIABILITY),
        *_plot(evaluation.curve, "## Success over cost", COST_QUALITY),
        *_plot(evaluation.learning, "## Learning curve", LEARNING),
        "## Candidates in the older part",
        "",
        *_table(candidates),
        "",
        "## Not for",
        "",
        "Tasks unlike those in these logs, candidates that never ran, and choices that a person answers for. The",
        "estimates are of what was seen: an agent that was given the easy tasks looks better than it is.",
        "",
    ]
    return "\n".join(lines)


def _plot(drawn: Sequence[object], title: str, name: str) -> list[str]:
    if not drawn:
        return []
    heading = [title, ""] if title.startswith("#") else []
    return [*heading, f"![{title.lstrip('# ')}]({name})", ""]


def _table(measures: list[Measure]) -> list[str]:
    lines = ["| subject | metric | value | 95 % interval | n | basis |", "|---|---|---|---|---|---|"]
    for item in sorted(measures, key=lambda item: (item.metric, item.subject)):
        value = "too few" if item.value is None else f"{item.value:.4g}"
        interval = "" if item.low is None or item.high is None else f"{item.low:.4g} to {item.high:.4g}"
        subject = item.subject.replace("|", "\\|")
        lines.append(f"| {subject} | {item.metric} | {value} | {interval} | {item.n} | {item.basis} |")
    return lines
