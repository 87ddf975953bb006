"""Public routing sets as `execution_log` lines, and how well the router does on them.

    python benchmarks/routing_sets.py SET DATA_DIR WORK_DIR [--folds N]

SET is routellm-mmlu, llmrouter, llmrouter-cv, routerarena or agents; DATA_DIR holds the unpacked set. `agents` is
made up, and reads none: thirteen agents with rates and prices like those that are published, near ties at a tenth of
the price among them, ran 500 tasks that are hard or easy for all; each split is a world of its own. For each split the
training tasks are landed, built and trained on in a home of its own by `refresh`, and the test tasks are asked about
by `route --batch --router latest`. No test task (by its text) is in the training part. Printed are the mean score
of what is chosen (the best single candidate of the training part where the router abstains) against the best
single candidate and the oracle on the test tasks, the share of tasks on which another than that single one is better,
the expected calibration error over all predictions (ten bins), its Brier score, where the set has a cost the mean of
what is chosen, of the single one and of the cheapest, the lower end of the single one's 95 % interval and whether the
score is not below it at 60 % of its cost or less, and for two candidates APGR, CPT(50) and CPT(80).
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from learning_pipeline.routing.curves import recovery
from learning_pipeline.routing.model import wilson
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPE_NAMES

Scores = dict[str, float]


@dataclass(frozen=True)
class Task:
    """One prompt, and what each model achieved on it (0 to 1) at which cost (dollars)."""

    text: str
    scores: Scores
    costs: Scores


def mmlu(root: Path) -> list[Task]:
    """Read RouteLLM's MMLU: right or wrong for two models; prompts that are in its training data are left out."""
    (contaminated,) = root.rglob("contaminated_prompts.jsonl")
    left_out = {json.loads(line)["eval_prompt"] for line in contaminated.read_text("utf-8").splitlines()}
    found: dict[str, Task] = {}
    for path in sorted(root.rglob("mmlu_*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                text = row.pop("prompt")
                if text not in left_out and text not in found:
                    found[text] = Task(text, {name: float(value == "True") for name, value in row.items()}, {})
    return list(found.values())


def llmrouter(root: Path, part: str) -> list[Task]:
    """Read a part (train, test) of LLMRouter: graded answers of nine models."""
    (path,) = root.rglob(f"data_dcrouter_preprocessed_{part}.json")
    return [Task(row["question"], row["scores"], {}) for row in json.loads(path.read_text("utf-8"))]


def routerarena(root: Path) -> list[Task]:
    """Read RouterArena: graded answers of two models, with their cost."""
    found: dict[str, Task] = {}
    for path in sorted(root.rglob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            result = row["evaluation_result"] or {}
            if result.get("score") is None:
                continue
            task = found.setdefault(row["question"], Task(row["question"], {}, {}))
            task.scores[row["llm_selected"]] = float(result["score"])
            task.costs[row["llm_selected"]] = float(result["inference_cost"] or 0.0)
    return [task for task in found.values() if len(task.scores) > 1]


# Share of tasks that each agent solves, and the dollars that it takes for one.
AGENTS = {
    "a": (0.768, 0.75), "b": (0.758, 0.36), "c": (0.758, 0.07), "d": (0.756, 0.55), "e": (0.728, 0.45),
    "f": (0.728, 0.53), "g": (0.728, 0.47), "h": (0.714, 0.66), "i": (0.708, 0.15), "j": (0.7, 0.45),
    "k": (0.696, 0.96), "l": (0.666, 0.33), "m": (0.562, 0.05),
}  # fmt: skip
_HARDNESS, _OWN, _COST_SPREAD = 2.2, 0.7, 0.5


def agents(seed: int, n: int = 500) -> tuple[list[Task], list[Task]]:
    """Make up tasks that every agent ran: how hard one is counts for all of them, and a hard one is dearer."""
    rng, dice = np.random.default_rng(seed), Dice("agents", seed)
    rate, price = (np.array(part) for part in zip(*AGENTS.values(), strict=True))
    # The mean of a logistic of a normal number, as MacKay (1992) has it.
    ability = np.log(rate / (1 - rate)) * np.sqrt(1 + np.pi * (_HARDNESS**2 + _OWN**2) / 8)
    tasks = []
    for _ in range(n):
        hard = rng.normal(0, _HARDNESS)
        solved = rng.random(len(rate)) < 1 / (1 + np.exp(hard + rng.normal(0, _OWN, len(rate)) - ability))
        cost = price * np.exp(rng.normal(0, _COST_SPREAD, len(rate)) + 0.12 * hard - 0.16)
        text = task_text(dice, dice.pick(TASK_TYPE_NAMES), dice.pick(REPOSITORIES))
        scores, costs = dict(zip(AGENTS, solved.astype(float), strict=True)), dict(zip(AGENTS, cost, strict=True))
        tasks.append(Task(f"{text} ({len(tasks)})", scores, costs))
    cut = int(0.7 * n)
    return tasks[:cut], tasks[cut:]


def folds(tasks: list[Task], count: int) -> Iterator[tuple[list[Task], list[Task]]]:
    """Deal the tasks into groups at random (seed 0); each is the test part once."""
    group = np.random.default_rng(0).integers(0, count, len(tasks))
    for number in range(count):
        yield (
            [task for task, place in zip(tasks, group, strict=True) if place != number],
            [task for task, place in zip(tasks, group, strict=True) if place == number],
        )


def _llmrouter_test(root: Path, _: int) -> Iterator[tuple[list[Task], list[Task]]]:
    test = llmrouter(root, "test")
    asked = {task.text for task in test}
    yield [task for task in llmrouter(root, "train") if task.text not in asked], test


SETS: dict[str, Callable[[Path, int], Iterator[tuple[list[Task], list[Task]]]]] = {
    "routellm-mmlu": lambda root, count: folds(mmlu(root), count),
    "llmrouter": _llmrouter_test,
    "llmrouter-cv": lambda root, count: folds(llmrouter(root, "train"), count),
    "routerarena": lambda root, count: folds(routerarena(root), count),
    "agents": lambda _, count: (agents(seed) for seed in range(count)),
}


def execution_lines(tasks: list[Task], *, seed: int = 0) -> Iterator[str]:
    """Return one `execution_log` line a task and model: the tasks in random order, one a minute, ending today."""
    order = np.random.default_rng(seed).permutation(len(tasks))
    begin = datetime.now(UTC) - timedelta(minutes=len(tasks))
    for place, number in enumerate(order.tolist()):
        task = tasks[number]
        for step, (model, score) in enumerate(sorted(task.scores.items())):
            start = begin + timedelta(minutes=place, seconds=step)
            line = {
                "execution_id": f"{number}-{step}",
                "agent_name": "benchmark",
                "model": model,
                "task_text": task.text,
                "started_at": start.isoformat(),
                "ended_at": (start + timedelta(milliseconds=500)).isoformat(),
            }
            line |= {"success": bool(score)} if score in (0, 1) else {"outcome": "partial", "quality_score": score}
            if model in task.costs:
                line["cost_usd"] = task.costs[model]
            yield json.dumps(line)


def run(train: list[Task], test: list[Task], work: Path) -> dict[str, float]:
    """Train on one part, ask about the other, and return the measures."""
    work.mkdir(parents=True, exist_ok=True)
    log, asked, answers = work / "train.jsonl", work / "asked.jsonl", work / "answers.jsonl"
    log.write_text("\n".join(execution_lines(train)) + "\n", "utf-8")
    asked.write_text(
        "".join(json.dumps({"task_id": str(i), "task_text": task.text}) + "\n" for i, task in enumerate(test)), "utf-8"
    )
    command = [sys.executable, "-m", "learning_pipeline.cli.main"]
    home = ["--home", str(work / "home")]
    begin = time.monotonic()
    subprocess.run([*command, "refresh", *home, "--source", f"execution_log={log}", "--no-publish"], check=True)
    trained = time.monotonic()
    subprocess.run(
        [*command, "route", *home, "--router", "latest", "--batch", str(asked), "--output", str(answers)], check=True
    )
    routed = time.monotonic()
    rows = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    return {"train_s": trained - begin, "route_s": routed - trained, **judge(train, test, rows)}


def judge(train: list[Task], test: list[Task], answers: list[dict]) -> dict[str, float]:
    """Return the measures of the answers."""
    models = sorted(test[0].scores)
    mean = {model: np.mean([task.scores[model] for task in train]) for model in models}
    single = max(models, key=lambda model: mean[model])
    chosen = [(answer["chosen"] or {}).get("model") or single for answer in answers]
    told = [{item["model"]: item for item in answer["candidates"]} for answer in answers]
    predicted = np.array([[known[model]["success_probability"] for model in models] for known in told])
    seen = np.array([[task.scores[model] for model in models] for task in test])
    bins = np.minimum((predicted * 10).astype(int), 9)
    gaps = [abs(float((predicted - seen)[bins == number].sum())) for number in range(10)]
    best = np.array([models[number] for number in predicted.argmax(axis=1)])
    result = {
        "tasks": float(len(test)),
        "score": float(np.mean([task.scores[model] for task, model in zip(test, chosen, strict=True)])),
        "score_most_likely": float(np.mean([task.scores[model] for task, model in zip(test, best, strict=True)])),
        "single": float(np.mean([task.scores[single] for task in test])),
        "oracle": float(seen.max(axis=1).mean()),
        "other_better": float((seen.max(axis=1) > seen[:, models.index(single)]).mean()),
        "abstained": float(np.mean([answer["abstained"] for answer in answers])),
        "ece": sum(gaps) / predicted.size,
        "brier": float(((predicted - seen) ** 2).mean()),
    }
    if all(task.costs for task in test):
        result["cost"] = float(np.mean([task.costs[model] for task, model in zip(test, chosen, strict=True)]))
        result["single_cost"] = float(np.mean([task.costs[single] for task in test]))
        result["least_cost"] = float(np.mean([min(task.costs.values()) for task in test]))
        result["single_low"] = float(wilson(np.array(result["single"]), np.array(len(test)))[0])
        cheap = result["cost"] <= 0.6 * result["single_cost"]
        result["as_good_and_cheap"] = float(cheap and result["score"] >= result["single_low"])
    if len(models) == 2:
        strong = models.index(single)
        found = recovery(predicted[:, strong] - predicted[:, 1 - strong], seen[:, 1 - strong], seen[:, strong])
        if found is not None:
            result |= {"apgr": found.apgr, "cpt50": found.cpt50, "cpt80": found.cpt80}
    return result


def main() -> None:
    """Run one set and print its measures, a line a split and their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    found = []
    for number, (train, test) in enumerate(SETS[arguments.set](arguments.data, arguments.folds)):
        found.append(run(train, test, arguments.work / f"split{number}"))
        print(number, {name: float(f"{value:.4g}") for name, value in found[-1].items()}, flush=True)
    means = {name: float(np.mean([one[name] for one in found if name in one])) for name in found[0]}
    print("mean", {name: float(f"{value:.4g}") for name, value in means.items()})


if __name__ == "__main__":
    main()
