"""The definitions as a daemon loads them, with a clock that a test turns, and sensors that look every few seconds."""

import os
from datetime import datetime
from pathlib import Path

import dagster as dg

from learning_pipeline.assets import automation, watching
from learning_pipeline.assets.definitions import definitions_for
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.settings import load_settings

CLOCK = "FAST_MOTION_CLOCK"  # variable that names the file which holds the time

# Each look takes a good part of a second: more often, and the sensors leave no time for the runs.
automation.TOUCHED_SECONDS = watching.NEW_FILES_SECONDS = 2
watching.WATCH_SECONDS = 4


def clock() -> datetime:
    """Return the time that the test has set."""
    return datetime.fromisoformat(Path(os.environ[CLOCK]).read_text())


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the configured home directory."""
    return definitions_for(Pipeline(load_settings(), clock=clock))
