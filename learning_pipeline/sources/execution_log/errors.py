"""What is wrong with a line."""


class LineError(ValueError):
    """A line breaks a rule. `check` is the rule's short name, `column` and `value` say where."""

    def __init__(self, check: str, reason: str, column: str | None = None, value: object = None) -> None:
        super().__init__(reason)
        self.check = check
        self.reason = reason
        self.column = column
        self.value = None if value is None else str(value)[:500]
