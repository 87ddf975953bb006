"""Finds personal data in words: mail addresses, and home directories, whose name is a person's."""

import re

_MAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?>(?:[A-Za-z0-9-]{1,63}\.)+([A-Za-z]{2,24})\b)")
_ENCODED_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}%40[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}\b")
# What follows a dot in the names of files, units and modules, and is no top-level domain.
_NOT_DOMAINS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "avif", "css", "scss", "map", "html", "htm"),
        *("js", "mjs", "cjs", "ts", "tsx", "jsx", "vue", "json", "md", "txt", "yml", "yaml", "toml", "xml", "lock"),
        *("rb", "php", "java", "kt", "cpp", "exe", "dll", "tar", "gz", "tgz", "zip", "conf", "cfg", "ini", "log"),
        *("snap", "diff", "service", "socket", "target", "timer", "mount", "slice"),
    )
)

_SLASH = r"(?:/|\\{1,4})"
_NAME = r"[^/\\\s\"'`:;,()<>|\[\]{}*$%]+"
# A home, also of another system that is mounted; a path in an address (`https://host/home/page`) is none.
_HOME = re.compile(
    rf"(?<![\w.~])(?:[A-Za-z]:)?(?:/mnt/[a-z]|/[a-z]|/System/Volumes/Data)?"
    rf"{_SLASH}(?:home|Users|Documents and Settings){_SLASH}(?P<name>{_NAME}(?: {_NAME}){{1,2}}(?=\\)|{_NAME})"
    rf"|(?<=\s-[A-Za-z])/(?:home|Users)/(?P<flag>{_NAME})"
)
# A home that an agent made one word of, to name a directory after it.
_SLUG = re.compile(r"(?<![\w-])-(?:home|Users)-[A-Za-z0-9_.]+(?=-|/|\\|$)|(?<![\w-])[A-Za-z]--Users-[A-Za-z0-9_.]+")
# Directories beside people's homes that belong to nobody.
_NOBODY = frozenset(("Shared", "Public", "Default", "runner", "linuxbrew"))


def _home_out(match: re.Match[str]) -> str:
    return match.group(0) if (match["name"] or match["flag"]) in _NOBODY else "~"


def _mail_out(match: re.Match[str]) -> str:
    innocent = match.group(1).lower() in _NOT_DOMAINS or match.group(0).startswith("git@")
    return match.group(0) if innocent else "[REDACTED:mail]"


def personal_out(text: str) -> str:
    """Return the text with mail addresses as `[REDACTED:mail]` and home directories as `~`."""
    if "@" in text:
        text = _MAIL.sub(_mail_out, text)
    if "%40" in text:
        text = _ENCODED_MAIL.sub("[REDACTED:mail]", text)
    if "home" in text or "Users" in text or "Settings" in text:
        text = _SLUG.sub("-~", _HOME.sub(_home_out, text))
    return text
