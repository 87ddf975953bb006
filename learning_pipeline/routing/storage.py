"""A model as arrays and JSON values, and back."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from learning_pipeline.errors import PipelineError
from learning_pipeline.routing.blend import Blend
from learning_pipeline.routing.embedding import Embedding, digest_of
from learning_pipeline.routing.experts import Experts
from learning_pipeline.routing.inputs import Encoder
from learning_pipeline.routing.linear import Linear
from learning_pipeline.routing.model import Model, Parameters
from learning_pipeline.routing.registry import Registry, Version
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.tasks import PastTasks
from learning_pipeline.routing.text import Array
from learning_pipeline.routing.trees import Trees

# Changes when arrays of an older version would be read wrongly.
FORMAT = 3


def arrays_of(model: Model) -> dict[str, Array]:
    """Return the numbers of a model, by name."""
    tasks, experts = model.tasks, model.experts
    taught: dict[str, Array] = {}
    if experts is not None:
        taught = {"linear_weights": experts.linear.weights, **experts.forest.arrays("forest")}
        if experts.boosting is not None:
            taught |= experts.boosting.arrays("boosting")
    return {
        **taught,
        **model.embedding.arrays(),
        **model.statistics.arrays(),
        "task_vectors": tasks.vectors.astype(np.float16),
        "task_weight": tasks.weight,
        "task_success": tasks.success,
        "task_performer": tasks.performer,
        "task_succeeded": tasks.succeeded,
    }


def names_of(model: Model) -> dict[str, Any]:
    """Return what of a model is no number, as JSON values."""
    return {
        "format": FORMAT,
        "parameters": model.parameters.as_dict(),
        "statistics": model.statistics.names(),
        "words": list(model.embedding.vocabulary.words),
        "execution_ids": list(model.tasks.execution_ids),
        "experts": None
        if model.experts is None
        else {"encoder": model.experts.encoder.as_dict(), "blend": model.experts.blend.as_dict()},
    }


def version_of(arrays: dict[str, Array], names: Mapping[str, Any], *basis: str) -> str:
    """Return the version of a model: a digest of its content and of what it was made from."""
    text = json.dumps([names, basis], sort_keys=True, ensure_ascii=True)
    return digest_of({**arrays, "names": np.frombuffer(text.encode(), np.uint8)})[:16]


def load(registry: Registry, item: Version) -> Model:
    """Load a version.

    Raises:
        PipelineError: its files are missing, were changed, or do not make a model.
    """
    arrays, names = registry.read(item)
    if names.get("format") != FORMAT:
        raise PipelineError(f"{item.path} was written by another version of this program: train a new router")
    try:
        tasks = PastTasks(
            arrays["task_vectors"].astype(np.float32),
            arrays["task_weight"],
            arrays["task_success"],
            tuple(names["execution_ids"]),
            arrays["task_performer"],
            arrays["task_succeeded"],
        )
        return Model(
            Parameters(**names["parameters"]),
            Statistics.of_arrays(names["statistics"], arrays),
            Embedding.of_arrays(names["words"], arrays),
            tasks,
            _experts(names["experts"], arrays),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{item.path} does not hold a router of this version: {error}; train a new one") from error


def _experts(names: Mapping[str, Any] | None, arrays: dict[str, Array]) -> Experts | None:
    if names is None:
        return None
    return Experts(
        Encoder.of_dict(names["encoder"]),
        Linear(arrays["linear_weights"]),
        Trees.of_arrays("forest", arrays),
        Trees.of_arrays("boosting", arrays) if "boosting_roots" in arrays else None,
        Blend.of_dict(names["blend"]),
    )
