"""The directory of transcripts: files, growing copies, and defects in known numbers."""

from pathlib import Path

from learning_pipeline.sample.claude_rows import SOURCE, SURROGATE_MARK, Transcript
from learning_pipeline.sample.claude_session import Session
from learning_pipeline.sample.claude_tools import Bench
from learning_pipeline.sample.clock import DAY_MS
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.filler import Filler
from learning_pipeline.sample.git_spool import Spool
from learning_pipeline.sample.history import History
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import MAIN, REPOSITORIES, TASK_TYPES

_SURROGATE = SURROGATE_MARK.encode()
# Kinds of row without uuid and time, which a second process appends to an unfinished line.
_GLUEABLE = ("file-history-snapshot", "summary", "last-prompt")


class ClaudeTree:
    """Writes sessions below `out/claude_code`."""

    def __init__(self, seed: int, out: Path, book: Book, spool: Spool, scale: float) -> None:
        self.seed = seed
        self.root = out / SOURCE
        self.book = book
        self.spool = spool
        self.scale = scale
        self.length = min(1.0, scale**0.5) if scale < 1 else 1.0
        self.filler = Filler(seed)
        self.histories = {repository.name: History(repository) for repository in REPOSITORIES}

    def write_session(self, number: int, at: int, earliest: int) -> None:
        """Write one session with its sub-agents' files and what is planted in it. The number decides what is."""
        dice = Dice(self.seed, "session", number)
        repository = dice.pick(REPOSITORIES)
        generation = "D" if dice.chance(0.5) else "B"
        bench = Bench(self.filler, repository, self.scale)
        history = self.histories[repository.name]
        session = Session(dice, self.book, bench, history, self.spool, generation, at, self.length, number % 7 == 0)
        session.write(dice.weighted(((1, 0.25), (2, 0.25), (3, 0.2), (5, 0.2), (8, 0.1))))
        transcript = session.t
        if number % 11 in (3, 8):
            session.odd_result(nul=number % 11 == 3)
        if number % 9 == 7 and at - 6 * DAY_MS >= earliest:
            self._late(session, at - 5 * DAY_MS)
        if number % 8 == 5:
            self._strange(transcript)
        folder = self.root / repository.path.replace("/", "-")
        self._file(folder / f"{session.session_id}.jsonl", transcript, number, main=True)
        for file in session.subagent_files:
            name = f"agent-{file.agent_id}.jsonl"
            target = folder / session.session_id / "subagents" if generation == "D" else folder
            self._file(target / name, file.transcript, number, main=False)
        if number % 6 == 2:
            self._copies(dice, transcript)

    def _file(self, path: Path, transcript: Transcript, number: int, *, main: bool) -> None:
        lines = transcript.lines
        for kind in transcript.kinds:
            self.book.kind(SOURCE, kind)
        if any(_SURROGATE in line for line in lines if len(line) < 4000) and main:
            lines = [line.replace(_SURROGATE, b"\\ud83d") for line in lines]
        data = self._joined(lines, transcript.kinds) if main and number % 5 == 1 else b"\n".join(lines)
        if not main:
            self.book.file(SOURCE, path, data + b"\n")
            self.book.count(SOURCE, "subagent_files")
            return
        if number % 10 == 6:
            data += b"\n" + lines[-1][: len(lines[-1]) // 2]
            self.book.damage(SOURCE, "half_written_last_line")
        elif number % 10 == 7:
            # A line torn in the middle of a file, and one of bytes that are no text.
            cut = data.index(b"\n") + 1
            data = data[:cut] + b'{"parentUuid":"6f1c","isSidechain":fal\n\x80\xff\xfe{"type":\n' + data[cut:] + b"\n"
            self.book.damage(SOURCE, "torn_line")
            self.book.damage(SOURCE, "invalid_utf8")
        elif number % 3 == 0:
            self.book.count(SOURCE, "files_without_final_newline")
        else:
            data += b"\n"
        self.book.file(SOURCE, path, data)

    def _joined(self, lines: list[bytes], kinds: list[str]) -> bytes:
        """Join the lines, one pair of them without a line break between."""
        for index in range(1, len(lines)):
            if kinds[index] in _GLUEABLE and kinds[index - 1] != "tool_result":
                break
        else:
            return b"\n".join(lines)
        self.book.count(SOURCE, "glued_lines")
        return b"\n".join(lines[:index]) + b"\n".join(lines[index:])

    def _late(self, session: Session, at: int) -> None:
        """Append a prompt and its call that happened days before the rest of the file."""
        t, dice = session.t, session.dice
        now, t.at = t.at, at
        task_type = dice.weighted(TASK_TYPES)
        t.prompt(task_text(dice, task_type, session.bench.repository))
        session.speaker.call([session.speaker.text(200)], stop="end_turn")
        t.at = now
        key = (SOURCE, MAIN.name, task_type, session.speaker.model)
        self.book.execution(key, MAIN.rate(task_type, session.speaker.model), "late", None)
        self.book.count(SOURCE, "late_prompts")

    def _strange(self, t: Transcript) -> None:
        """Append a kind of row and a field that nobody has seen yet."""
        t.row("ambient-signal", {"signal": {"level": 3}}, label="ambient-signal")
        message = {"role": "user", "content": "<system-reminder>Nothing to do.</system-reminder>"}
        t.row("user", {"message": message, "isMeta": True, "resonance": 0.5}, label="user/meta")
        self.book.strange(SOURCE, "kind:ambient-signal")
        self.book.strange(SOURCE, "field:resonance")

    def _copies(self, dice: Dice, transcript: Transcript) -> None:
        """Write growing copies of a session, as checkpoints hold them."""
        for share in (0.4, 0.75):
            count = max(1, int(len(transcript.lines) * share))
            name = dice.hex(12)
            path = self.root / "checkpoints" / name[:2] / name[2:] / "0" / "full.jsonl"
            data = b"\n".join(transcript.lines[:count]).replace(_SURROGATE, b"\\ud83d")
            self.book.file(SOURCE, path, data)
            self.book.count(SOURCE, "copies")
            self.book.count(SOURCE, "copied_lines", count)

    def write_histories(self, out: Path) -> dict[str, list[str]]:
        """Write the git histories as fast-import streams; return the commit ids per repository."""
        commits = {}
        for name, history in sorted(self.histories.items()):
            commits[name] = [commit.commit for commit in history.commits]
            if history.commits:
                path = out / "git_history" / f"{name}.fast-import"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(history.fast_import())
        return commits
