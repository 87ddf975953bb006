"""The plots of a model card, as PNG: the same numbers give the same bytes."""

import io
from typing import TYPE_CHECKING

import numpy as np

from learning_pipeline.routing.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RELIABILITY, COST_QUALITY, LEARNING = "reliability.png", "cost_quality.png", "learning_curve.png"


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """Return the plots by file name: those that there are numbers for; none where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    drawn = {
        RELIABILITY: (_reliability, evaluation.reliability),
        COST_QUALITY: (_cost_quality, evaluation.curve),
        LEARNING: (_learning, evaluation.learning),
    }
    found = {}
    for name, (draw, numbers) in drawn.items():
        if numbers:
            figure = Figure(figsize=(5, 5), dpi=100, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure.subplots(), evaluation)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", metadata={"Software": None})
            found[name] = buffer.getvalue()
    return found


def _reliability(axes: "Axes", evaluation: Evaluation) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="perfect")
    predicted = [row["predicted"] for row in evaluation.reliability]
    observed = [row["observed"] for row in evaluation.reliability]
    axes.plot(predicted, observed, marker="o", color="C0", label="router")
    for row in evaluation.reliability:
        axes.annotate(
            f"n {row['n']}", (row["predicted"], row["observed"]), (4, -10), textcoords="offset points", fontsize=7
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted success", ylabel="observed success", title="Held-out labels")
    axes.legend(loc="upper left")


def _cost_quality(axes: "Axes", evaluation: Evaluation) -> None:
    costs, values = zip(*evaluation.curve, strict=True)
    axes.plot(costs, values, marker="o", color="C0", label="router, by weight of cost")
    for number, name in enumerate(("cheapest", "best_single", "random", "oracle", "router"), start=1):
        cost, value = evaluation.get(name, "cost_usd"), evaluation.get(name, "success_rate")
        if cost is None or value is None or cost.value is None or value.value is None:
            continue
        axes.plot([cost.value], [value.value], marker="D", linestyle="", color=f"C{number}", label=name)
    axes.set(xlabel="mean cost, USD", ylabel="mean success", title="Held-out tasks")
    axes.legend(loc="lower right")


def _learning(axes: "Axes", evaluation: Evaluation) -> None:
    columns = [(n, value.value, value.low, value.high) for n, value in evaluation.learning]
    labels, values, low, high = np.array(columns, np.float64).T
    axes.fill_between(labels, low, high, color="C0", alpha=0.2, linewidth=0, label="95 % interval")
    axes.plot(labels, values, marker="o", color="C0", label="router")
    base = evaluation.get("base_rate", "log_loss")
    if base is not None and base.value is not None:
        axes.axhline(base.value, color="0.5", linewidth=1, label="base rate")
    axes.set(xlabel="labels learned from", ylabel="held-out log loss", title="Learning curve")
    axes.legend(loc="upper right")
