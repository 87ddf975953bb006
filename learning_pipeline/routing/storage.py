"""A model as arrays and JSON values, and back."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from learning_pipeline.errors import PipelineError
from learning_pipeline.routing.embedding import Embedding, digest_of
from learning_pipeline.routing.model import Model, Parameters, PastTasks
from learning_pipeline.routing.registry import Registry, Version
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.text import Array


def arrays_of(model: Model) -> dict[str, Array]:
    """Return the numbers of a model, by name."""
    tasks = model.tasks
    return {
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
        "parameters": model.parameters.as_dict(),
        "statistics": model.statistics.names(),
        "words": list(model.embedding.vocabulary.words),
        "execution_ids": list(model.tasks.execution_ids),
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
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{item.path} does not hold a router of this version: {error}; train a new one") from error
