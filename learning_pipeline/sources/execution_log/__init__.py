"""Execution logs: one JSON object a line, from any system that runs agents.

`fields` has the table of names, `outcome` weighs what a line says about how it ended, `record` makes records of a
line, `parse` reads a file.
"""

from learning_pipeline.sources.execution_log.parse import parse, sniff

KIND = "execution_log"
FAMILY = "executions"
MODE = "append"
LINES_APART = True

__all__ = ["FAMILY", "KIND", "MODE", "parse", "sniff"]
