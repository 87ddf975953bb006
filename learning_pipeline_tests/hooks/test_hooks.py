"""The hooks with real git: what they write, and that nobody notices them."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.hooks import install, spool_dir, status, uninstall
from learning_pipeline.hooks.script import RECORDED

MAIL = "Ada@Example.com"
AUTHOR_HASH = hashlib.sha256(MAIL.lower().encode()).hexdigest()[:16]
Git = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and a user without any configuration of his own."""
    (tmp_path / "home").mkdir()
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "LEARNING_PIPELINE_", "CLAUDE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", MAIL)
    repo = tmp_path / "work" / "my-repo"
    repo.mkdir(parents=True)
    git(repo, "init", "-q", "-b", "main")
    (repo / "a.txt").write_text("1\n2\n3\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "first")
    return repo


def git(repo: Path, *arguments: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=repo, check=check, capture_output=True, text=True, **more)


def head(repo: Path, name: str = "HEAD") -> str:
    return git(repo, "rev-parse", name).stdout.strip()


def events(home: Path) -> list[dict[str, Any]]:
    lines = []
    for path in sorted(spool_dir(home).glob("*.jsonl")):
        data = path.read_bytes()
        assert data.endswith(b"\n")
        lines += [json.loads(line) for line in data.splitlines()]
    return lines


def last(home: Path, event: str) -> dict[str, Any]:
    return [line for line in events(home) if line["event"] == event][-1]


def commit(repo: Path, name: str = "b.txt", text: str = "x\n", *options: str) -> subprocess.CompletedProcess[str]:
    (repo / name).write_text(text)
    git(repo, "add", "-A")
    return git(repo, "commit", "-m", f"change {name}", *options)


def hook(directory: Path, name: str, body: str, mode: int = 0o755) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(mode)
    return path


def test_commit_is_written_down(repo: Path, tmp_path: Path) -> None:
    parent = head(repo)
    assert install(repo, spool=spool_dir(tmp_path)).state == "installed"
    (repo / "a.txt").write_text("1\n3\n4\n5\n")
    commit(repo)
    (line,) = events(tmp_path)
    assert line.pop("occurred_at").endswith("Z")
    assert line == {
        "v": 1,
        "event": "commit",
        "repository": "my-repo",
        "worktree": str(repo),
        "branch": "main",
        "commit": head(repo),
        "parents": [parent],
        "author_hash": AUTHOR_HASH,
        "files_changed": 2,
        "lines_added": 3,
        "lines_removed": 1,
        "duration_ms": None,
        "session_id": None,
    }


def test_spool_file_is_named_by_the_day_of_its_lines(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    commit(repo)
    (path,) = spool_dir(tmp_path).iterdir()
    assert path.stem == events(tmp_path)[0]["occurred_at"][:10]
    assert path.stat().st_mode & 0o077 == 0


def test_first_commit_of_all(repo: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    git(new, "init", "-q", "-b", "main")
    install(new, spool=spool_dir(tmp_path))
    commit(new)
    assert (last(tmp_path, "commit")["parents"], last(tmp_path, "commit")["lines_added"]) == ([], 1)


def test_empty_commit_has_zeros(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "commit", "--allow-empty", "-qm", "nothing")
    line = last(tmp_path, "commit")
    assert (line["files_changed"], line["lines_added"], line["lines_removed"]) == (0, 0, 0)


def test_amend_tells_what_it_replaced(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    old = head(repo)
    git(repo, "commit", "--amend", "-qm", "better")
    line = last(tmp_path, "amend")
    assert (line["commit"], line["replaces"], line["rewritten"]) == (head(repo), [old], 1)
    assert last(tmp_path, "commit")["commit"] == head(repo)


def test_merge_counts_what_came_in(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "checkout", "-qb", "side")
    commit(repo, "side.txt", "1\n2\n")
    side = head(repo)
    git(repo, "checkout", "-q", "main")
    commit(repo, "main.txt", "1\n")
    main = head(repo)
    git(repo, "merge", "-q", "--no-edit", "side")
    line = last(tmp_path, "merge")
    assert (line["commit"], line["parents"], line["squash"]) == (head(repo), [main, side], False)
    assert (line["files_changed"], line["lines_added"]) == (1, 2)


def test_fast_forward_makes_no_commit_of_its_own(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "checkout", "-qb", "side")
    commit(repo)
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "side")
    line = last(tmp_path, "merge")
    assert (line["commit"], line["files_changed"], line["author_hash"]) == (head(repo, "side"), None, None)


def test_rebase_is_one_event_on_the_branch(repo: Path, tmp_path: Path) -> None:
    git(repo, "checkout", "-qb", "side")
    commit(repo, "s1.txt")
    commit(repo, "s2.txt")
    git(repo, "checkout", "-q", "main")
    commit(repo, "m.txt")
    git(repo, "checkout", "-q", "side")
    old = [head(repo, "HEAD~1"), head(repo)]
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "rebase", "-q", "main")
    line = last(tmp_path, "rebase")
    assert (line["rewritten"], line["replaces"], line["commit"]) == (2, old, head(repo))


def test_checkout_of_a_branch_counts_and_of_a_file_does_not(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "checkout", "-qb", "feature/x")
    git(repo, "checkout", "-q", "--", "a.txt")
    git(repo, "checkout", "-q", "--detach")
    assert [(line["event"], line["branch"]) for line in events(tmp_path)] == [
        ("checkout", "feature/x"),
        ("checkout", None),
    ]


def test_push_names_remote_branch_and_commit(repo: Path, tmp_path: Path) -> None:
    git(repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    git(repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "push", "-q", "origin", "main:main", "main:copy")
    assert {(line["branch"], line["commit"], line["remote"]) for line in events(tmp_path)} == {
        ("main", head(repo), "origin"),
        ("copy", head(repo), "origin"),
    }
    git(repo, "push", "-q", "origin", ":copy")
    assert (last(tmp_path, "push")["branch"], last(tmp_path, "push")["commit"]) == ("copy", None)
    assert git(tmp_path / "remote.git", "rev-parse", "main").stdout.strip() == head(repo)


@pytest.mark.parametrize(
    "branch",
    [
        'say"hello"',
        "weiß/日本語",
        "dollar$(date)`id`",
        "it's",
        "a;b&c|d",
        "percent%s%n",
        "{x}",
        "#1",
    ],
)
def test_branch_names_arrive_as_they_are(repo: Path, tmp_path: Path, branch: str) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "checkout", "-qb", branch)
    commit(repo)
    assert {line["branch"] for line in events(tmp_path)} == {branch}


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "tab\there", "spa ce", "ünï", "-dash", "new\nline"])
def test_directory_names_arrive_as_they_are(repo: Path, tmp_path: Path, name: str) -> None:
    moved = repo.parent / name
    repo.rename(moved)
    install(moved, spool=spool_dir(tmp_path))
    commit(moved)
    (line,) = events(tmp_path)
    assert (line["repository"], line["worktree"]) == (name, str(moved))


def test_bytes_that_are_no_text_do_not_break_the_line(repo: Path, tmp_path: Path) -> None:
    moved = os.fsencode(repo.parent) + b"/caf\xe9"
    os.rename(os.fsencode(repo), moved)
    path = Path(os.fsdecode(moved))
    install(path, spool=spool_dir(tmp_path))
    commit(path)
    assert events(tmp_path)[0]["repository"] == "caf?"


def test_worktree_belongs_to_its_repository(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "other")
    commit(tmp_path / "other")
    line = last(tmp_path, "commit")
    assert (line["repository"], line["worktree"], line["branch"]) == ("my-repo", str(tmp_path / "other"), "other")


def test_session_is_taken_from_the_environment(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(repo, spool=spool_dir(tmp_path))
    monkeypatch.setenv("LEARNING_PIPELINE_SESSION_ID", "s-1")
    commit(repo)
    assert events(tmp_path)[0]["session_id"] == "s-1"


def test_hook_says_nothing(repo: Path, tmp_path: Path) -> None:
    quiet = commit(repo, "b.txt")
    install(repo, spool=spool_dir(tmp_path))
    done = commit(repo, "c.txt")
    assert done.stderr == quiet.stderr == ""
    assert done.stdout.count("\n") == quiet.stdout.count("\n")


@pytest.mark.parametrize("name", RECORDED)
def test_earlier_hook_gets_the_same_arguments_and_input(repo: Path, tmp_path: Path, name: str) -> None:
    seen = {}
    for step in ("before", "after"):
        work = tmp_path / step
        git(repo, "clone", "-q", str(repo), str(work))
        log = tmp_path / f"{step}.log"
        reads = "cat" if name in ("post-rewrite", "pre-push") else ":"
        body = f'{{ echo "$0 $#"; for a in "$@"; do echo "<$a>"; done; {reads}; }} >>"{log}"\n'
        hook(work / ".git" / "hooks", name, body)
        if step == "after":
            assert install(work, spool=spool_dir(tmp_path)).chained == (name,)
        fixed = {"env": {**os.environ, "GIT_AUTHOR_DATE": "1000000000 +0000", "GIT_COMMITTER_DATE": "1000000000 +0000"}}
        git(work, "checkout", "-qb", "x", **fixed)
        git(work, "commit", "--allow-empty", "-qm", "x", **fixed)
        git(work, "commit", "--amend", "--allow-empty", "-qm", "y", **fixed)
        git(work, "checkout", "-q", "main", **fixed)
        git(work, "merge", "-q", "x", **fixed)
        git(repo, "init", "-q", "--bare", str(tmp_path / f"{step}.git"))
        git(work, "push", "-q", str(tmp_path / f"{step}.git"), "x", **fixed)
        seen[step] = log.read_text().replace(f"{tmp_path}/{step}", "T").replace("before-learning-pipeline/", "")
    assert seen["before"]
    assert seen["before"] == seen["after"]


def test_earlier_hook_keeps_its_exit_status(repo: Path, tmp_path: Path) -> None:
    hooks = repo / ".git" / "hooks"
    for name in RECORDED:
        hook(hooks, name, "cat >/dev/null; exit 7\n")
    unhooked = git(repo, "checkout", "-qb", "w", check=False).returncode
    git(repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    install(repo, spool=spool_dir(tmp_path))
    assert git(repo, "push", "-q", str(tmp_path / "remote.git"), "main", check=False).returncode != 0
    assert events(tmp_path) == []
    assert git(repo, "checkout", "-qb", "x", check=False).returncode == unhooked != 0
    assert last(tmp_path, "checkout")["branch"] == "x"
    for name in RECORDED:
        assert subprocess.run([str(hooks / name), "1", "2", "1"], cwd=repo, input=b"").returncode == 7


def test_earlier_hook_that_reads_no_input_is_no_trouble(repo: Path, tmp_path: Path) -> None:
    hook(repo / ".git" / "hooks", "pre-push", "exec 0<&-; exit 0\n")
    git(repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    install(repo, spool=spool_dir(tmp_path))
    git(repo, "push", "-q", str(tmp_path / "remote.git"), "main")
    assert last(tmp_path, "push")["branch"] == "main"


def test_moved_hook_finds_the_files_beside_it(repo: Path, tmp_path: Path) -> None:
    hooks = repo / ".git" / "hooks"
    hook(hooks, "lib.sh", f'say() {{ echo "$1" >>"{tmp_path}/said"; }}\n', 0o644)
    hook(hooks, "post-commit", '. "$(dirname "$0")/lib.sh"; say "$(basename "$0")"\n')
    install(repo, spool=spool_dir(tmp_path))
    commit(repo)
    assert (tmp_path / "said").read_text() == "post-commit\n"


def _tree(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _links(root: Path) -> dict[str, Path]:
    return {path.name: path.readlink() for path in root.iterdir() if path.is_symlink()}


def test_uninstall_puts_everything_back(repo: Path, tmp_path: Path) -> None:
    hooks = repo / ".git" / "hooks"
    hook(hooks, "post-commit", "echo mine\n", 0o750)
    hook(hooks, "post-merge", "never\n", 0o644)
    (hooks / "pre-push").symlink_to("post-commit")
    hook(repo / "tools", "rewritten", f'touch "{tmp_path}/ran"\n')
    (hooks / "post-rewrite").symlink_to("../../tools/rewritten")
    before = (_tree(repo / ".git"), _links(hooks))
    install(repo, spool=spool_dir(tmp_path))
    subprocess.run([str(hooks / "post-rewrite"), "amend"], cwd=repo, input=b"", check=True)
    assert (tmp_path / "ran").exists()
    install(repo, spool=tmp_path / "elsewhere")
    assert status(repo).state == "installed"
    assert uninstall(repo).state == "absent"
    assert (_tree(repo / ".git"), _links(hooks)) == before
    uninstall(repo)
    assert _tree(repo / ".git") == before[0]


def test_hook_that_was_off_stays_off(repo: Path, tmp_path: Path) -> None:
    hook(repo / ".git" / "hooks", "post-commit", f'touch "{tmp_path}/ran"\n', 0o644)
    assert install(repo, spool=spool_dir(tmp_path)).chained == ()
    commit(repo)
    assert not (tmp_path / "ran").exists()
    assert last(tmp_path, "commit")


def test_hooks_path_of_the_work_tree_is_left_alone(repo: Path, tmp_path: Path) -> None:
    hook(repo / ".githooks", "post-commit", f'echo "$0" >>"{tmp_path}/ran"\n')
    hook(repo / ".githooks", "commit-msg", 'grep -q "^change" "$1" || exit 1\n')
    git(repo, "config", "core.hooksPath", ".githooks")
    before = (_tree(repo / ".git"), _tree(repo / ".githooks"))
    assert install(repo, spool=spool_dir(tmp_path)).chained == ("post-commit", "commit-msg")
    assert _tree(repo / ".githooks") == before[1]
    commit(repo)
    assert last(tmp_path, "commit")["commit"] == head(repo)
    assert (tmp_path / "ran").read_text() == ".githooks/post-commit\n"
    assert git(repo, "commit", "--allow-empty", "-m", "no", check=False).returncode == 1
    install(repo, spool=spool_dir(tmp_path))
    uninstall(repo)
    assert git(repo, "config", "core.hooksPath").stdout == ".githooks\n"
    assert _tree(repo / ".git" / "hooks") == {
        name.removeprefix("hooks/"): value for name, value in before[0].items() if name.startswith("hooks/")
    }
    assert not (repo / ".git" / "learning-pipeline-hooks").exists()


def test_global_reaches_every_repository_and_hands_on(repo: Path, tmp_path: Path) -> None:
    hook(repo / ".git" / "hooks", "pre-commit", "exit 5\n")
    config = tmp_path / "home" / ".gitconfig"
    config.write_text("[user]\n\tname = Ada\n")
    before = config.read_bytes()
    assert install(None, spool=spool_dir(tmp_path)).state == "installed"
    assert git(repo, "commit", "--allow-empty", "-m", "x", check=False).returncode == 1
    (repo / ".git" / "hooks" / "pre-commit").unlink()
    commit(repo)
    assert last(tmp_path, "commit")["repository"] == "my-repo"
    assert status(repo).state == "installed"
    assert uninstall(None).state == "absent"
    assert config.read_bytes() == before
    commit(repo, "c.txt")
    assert len(events(tmp_path)) == 1


def test_global_gives_back_the_hooks_path_that_was_set(repo: Path, tmp_path: Path) -> None:
    hook(tmp_path / "home" / "hooks", "post-commit", f'touch "{tmp_path}/ran"\n')
    git(repo, "config", "--global", "core.hooksPath", "~/hooks")
    before = (tmp_path / "home" / ".gitconfig").read_bytes()
    assert install(None, spool=spool_dir(tmp_path)).chained == ("post-commit",)
    install(None, spool=spool_dir(tmp_path))
    commit(repo)
    assert (tmp_path / "ran").exists()
    assert len(events(tmp_path)) == 1
    uninstall(None)
    assert (tmp_path / "home" / ".gitconfig").read_bytes() == before


@pytest.mark.parametrize("first", ["repository", "global"])
def test_installed_twice_tells_once(repo: Path, tmp_path: Path, first: str) -> None:
    for scope in (repo, None) if first == "repository" else (None, repo):
        install(scope, spool=spool_dir(tmp_path))
    ran = hook(repo / ".git" / "hooks", "post-commit", f'touch "{tmp_path}/ran"\n') if first == "global" else None
    commit(repo)
    assert [line["event"] for line in events(tmp_path)] == ["commit"]
    assert ran is None or (tmp_path / "ran").exists()


@pytest.mark.parametrize("trouble", ["a file", "gone and its parent a file", "a directory in place of the file"])
def test_spool_that_cannot_be_written_is_no_trouble(repo: Path, tmp_path: Path, trouble: str) -> None:
    spool = spool_dir(tmp_path)
    install(repo, spool=spool)
    if trouble == "a directory in place of the file":
        commit(repo)
        (path,) = spool.iterdir()
        path.unlink()
        path.mkdir()
    else:
        spool.rmdir()
        if trouble == "a file":
            spool.write_text("")
        else:
            spool.parent.rmdir()
            spool.parent.write_text("")
    done = commit(repo, "c.txt")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_full_disk_is_no_trouble(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    commit(repo)
    (path,) = spool_dir(tmp_path).iterdir()
    path.unlink()
    path.symlink_to("/dev/full")
    done = commit(repo, "c.txt")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only directories")
def test_read_only_spool_is_no_trouble(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    spool_dir(tmp_path).chmod(0o500)
    assert commit(repo).stderr == ""


def test_lost_spool_directory_is_made_again(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    spool_dir(tmp_path).rmdir()
    commit(repo)
    assert len(events(tmp_path)) == 1


def test_many_at_once_do_not_mix(repo: Path, tmp_path: Path) -> None:
    install(repo, spool=spool_dir(tmp_path))
    name = repo / ".git" / "hooks" / "post-commit"
    runs = [subprocess.Popen([str(name)], cwd=repo) for _ in range(60)]
    assert [run.wait() for run in runs] == [0] * 60
    assert len(events(tmp_path)) == 60


def test_every_shell_runs_it(repo: Path, tmp_path: Path) -> None:
    """Where `sh` is bash, the same lines come out."""
    install(repo, spool=spool_dir(tmp_path))
    moved = repo / ".git" / "hooks" / "post-commit"
    for shell in ("sh", "bash"):
        subprocess.run([shell, str(moved)], cwd=repo, check=True)
    one, other = events(tmp_path)
    assert {**one, "occurred_at": None} == {**other, "occurred_at": None}


def test_no_repository_is_said_so(tmp_path: Path, repo: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        install(tmp_path / "home", spool=tmp_path)
    with pytest.raises(UsageError, match="not a directory"):
        status(tmp_path / "nowhere")
