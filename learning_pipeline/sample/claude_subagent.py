"""Runs of sub-agents: rows in the parent's transcript, and files of their own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_pipeline.sample.claude_rows import SOURCE, Row, Transcript
from learning_pipeline.sample.claude_speaker import Block, Speaker
from learning_pipeline.sample.texts import subagent_prompt
from learning_pipeline.sample.world import SUBAGENTS, TASK_TYPE_NAMES

if TYPE_CHECKING:
    from learning_pipeline.sample.claude_session import Session

_TOOLS = {
    "Explore": (("Grep", 0.4), ("Read", 0.4), ("Glob", 0.2)),
    "reviewer": (("Read", 0.6), ("Grep", 0.2), ("Bash", 0.2)),
    "test-writer": (("Read", 0.3), ("Write", 0.2), ("Edit", 0.2), ("Bash", 0.3)),
}
_SHORT_NAMES = {
    "claude-haiku-4-5-20251001": "haiku",
    "claude-sonnet-5": "sonnet",
    "claude-sonnet-4-5-20250929": "sonnet",
}


@dataclass
class SubagentFile:
    """A transcript of a sub-agent's own."""

    agent_id: str
    transcript: Transcript


def run_subagent(session: "Session", agent_name: str, task_type: str) -> None:
    """Let the main agent delegate a piece of work, and write all that the logs tell of it."""
    t, dice = session.t, session.dice
    agent = SUBAGENTS[agent_name]
    model = dice.weighted(agent.models)
    planted = agent.rate(task_type if task_type in TASK_TYPE_NAMES else "bug_fix", model)
    ok = dice.chance(planted)
    prompt = subagent_prompt(dice, agent_name, task_type, session.bench.repository)
    given: Row = {"description": f"{agent_name} run", "prompt": prompt, "subagent_type": agent_name}
    if dice.chance(0.5):
        given["model"] = _SHORT_NAMES[model]
    background = t.generation == "D" and dice.chance(0.15)

    def run(tool_use_id: str, caller: str) -> None:
        agent_id = dice.hex(7) if t.generation == "B" else dice.hex(16)
        begun = t.at
        envelope = {**t.envelope, "isSidechain": True, "agentId": agent_id}
        sub = Transcript(dice, t.book, t.generation, t.session_id, t.at + 50, **envelope)
        speaker = Speaker(sub, session.bench, model)
        sub.prompt(prompt)
        for _ in range(1 + int(dice.spread(3.5) * session.length)):
            blocks: list[Block] = [speaker.tool(dice.weighted(_TOOLS[agent_name]), fails=dice.chance(0.03))]
            if dice.chance(0.4):
                blocks.insert(0, speaker.text(150))
            speaker.call(blocks)
        if ok:
            speaker.call([speaker.text(500)], stop="end_turn")
        if t.generation == "B":
            _embed(session, sub, agent_id, prompt, tool_use_id)
        if t.generation == "D" or dice.chance(0.5):
            session.subagent_files.append(SubagentFile(agent_id, sub))
        _answer(session, sub, speaker, (tool_use_id, caller, agent_id), begun, ok, background, given)
        t.book.count(SOURCE, "subagent_runs")
        key = (SOURCE, agent_name, task_type, model)
        t.book.execution(key, planted, "done" if ok else "failed", ok)

    name = "Task" if t.generation == "B" else "Agent"
    session.speaker.call([session.speaker.tool(name, given, then=run)])


def _embed(session: "Session", sub: Transcript, agent_id: str, prompt: str, tool_use_id: str) -> None:
    """Write a sub-agent's turns as progress rows of its parent, as generation B does."""
    t = session.t
    for at, said in sub.messages:
        t.at = max(t.at, at)
        data = {
            "message": said,
            "normalizedMessages": [],
            "type": "agent_progress",
            "prompt": prompt,
            "agentId": agent_id,
        }
        t.progress(data, f"agent_msg_01{session.dice.hex(22)}", tool_use_id)


def _answer(
    session: "Session",
    sub: Transcript,
    speaker: Speaker,
    ids: tuple[str, str, str],
    begun: int,
    ok: bool,
    background: bool,
    given: Row,
) -> None:
    """Write what the parent gets back: the result, an error, or now a receipt and the result later."""
    t, dice = session.t, session.dice
    tool_use_id, caller, agent_id = ids
    if background:
        launched: Row = {
            "isAsync": True,
            "status": "async_launched",
            "agentId": agent_id,
            "description": given["description"],
            "prompt": given["prompt"],
            "outputFile": f"/tmp/agents/{agent_id}.output",
        }
        t.result(tool_use_id, [{"type": "text", "text": "Async agent launched."}], launched, caller)
        t.at = max(t.at, sub.at)
        status = "completed" if ok else "failed"
        notice = f"<task-notification>\n<task-id>{agent_id}</task-id>\n<status>{status}</status>\n</task-notification>"
        body = {"message": {"role": "user", "content": notice}, "origin": {"kind": "task-notification"}}
        t.row("user", body, label="user/task_notification")
        session.book.count(SOURCE, "background_subagents")
        return
    t.at = max(t.at, sub.at) + 30
    if not ok:
        text = "Agent stopped: it reached the limit of its turns without a result."
        t.result(tool_use_id, text, f"Error: {text}", caller, is_error=True)
        session.book.count(SOURCE, "failed_subagents")
        return
    content = [{"type": "text", "text": session.bench.filler.prose(dice, 600).json}]
    result: Row = {
        "status": "completed",
        "prompt": given["prompt"],
        "agentId": agent_id,
        "content": content,
        "totalDurationMs": t.at - begun,
        "totalTokens": speaker.tokens,
        "totalToolUseCount": speaker.tool_count,
        "usage": speaker.last_usage,
    }
    if t.generation == "D":
        result |= {"agentType": given["subagent_type"], "resolvedModel": speaker.model, "modelsUsed": [speaker.model]}
    t.result(tool_use_id, content, result, caller)
