"""Task texts of our own making: templates with vocabularies per kind of task."""

from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.world import Repository

# Planted so that redaction has something to do: the documented example key, and a mail address nobody has.
FAKE_KEY = "AKIAIOSFODNN7EXAMPLE"
FAKE_MAIL = "jo.bloggs@example.com"

_SYMPTOMS = (
    "returns 500 on empty input",
    "drops the last row",
    "shows yesterday's figures",
    "times out after thirty seconds",
    "rounds amounts the wrong way",
    "crashes on names with umlauts",
    "sends the mail twice",
    "ignores the page size",
    "accepts an expired token",
    "loses the filter after a reload",
    "counts cancelled items",
    "fails on leap days",
    "keeps the lock after an exception",
    "sorts numbers as text",
)
_FEATURES = (
    "an export to CSV",
    "dark mode",
    "a retry with back-off",
    "bulk delete",
    "rate limits per client",
    "a search box with suggestions",
    "soft delete and restore",
    "a weekly digest mail",
    "sign-in with a passkey",
    "an audit trail",
    "pagination by cursor",
    "drag and drop ordering",
    "a health endpoint",
    "import from a spreadsheet",
)
_SMELLS = (
    "the three copies of the validation",
    "the 400 line function",
    "the global cache",
    "the circular import",
    "the boolean arguments",
    "the hand-written date arithmetic",
    "the nested callbacks",
    "the stringly typed status",
    "the god class",
)
_TEST_SUBJECTS = (
    "empty and null input",
    "time zones and daylight saving",
    "concurrent writers",
    "the error paths",
    "the permission checks",
    "very large payloads",
    "a cold start",
    "partial failures",
    "round trips of the serializer",
)
_DOCUMENTS = (
    "the README",
    "the API reference",
    "the user guide",
    "the docstrings",
    "the runbook for on-call",
    "an architecture overview",
    "the release notes",
    "a tutorial for newcomers",
    "the configuration table",
)
_QUESTIONS = (
    "where requests are authenticated",
    "which code path writes this table",
    "how the retry policy is chosen",
    "what calls the legacy client",
    "how settings reach the workers",
    "where this event comes from",
    "which modules depend on it",
    "how the cache is invalidated",
)
_PUZZLES = (
    "memory grows until the worker is killed",
    "the job hangs about once a week",
    "the numbers differ between two runs",
    "a test passes alone and fails in the suite",
    "the socket stays open",
    "the stack trace points at the wrong line",
    "logs stop after rotation",
    "it only breaks behind the proxy",
)
_SLOW = (
    "the nightly query takes forty minutes",
    "the first paint takes four seconds",
    "p95 latency doubled since March",
    "serialising takes most of the CPU time",
    "the index is not used",
    "we load every row to count them",
    "the loop calls the database once per item",
    "the bundle grew to three megabytes",
)
_SETTINGS = (
    "the linter",
    "the CI cache",
    "log rotation",
    "the container's memory limit",
    "the staging environment",
    "automatic dependency updates",
    "the pre-commit hooks",
    "TLS for the internal endpoints",
    "the release workflow",
)

_TEMPLATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bug_fix": (
        _SYMPTOMS,
        (
            "Fix the bug in {part}: it {what}.",
            "{Part} {what}. Please fix it and add a regression test.",
            "There is a defect, the {part} module {what}. Find the cause and correct it.",
            "Users report that {part} {what}; fix this without changing the public interface.",
            "bug: {part} {what}, see the failing case in the ticket",
        ),
    ),
    "feature": (
        _FEATURES,
        (
            "Add {what} to {part}.",
            "Implement {what} for the {part} page, including the backend.",
            "We need {what} in {part}. Build it behind a feature flag.",
            "Please create {what} for {part} and wire it into the settings.",
            "new feature for {part}: {what}",
        ),
    ),
    "refactoring": (
        _SMELLS,
        (
            "Refactor {part}: get rid of {what}.",
            "Clean up {what} in {part} without changing behaviour.",
            "Simplify the {part} module, especially {what}.",
            "Extract {what} of {part} into its own module and rename things so that they read well.",
        ),
    ),
    "testing": (
        _TEST_SUBJECTS,
        (
            "Write tests for {part} that cover {what}.",
            "Add unit tests to {part}: {what} is not tested at all.",
            "Raise the test coverage of {part}, above all {what}.",
            "Write an integration test for {what} in {part} with fixtures.",
        ),
    ),
    "code_review": (
        _SMELLS,
        (
            "Review the open changes in {part} and look hard at {what}.",
            "Do a code review of the {part} pull request; is {what} acceptable?",
            "Please review my diff of {part}, I am unsure about {what}.",
        ),
    ),
    "documentation": (
        _DOCUMENTS,
        (
            "Document {part}: rewrite {what}.",
            "Write {what} that explains how {part} works, with an example.",
            "Document {part}: {what} is out of date.",
            "Improve the docs: {what}, section {part}.",
        ),
    ),
    "exploration": (
        _QUESTIONS,
        (
            "Explore {part} and find out {what}.",
            "Explore the {part} code and tell me {what}.",
            "Show me {what}, starting from {part}.",
            "Look through {part} and list {what}.",
        ),
    ),
    "debugging": (
        _PUZZLES,
        (
            "Debug {part}: {what}.",
            "Investigate why in {part} {what}.",
            "Help me find the root cause, {what} in {part}. The logs are under var/log.",
            "Reproduce and diagnose this: {what} ({part}).",
        ),
    ),
    "performance": (
        _SLOW,
        (
            "Make {part} faster: {what}.",
            "Optimise {part}, {what}.",
            "Profile the {part} path and speed it up; {what}.",
        ),
    ),
    "configuration": (
        _SETTINGS,
        (
            "Configure {what} for {part}.",
            "Set up {what} in {part} and say which variables it needs.",
            "Change the configuration of {what} so that {part} builds again.",
        ),
    ),
}

_TAILS = (
    "",
    "",
    "",
    " Keep the change small.",
    " Nothing else may break.",
    " Explain what you did in two sentences.",
    " This blocks the release, so it is urgent.",
    " Stay compatible with the old clients.",
    " Ask before you delete anything.",
)

_SUBAGENT_LEADS = {
    "Explore": "Search the code base, read what matters and report file names with line numbers. ",
    "reviewer": "Read the changed files as a strict reviewer and list problems by severity. ",
    "test-writer": "Write tests in the style of the existing ones and run them. ",
}

_VERBS = {
    "bug_fix": "Fix",
    "feature": "Add",
    "refactoring": "Simplify",
    "testing": "Test",
    "code_review": "Address review of",
    "documentation": "Document",
    "exploration": "Note findings on",
    "debugging": "Find cause in",
    "performance": "Speed up",
    "configuration": "Configure",
}

_OBJECTS = ("handling", "path", "module", "flow", "rules")


def task_text(dice: Dice, task_type: str, repository: Repository) -> str:
    """Return a task of a kind, as a person would ask for it."""
    subjects, templates = _TEMPLATES[task_type]
    part = dice.pick(repository.parts)
    text = dice.pick(templates).format(part=part, Part=part.capitalize(), what=dice.pick(subjects))
    if dice.chance(0.3):
        text += f" Have a look at {part}/{dice.pick(repository.parts)}.{repository.suffix} first."
    return text + dice.pick(_TAILS)


def secret_tail(dice: Dice) -> str:
    """Return a sentence with something in it that has to be redacted."""
    if dice.chance(0.5):
        return f" The staging key is {FAKE_KEY}, use it for the upload."
    return f" Questions go to {FAKE_MAIL}."


def subagent_prompt(dice: Dice, agent: str, task_type: str, repository: Repository) -> str:
    """Return what the main agent asks a sub-agent."""
    return _SUBAGENT_LEADS[agent] + task_text(dice, task_type, repository)


def commit_subject(dice: Dice, task_type: str, repository: Repository) -> str:
    """Return the subject of a commit that came out of a task."""
    return f"{_VERBS[task_type]} {dice.pick(repository.parts)} {dice.pick(_OBJECTS)}"
