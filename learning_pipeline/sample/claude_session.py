"""The story of one session: prompts, the work on them, sub-agents, how each prompt ended."""

from dataclasses import dataclass, field

from learning_pipeline.sample.claude_rows import SOURCE, SURROGATE_MARK, Row, Transcript
from learning_pipeline.sample.claude_speaker import Block, Speaker
from learning_pipeline.sample.claude_subagent import SubagentFile, run_subagent
from learning_pipeline.sample.claude_tools import TEST_COMMAND, TOOL_MIX, Bench
from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.git_spool import Spool
from learning_pipeline.sample.history import History
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import commit_subject, secret_tail, task_text
from learning_pipeline.sample.world import DELEGATION, MAIN, TASK_TYPES

VERSIONS = {"B": ("2.0.76", "2.1.12", "2.1.37", "2.1.42"), "D": ("2.1.205", "2.1.212", "2.1.219")}
MODELS_OF = {
    "B": (("claude-opus-4-6", 0.5), ("claude-sonnet-4-5-20250929", 0.5)),
    "D": (("claude-opus-4-8", 0.5), ("claude-sonnet-5", 0.5)),
}
_SLUGS = ("amber-drifting-kettle", "quiet-folding-harbor", "brisk-humming-lantern", "mossy-turning-compass")
_COMMITTING = {"bug_fix": 0.6, "feature": 0.65, "refactoring": 0.6, "testing": 0.55, "documentation": 0.5}
_INTERRUPT = "[Request interrupted by user]"
_REJECTION = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the "
    "new_string was NOT written to the file). STOP what you are doing and wait for the user to tell you how to proceed."
)


@dataclass
class Session:
    """One session that is being written."""

    dice: Dice
    book: Book
    bench: Bench
    history: History
    spool: Spool
    generation: str
    at: int
    length: float  # factor on the number of calls per prompt
    tells_secret: bool = False  # whether its first prompt has something in it that has to be redacted
    session_id: str = ""
    subagent_files: list[SubagentFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice, repository = self.dice, self.bench.repository
        self.session_id = dice.uuid()
        self.branch = repository.main_branch if dice.chance(0.4) else f"dev/{dice.pick(repository.parts)}"
        envelope: Row = {
            "cwd": repository.path,
            "version": dice.pick(VERSIONS[self.generation]),
            "gitBranch": self.branch,
        }
        if self.generation == "B":
            envelope["slug"] = dice.pick(_SLUGS)
        else:
            envelope["entrypoint"] = "cli"
        self.t = Transcript(dice, self.book, self.generation, self.session_id, self.at, **envelope)
        self.speaker = Speaker(self.t, self.bench, dice.weighted(MODELS_OF[self.generation]))

    def write(self, prompts: int) -> Transcript:
        """Write the whole session and return its transcript."""
        self.book.count(SOURCE, "sessions")
        self._opening()
        for number in range(prompts):
            if number:
                self.t.wait(20_000 + self.dice.spread(120_000))
                self._aside()
            if not self._turn(last=number == prompts - 1):
                break
        return self.t

    def _opening(self) -> None:
        t, dice = self.t, self.dice
        if self.generation == "D":
            t.line("mode", {"type": "mode", "mode": "normal", "sessionId": self.session_id})
            title = {"type": "custom-title", "customTitle": "Working session", "sessionId": self.session_id}
            t.line("custom-title", title)
            attachment = {"type": "skill_listing", "content": "", "skillCount": 0}
            t.row("attachment", {"attachment": attachment}, label="attachment/skill_listing")
            return
        if dice.chance(0.35):
            t.line("summary", {"type": "summary", "summary": "Earlier work on the parser", "leafUuid": dice.uuid()})
        t.snapshot(dice.uuid(), [], update=False)
        data = {
            "type": "hook_progress",
            "hookEvent": "SessionStart",
            "hookName": "SessionStart:startup",
            "command": "scripts/start.sh",
        }
        hook = dice.uuid()
        t.progress(data, hook, hook)

    def _aside(self) -> None:
        """Now and then write rows that are no prompt and no work."""
        t, dice = self.t, self.dice
        draw = dice.random()
        if draw < 0.05:
            caveat = {"role": "user", "content": "<local-command-caveat>Made by local commands.</local-command-caveat>"}
            t.row("user", {"message": caveat, "isMeta": True}, label="user/meta")
            command = "<command-name>/clear</command-name>\n<command-message>clear</command-message>"
            t.row("user", {"message": {"role": "user", "content": command}}, label="user/command")
            stdout = "<local-command-stdout></local-command-stdout>"
            t.row("user", {"message": {"role": "user", "content": stdout}}, label="user/command")
        elif draw < 0.08:
            boundary: Row = {
                "content": "Conversation compacted",
                "isMeta": False,
                "level": "info",
                "logicalParentUuid": t.parent,
                "compactMetadata": {"trigger": "auto", "preTokens": 160_000 + dice.below(9000)},
            }
            t.parent = None
            t.system("compact_boundary", boundary)
            summary = "This session is being continued from a previous conversation. Summary: the work goes on."
            body = {"isCompactSummary": True, "isVisibleInTranscriptOnly": True}
            t.row("user", {**body, "message": {"role": "user", "content": summary}}, label="user/compact_summary")
        elif draw < 0.14:
            self.branch = f"dev/{dice.pick(self.bench.repository.parts)}"
            t.envelope["gitBranch"] = self.branch
            self.spool.checkout(self.bench.repository, self.branch, t.at, self.history)
        elif draw < 0.2:
            t.envelope["cwd"] = f"{self.bench.repository.path}/src"
        elif draw < 0.23:
            number = dice.below(400) + 1
            name = f"example/{self.bench.repository.name}"
            url = f"https://git.example.com/{name}/pull/{number}"
            link = {"type": "pr-link", "sessionId": self.session_id, "prNumber": number, "prUrl": url}
            t.line("pr-link", link | {"prRepository": name, "timestamp": self.stamp()})

    def stamp(self) -> str:
        return iso_ms(self.t.at)

    def _ask(self, task_type: str) -> str:
        """Write the prompt, sometimes one that waited in the queue."""
        t, dice = self.t, self.dice
        text = task_text(dice, task_type, self.bench.repository)
        if self.tells_secret:
            self.tells_secret = False
            text += secret_tail(dice)
            self.book.count(SOURCE, "prompts_with_fake_secret")
        if dice.chance(0.06):
            waiting = {"type": "queue-operation", "operation": "enqueue", "timestamp": self.stamp()}
            t.line("queue-operation", waiting | {"sessionId": self.session_id, "content": text})
            t.wait(4000)
            taken = {"type": "queue-operation", "operation": "dequeue", "timestamp": self.stamp()}
            t.line("queue-operation", taken | {"sessionId": self.session_id})
        uuid = t.prompt(text, listed=dice.chance(0.05))
        if self.generation == "B":
            t.snapshot(uuid, [], update=False)
        return text

    def _turn(self, *, last: bool) -> bool:
        """Write one prompt and the work on it; return whether the session goes on."""
        t, dice, speaker = self.t, self.dice, self.speaker
        task_type = dice.weighted(TASK_TYPES)
        planted = MAIN.rate(task_type, speaker.model)
        draw = dice.random()
        if draw < 0.06:
            state = "interrupted"
        elif draw < 0.09 and last:
            state = "cut"
        elif dice.chance(planted):
            state = "done"
        else:
            state = "api_error" if dice.chance(0.35) else "tool_failure"
        self._ask(task_type)
        begun = t.at
        t.wait(1500)
        for agent, probability in DELEGATION[task_type]:
            if dice.chance(probability):
                run_subagent(self, agent, task_type)
        self._work(1 + int(dice.spread(6.5) * self.length))
        self._end(state, task_type)
        key = (SOURCE, MAIN.name, task_type, speaker.model)
        success = {"done": True, "api_error": False, "tool_failure": False}.get(state)
        self.book.execution(key, planted, state, success)
        if state != "cut":
            self._closing(begun)
        return state != "cut"

    def _work(self, calls: int) -> None:
        dice, speaker = self.dice, self.speaker
        for _ in range(calls):
            blocks: list[Block] = []
            if dice.chance(0.55):
                blocks.append(speaker.thinking())
            if dice.chance(0.4):
                blocks.append(speaker.text(190))
            for _ in range(dice.weighted(((1, 0.8), (2, 0.15), (3, 0.05)))):
                tool = dice.weighted(TOOL_MIX)
                blocks.append(speaker.tool(tool, fails=dice.chance(0.04)))
            speaker.call(blocks)

    def _end(self, state: str, task_type: str) -> None:
        dice, speaker = self.dice, self.speaker
        test = {"command": TEST_COMMAND[self.bench.repository.suffix], "description": "Run the tests"}
        if state == "done":
            speaker.call([speaker.tool("Bash", test)])
            if dice.chance(_COMMITTING.get(task_type, 0.1)):
                self._commit(task_type)
            speaker.call([speaker.text(420)], stop="end_turn")
        elif state == "tool_failure":
            for _ in range(2):
                speaker.call([speaker.thinking(), speaker.tool("Bash", test, fails=True)])
            text = "I could not get this to work: the tests still fail. I stop here and need your advice."
            speaker.call([({"type": "text", "text": text}, None)], stop="end_turn")
        elif state == "api_error":
            self._api_error()
        elif state == "interrupted":
            if dice.chance(0.4):
                speaker.call([speaker.tool("Edit", then=self._reject)])
                self._note("[Request interrupted by user for tool use]")
            else:
                speaker.call([speaker.text(200), speaker.tool("Read")])
                self._note(_INTERRUPT)
            if dice.chance(0.3):
                speaker.synthetic("No response requested.", error=False)
                self.book.count(SOURCE, "synthetic_harmless")
            self.book.count(SOURCE, "interrupts")

    def _reject(self, tool_use_id: str, caller: str) -> None:
        t = self.t
        t.wait(8000)
        t.result(tool_use_id, _REJECTION, "User rejected tool use", caller, is_error=True)
        self.book.count(SOURCE, "rejected_tools")

    def _note(self, text: str) -> None:
        message = {"role": "user", "content": [{"type": "text", "text": text}]}
        self.t.row("user", {"message": message}, label="user/interrupt")

    def _api_error(self) -> None:
        t, dice = self.t, self.dice
        for attempt in range(1, dice.between(2, 4)):
            body: Row = {
                "level": "error",
                "error": {"status": 529, "message": "Overloaded"},
                "retryInMs": 500.5 * 2**attempt if t.generation == "B" else 500 * 2**attempt,
                "retryAttempt": attempt,
                "maxRetries": 10,
            }
            t.wait(600 * 2**attempt)
            t.system("api_error", body)
        t.wait(2000)
        self.speaker.synthetic('API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}', error=True)
        self.book.count(SOURCE, "api_errors")

    def _commit(self, task_type: str) -> None:
        """Commit the work: the result names the branch and the abbreviated id."""
        t, dice = self.t, self.dice
        subject = commit_subject(dice, task_type, self.bench.repository)
        t.wait(3000)
        trailer = "Co-Authored-By: Claude <noreply@anthropic.com>" if dice.chance(0.7) else None

        def commit(tool_use_id: str, caller: str) -> None:
            t.wait(400)
            made = self.history.commit(dice, t.at // 1000, subject, trailer)
            self.spool.commit(self.bench.repository, self.branch, t.at, made, self.session_id)
            stdout = (
                f"[{self.branch} {made.commit[:7]}] {subject}\n {made.files_changed} files changed, "
                f"{made.lines_added} insertions(+), {made.lines_removed} deletions(-)"
            )
            result: Row = {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False}
            if t.generation == "D":
                result |= {
                    "noOutputExpected": False,
                    "gitOperation": {"commit": {"sha": made.commit[:8], "kind": "committed"}},
                }
            t.wait(100)
            t.result(tool_use_id, stdout, result, caller, is_error=False)
            self.book.count(SOURCE, "commits")

        given = {"command": f'git add -A && git commit -m "{subject}"', "description": "Commit the change"}
        self.speaker.call([self.speaker.tool("Bash", given, then=commit)])

    def _closing(self, begun: int) -> None:
        """Write the rows that follow a finished prompt."""
        t, dice = self.t, self.dice
        if self.generation == "D":
            leaf = {"type": "last-prompt", "lastPrompt": "", "leafUuid": t.parent, "sessionId": self.session_id}
            t.line("last-prompt", leaf)
            reminder = {"type": "task_reminder", "content": [], "itemCount": 0}
            t.row("attachment", {"attachment": reminder}, label="attachment/task_reminder")
        elif dice.chance(0.6):
            t.snapshot(dice.uuid(), [self.bench.file(dice).removeprefix(self.bench.repository.path + "/")], update=True)
        if dice.chance(0.7):
            body: Row = {
                "hookCount": 1,
                "hookInfos": [{"command": "scripts/stop.sh"}],
                "hookErrors": [],
                "preventedContinuation": False,
                "stopReason": "",
                "hasOutput": False,
                "level": "suggestion",
                "toolUseID": dice.uuid(),
            }
            t.system("stop_hook_summary", body)
        if self.generation == "B":
            t.system("turn_duration", {"durationMs": t.at - begun, "isMeta": False})

    def odd_result(self, *, nul: bool) -> None:
        """Write a tool result with what breaks careless readers: a NUL, or else half of a surrogate pair."""
        text = "before \x00 after" if nul else f"cut emoji {SURROGATE_MARK} here"
        result: Row = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
        self.speaker.call([self.speaker.tool("Bash", answer=(text, result))])
        self.book.count(SOURCE, "nul_escapes" if nul else "lone_surrogates")
