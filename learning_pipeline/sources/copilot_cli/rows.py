"""The typed shape of an event of Copilot CLI, all versions.

What is not used is `raw()`: known, skipped, not built. One structure stands for the data of all types of event.
"""

from typing import Any

from msgspec import Raw, Struct

from learning_pipeline.sources.typed import raw


class Usage(Struct, forbid_unknown_fields=True, gc=False):
    """Tokens of one model in one run of the program. Input includes what came from the cache or went into it."""

    inputTokens: int | None = None  # noqa: N815
    outputTokens: int | None = None  # noqa: N815
    cacheReadTokens: int | None = None  # noqa: N815
    cacheWriteTokens: int | None = None  # noqa: N815
    reasoningTokens: int | None = None  # noqa: N815


class Requests(Struct, forbid_unknown_fields=True, gc=False):
    count: int | None = None
    cost: Raw = raw()  # in premium requests, which are not money


class Metrics(Struct, forbid_unknown_fields=True, gc=False):
    """What one model was used for."""

    requests: Requests | None = None
    usage: Usage | None = None
    totalNanoAiu: Raw = raw()  # noqa: N815
    tokenDetails: Raw = raw()  # noqa: N815


class Data(Struct, forbid_unknown_fields=True, gc=False):
    """What an event says."""

    # session.*
    sessionId: Any = None  # noqa: N815
    copilotVersion: Any = None  # noqa: N815
    vscodeVersion: Any = None  # noqa: N815
    context: Any = None
    cwd: Any = None
    branch: Any = None
    selectedModel: Any = None  # noqa: N815
    newModel: Any = None  # noqa: N815
    modelMetrics: dict[str, Metrics] | None = None  # noqa: N815
    errorType: Any = None  # noqa: N815
    message: Raw = raw()
    # user.message, assistant.message
    content: Raw = raw()
    source: Any = None
    messageId: Any = None  # noqa: N815
    model: Any = None
    outputTokens: int | None = None  # noqa: N815
    requestId: Any = None  # noqa: N815
    apiCallId: Any = None  # noqa: N815
    toolRequests: Raw = raw()  # noqa: N815
    parentToolCallId: Any = None  # noqa: N815
    # tool.*, permission.*, subagent.*
    toolCallId: Any = None  # noqa: N815
    toolName: Any = None  # noqa: N815
    mcpServerName: Any = None  # noqa: N815
    mcpToolName: Any = None  # noqa: N815
    arguments: Raw = raw()
    success: Any = None
    result: Raw = raw()
    error: Raw = raw()
    toolTelemetry: Raw = raw()  # noqa: N815
    permissionRequest: Raw = raw()  # noqa: N815
    agentName: Any = None  # noqa: N815
    # Known, and not used.
    version: Raw = raw()
    producer: Raw = raw()
    startTime: Raw = raw()  # noqa: N815
    contextTier: Raw = raw()  # noqa: N815
    alreadyInUse: Raw = raw()  # noqa: N815
    remoteSteerable: Raw = raw()  # noqa: N815
    reasoningEffort: Raw = raw()  # noqa: N815
    previousReasoningEffort: Raw = raw()  # noqa: N815
    previousModel: Raw = raw()  # noqa: N815
    resumeTime: Raw = raw()  # noqa: N815
    eventCount: Raw = raw()  # noqa: N815
    role: Raw = raw()
    name: Raw = raw()
    metadata: Raw = raw()
    transformedContent: Raw = raw()  # noqa: N815
    attachments: Raw = raw()
    supportedNativeDocumentMimeTypes: Raw = raw()  # noqa: N815
    nativeDocumentPathFallbackPaths: Raw = raw()  # noqa: N815
    interactionId: Raw = raw()  # noqa: N815
    parentAgentTaskId: Raw = raw()  # noqa: N815
    agentMode: Raw = raw()  # noqa: N815
    delivery: Raw = raw()
    turnId: Raw = raw()  # noqa: N815
    reasoningOpaque: Raw = raw()  # noqa: N815
    reasoningText: Raw = raw()  # noqa: N815
    reasoningId: Raw = raw()  # noqa: N815
    encryptedContent: Raw = raw()  # noqa: N815
    phase: Raw = raw()
    serviceRequestId: Raw = raw()  # noqa: N815
    isUserRequested: Raw = raw()  # noqa: N815
    intention: Raw = raw()
    promptRequest: Raw = raw()  # noqa: N815
    resolvedByHook: Raw = raw()  # noqa: N815
    previousAllowAllPermissions: Raw = raw()  # noqa: N815
    allowAllPermissions: Raw = raw()  # noqa: N815
    kind: Raw = raw()
    reason: Raw = raw()
    shutdownType: Raw = raw()  # noqa: N815
    errorReason: Raw = raw()  # noqa: N815
    totalPremiumRequests: Raw = raw()  # noqa: N815
    totalNanoAiu: Raw = raw()  # noqa: N815
    totalApiDurationMs: Raw = raw()  # noqa: N815
    sessionStartTime: Raw = raw()  # noqa: N815
    eventsFileSizeBytes: Raw = raw()  # noqa: N815
    codeChanges: Raw = raw()  # noqa: N815
    currentModel: Raw = raw()  # noqa: N815
    currentTokens: Raw = raw()  # noqa: N815
    systemTokens: Raw = raw()  # noqa: N815
    conversationTokens: Raw = raw()  # noqa: N815
    toolDefinitionsTokens: Raw = raw()  # noqa: N815
    tokenDetails: Raw = raw()  # noqa: N815
    infoType: Raw = raw()  # noqa: N815
    warningType: Raw = raw()  # noqa: N815
    url: Raw = raw()
    stack: Raw = raw()
    statusCode: Raw = raw()  # noqa: N815
    providerCallId: Raw = raw()  # noqa: N815
    hookInvocationId: Raw = raw()  # noqa: N815
    hookType: Raw = raw()  # noqa: N815
    input: Raw = raw()
    output: Raw = raw()
    agentDisplayName: Raw = raw()  # noqa: N815
    agentDescription: Raw = raw()  # noqa: N815
    agentId: Raw = raw()  # noqa: N815
    tools: Raw = raw()
    totalToolCalls: Raw = raw()  # noqa: N815
    totalTokens: Raw = raw()  # noqa: N815
    durationMs: Raw = raw()  # noqa: N815
    summary: Raw = raw()
    path: Raw = raw()
    operation: Raw = raw()
    title: Raw = raw()
    newMode: Raw = raw()  # noqa: N815
    previousMode: Raw = raw()  # noqa: N815


class Row(Struct, forbid_unknown_fields=True, gc=False):
    """One line."""

    type: str
    data: Data | None = None
    id: str | None = None
    timestamp: Any = None
    agentId: Any = None  # noqa: N815
    parentId: Raw = raw()  # noqa: N815
    ephemeral: Raw = raw()


class ToolInput(Struct, gc=False):
    """The few inputs of a tool that are kept; every tool has a shape of its own."""

    command: Any = None
    path: Any = None
    filePath: Any = None  # noqa: N815
    input: Any = None
    prompt: Any = None
    agent_type: Any = None
    model: Any = None
    skill: Any = None
