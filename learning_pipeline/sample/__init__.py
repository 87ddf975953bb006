"""A generator of sample logs with a known truth."""

from learning_pipeline.sample.manifest import Manifest
from learning_pipeline.sample.write import MANIFEST_NAME, TRACKED, write_sample

__all__ = ["MANIFEST_NAME", "TRACKED", "Manifest", "write_sample"]
