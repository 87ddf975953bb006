"""The typed shape of a Claude Code transcript line, all generations.

Decoding is strict: a field that is not named here raises, and the parser then counts it by name and reads the
line again leniently. So the common line costs one pass, and a new field is never dropped in silence.
Values that are not used are `Raw`: skipped, not built. Fields stand in the order in which most lines have them: the
decoder looks for the next one first, which takes an eighth off its time.
"""

from typing import Any

from msgspec import Raw, Struct, field

NOTHING = Raw(b"")


def raw() -> Any:
    """A field whose value stays undecoded."""
    return field(default=NOTHING)


class CacheCreation(Struct, forbid_unknown_fields=True, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ServerTools(Struct, gc=False):
    web_search_requests: int | None = None


class Usage(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    server_tool_use: ServerTools | None = None
    service_tier: str | None = None
    inference_geo: Raw = raw()
    speed: Raw = raw()
    iterations: Raw = raw()
    output_tokens_details: Raw = raw()


class Block(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One block of a message's content: text, thinking, tool_use, tool_result, image, fallback."""

    tool_use_id: str | None = None
    type: str
    id: str | None = None
    name: str | None = None
    input: Raw = raw()
    caller: Raw = raw()
    thinking: Raw = raw()
    signature: Raw = raw()
    text: Raw = raw()
    content: Raw = raw()
    is_error: bool | None = None
    citations: Raw = raw()
    data: Raw = raw()
    source: Raw = raw()
    title: Raw = raw()
    context: Raw = raw()
    cache_control: Raw = raw()
    from_: Raw = field(default=NOTHING, name="from")
    to: Raw = raw()


class Message(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    model: str | None = None
    id: str | None = None
    type: Raw = raw()
    role: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: Raw = raw()
    usage: Usage | None = None
    container: Raw = raw()
    context_management: Raw = raw()
    stop_details: Raw = raw()
    diagnostics: Raw = raw()


class ToolUseResult(Struct, gc=False):
    """The few facts that a tool's own result tells; every tool has a shape of its own, so it is lenient."""

    agentId: Any = None  # noqa: N815
    isAsync: Any = None  # noqa: N815
    status: Raw = raw()
    totalDurationMs: Any = None  # noqa: N815
    durationMs: Any = None  # noqa: N815
    durationSeconds: Any = None  # noqa: N815
    interrupted: Any = None
    gitOperation: Any = None  # noqa: N815


class AgentMessage(Struct, gc=False):
    """A sub-agent's line, carried in its parent's progress row."""

    type: str | None = None
    uuid: str | None = None
    timestamp: str | None = None
    requestId: str | None = None  # noqa: N815
    message: Message | None = None
    toolUseResult: ToolUseResult | str | list[Raw] | int | float | bool | None = None  # noqa: N815


class Progress(Struct, gc=False):
    type: str | None = None
    agentId: str | None = None  # noqa: N815
    prompt: str | None = None
    message: Raw = raw()


class Origin(Struct, gc=False):
    kind: str | None = None


class Attachment(Struct, gc=False):
    """What was put in the queue while the agent was busy."""

    type: str | None = None
    prompt: str | list[Block] | None = None
    commandMode: str | None = None  # noqa: N815
    origin: Origin | None = None
    source_uuid: str | None = None
    isMeta: bool | None = None  # noqa: N815


class Row(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One line."""

    parentUuid: str | None = None  # noqa: N815
    isSidechain: bool | None = None  # noqa: N815
    userType: Raw = raw()  # noqa: N815
    cwd: str | None = None
    sessionId: str | None = None  # noqa: N815
    version: str | None = None
    gitBranch: str | None = None  # noqa: N815
    agentId: str | None = None  # noqa: N815
    slug: Raw = raw()
    entrypoint: Raw = raw()
    type: str
    subtype: str | None = None
    message: Message | None = None
    data: Progress | None = None
    requestId: str | None = None  # noqa: N815
    toolUseID: Raw = raw()  # noqa: N815
    parentToolUseID: str | None = None  # noqa: N815
    uuid: str | None = None
    timestamp: str | None = None
    toolUseResult: ToolUseResult | str | list[Raw] | int | float | bool | None = None  # noqa: N815
    sourceToolAssistantUUID: Raw = raw()  # noqa: N815
    isMeta: bool | None = None  # noqa: N815
    isCompactSummary: bool | None = None  # noqa: N815
    isApiErrorMessage: bool | None = None  # noqa: N815
    toolDenialKind: str | None = None  # noqa: N815
    durationMs: Any = None  # noqa: N815
    retryAttempt: Any = None  # noqa: N815
    attachment: Raw = raw()
    thinkingMetadata: Raw = raw()  # noqa: N815
    todos: Raw = raw()
    permissionMode: Raw = raw()  # noqa: N815
    sourceToolUseID: Raw = raw()  # noqa: N815
    planContent: Raw = raw()  # noqa: N815
    imagePasteIds: Raw = raw()  # noqa: N815
    isVisibleInTranscriptOnly: Raw = raw()  # noqa: N815
    promptId: Raw = raw()  # noqa: N815
    origin: Raw = raw()
    promptSource: Raw = raw()  # noqa: N815
    classifierMetaLines: Raw = raw()  # noqa: N815
    error: Raw = raw()
    apiErrorStatus: Raw = raw()  # noqa: N815
    errorDetails: Raw = raw()  # noqa: N815
    effort: Raw = raw()
    attributionSkill: Raw = raw()  # noqa: N815
    attributionMcpServer: Raw = raw()  # noqa: N815
    attributionMcpTool: Raw = raw()  # noqa: N815
    attributionPlugin: Raw = raw()  # noqa: N815
    hookCount: Raw = raw()  # noqa: N815
    hookInfos: Raw = raw()  # noqa: N815
    hookErrors: Raw = raw()  # noqa: N815
    preventedContinuation: Raw = raw()  # noqa: N815
    stopReason: Raw = raw()  # noqa: N815
    hasOutput: Raw = raw()  # noqa: N815
    level: Raw = raw()
    content: Raw = raw()
    logicalParentUuid: Raw = raw()  # noqa: N815
    compactMetadata: Raw = raw()  # noqa: N815
    microcompactMetadata: Raw = raw()  # noqa: N815
    retryInMs: Raw = raw()  # noqa: N815
    maxRetries: Raw = raw()  # noqa: N815
    source: Raw = raw()
    cause: Raw = raw()
    originalModel: Raw = raw()  # noqa: N815
    fallbackModel: Raw = raw()  # noqa: N815
    apiRefusalCategory: Raw = raw()  # noqa: N815
    direction: Raw = raw()
    trigger: Raw = raw()
    refusedUserMessageUuid: Raw = raw()  # noqa: N815
    messageId: Raw = raw()  # noqa: N815
    snapshot: Raw = raw()
    isSnapshotUpdate: Raw = raw()  # noqa: N815
    summary: Raw = raw()
    leafUuid: Raw = raw()  # noqa: N815
    operation: Raw = raw()
    prNumber: Raw = raw()  # noqa: N815
    prUrl: Raw = raw()  # noqa: N815
    prRepository: Raw = raw()  # noqa: N815
    path: Raw = raw()
    frameUrl: Raw = raw()  # noqa: N815
    title: Raw = raw()
    customTitle: Raw = raw()  # noqa: N815
    mode: Raw = raw()
    lastPrompt: Raw = raw()  # noqa: N815


class ToolInput(Struct, gc=False):
    """The few inputs of a tool that are kept."""

    command: Any = None
    file_path: Any = None
    notebook_path: Any = None
    path: Any = None
    subagent_type: Any = None
    model: Any = None
    prompt: Any = None
    skill: Any = None
