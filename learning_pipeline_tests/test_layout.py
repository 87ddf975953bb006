"""The rooms: data goes one way, and so do imports."""

import ast
from pathlib import Path

import pytest

import learning_pipeline

ROOT = Path(learning_pipeline.__file__).parent
ROOMS = ("contracts", "sources", "lake", "marts", "routing", "publish", "report", "watch", "assets", "mcp", "cli")
# These stand beside the rooms: only assets and the command line use them.
APART = ("sample", "hooks")
MODULES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the rooms that a module imports from, at its top or within."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("learning_pipeline."):
            rooms.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            rooms |= {name.name.split(".")[1] for name in node.names if name.name.startswith("learning_pipeline.")}
    return rooms & {*ROOMS, *APART}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_from_rooms_to_its_left(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if room in ROOMS and room != "cli":
        beside = {"hooks"} if room == "assets" else set()
        assert imported(path) <= {*ROOMS[: ROOMS.index(room) + 1], *beside}
    elif room in APART:
        assert imported(path) <= {room, "contracts"}
    elif room != "cli":
        assert not imported(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_enough_to_have_one_subject(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350
