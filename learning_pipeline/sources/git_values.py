"""What the sources of git make of ids and addresses."""

import hashlib


def line_number(commit: str) -> int:
    """Return the number that stands for a commit where other sources have a line's number."""
    return int(commit[:15], 16)


def mail_hash(mail: bytes) -> str | None:
    """Return what stands for a mail address: the start of the SHA-256 of it in lower case."""
    mail = mail.strip().lower()
    return hashlib.sha256(mail).hexdigest()[:16] if mail else None
