"""Which rows of a rollout are copies of another session's.

A forked session, and a sub-agent that is given its parent's context, begin with the parent's whole history. It is
written anew, with the time of the copy, but keeps the parent's turn ids: a UUID of version 7 says when it was made.
"""

from uuid import UUID

from learning_pipeline.sources.codex.rows import Payload


def made_at(identifier: str | None) -> int | None:
    """Return the epoch millisecond in which a UUID of version 7 was made; None for any other id."""
    try:
        found = UUID(identifier or "")
    except ValueError:
        return None
    return found.int >> 80 if found.version == 7 else None


class Copied:
    """Tells, row by row, whether a row of one file was copied from the session that this one was forked from."""

    def __init__(self, own: str, created: str, written: str, *, is_fork: bool, has_history: bool) -> None:
        """Begin with the file's first row.

        Args:
            own: id of the file's session.
            created: when that session began, `YYYY-MM-DDThh:mm:ss...Z`.
            written: time of the row itself.
            is_fork: whether the session may begin with another's history.
            has_history: whether it surely does.
        """
        self._born = made_at(own)
        self._created = created
        self._second = written[:19]
        self._has_history = has_history
        self._dated = False  # a turn id of the history told when it was made
        self.over = not is_fork

    def foreign_meta(self, written: str) -> None:
        """Take note that the file's head holds another session's first row: what follows is its history."""
        self.over = False
        self._has_history = True
        self._second = written[:19]

    def covers(self, payload: Payload, time: str) -> bool:
        """Say whether this row is a copy. Once a row is the session's own, all that follow are."""
        if self.over:
            return False
        made = made_at(payload.turn_id)
        if made is not None and self._born is not None:
            self._dated = made < self._born
            self.over = not self._dated
            return self._dated
        if self._dated or time < self._created:
            return True
        # Without turn ids: the history is written at once, with the file's first row.
        if time[:19] == self._second and (self._has_history or payload.type == "token_count"):
            return True
        self.over = True
        return False
