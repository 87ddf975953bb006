"""The two kinds of failure that the program explains in one line."""


class PipelineError(Exception):
    """Something outside the program is wrong; the message says what to do. The command exits with 1."""


class UsageError(PipelineError):
    """The command or configuration was wrong; the message says what is right. The command exits with 2."""


class TransientError(PipelineError):
    """A failure that another try can heal (a connection that was cut, a lock that is held)."""
