"""Finds secrets in words: keys by the form that their issuer gives them, passwords by the name they are given to.

Forms are those that issuers document, then those of the detectors of detect-secrets. A value that is given to a
telling name (`password=`, `"api_key":`) counts as a secret unless it is plainly something else: a variable, a
placeholder, a call, a word, a number, a path.
"""

import re
from functools import cache
from typing import NamedTuple

_START, _END = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"


class _Form(NamedTuple):
    """How a kind of secret looks. A text that holds none of `marks` need not be searched, which is most of it."""

    label: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(label: str, marks: str, pattern: str) -> _Form:
    return _Form(label, tuple(marks.split()), re.compile(_START + pattern))


_KEY_NAME = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?"
_PRIVATE_KEY = _Form(
    "private-key",
    ("PRIVATE KEY", "PuTTY-User-Key"),
    # With its lines of headers and base64, to its end or to where it was cut off; the breaks may be escaped.
    re.compile(
        rf"-{{4,5}} ?BEGIN {_KEY_NAME} ?-{{4,5}}"
        r"(?:\s|\\+[nr]|[\w-]+: [^\n]*\n|[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/]+={0,2}(?=\s|\\|-))*"
        rf"(?:-{{4,5}} ?END {_KEY_NAME} ?-{{4,5}})?"
        r"|PuTTY-User-Key-File-\d(?:: [^\n]*|\n[\w-]+: [^\n]*|\n[A-Za-z0-9+/=]+)*"
    ),
)
_FORMS = (
    _PRIVATE_KEY,
    _form("json-web-token", "eyJ", r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}"),
    _form("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{20,}"),
    _form("openai-token", "sk-", r"sk-(?:proj|svcacct|admin|or-v1|lf)-[\w-]{20,}"),
    _form("openai-token", "sk-", r"sk-(?=[A-Za-z]*\d)[A-Za-z0-9]{32,}" + _END),
    _form("github-token", "github_pat_", r"github_pat_\w{22,}"),
    _form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _form(
        "gitlab-token",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glagent- glimt- gloas-",
        r"gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|imt|oas)-[\w-]{20,}(?:\.[\w-]+)*",
    ),
    _form("slack-token", "xox xapp-", r"(?:xox[abceoprs](?:\.xox[abeoprs])?|xapp)-[\w-]{10,}"),
    _form("slack-webhook", "hooks.slack.com", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{20,}"),
    _form("discord-webhook", "/webhooks/", r"https://[\w.]*discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/[\w-]{30,}"),
    _form("stripe-access-key", "k_live_ k_test_", r"[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _form("webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{20,}"),
    _form("google-api-key", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    _form("google-oauth", "ya29. GOCSPX-", r"(?:ya29\.|GOCSPX-)[\w-]{20,}"),
    _form("hugging-face-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    _form("npm-token", "npm_", r"npm_[A-Za-z0-9]{30,}"),
    _form("pypi-token", "pypi-", r"pypi-[\w-]{50,}"),
    _form("rubygems-key", "rubygems_", r"rubygems_[a-f0-9]{40,}"),
    _form("docker-token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _form("sendgrid-api-key", "SG.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    _form("mailgun-key", "key-", r"key-[a-f0-9]{32}" + _END),
    _form("mailchimp-access-key", "-us", r"[0-9a-f]{32}-us\d{1,2}" + _END),
    _form("twilio-api-key", "SK AC", r"(?:SK|AC)[0-9a-f]{32}" + _END),
    _form("telegram-bot-token", ":AA", r"\d{8,10}:AA[\w-]{32,33}(?![\w-])"),
    _form("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _form("square-token", "sq0 EAAA", r"(?:sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[\w-]{60}(?![\w-]))"),
    _form("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[a-f0-9]{64}"),
    _form("databricks-token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?" + _END),
    _form("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{24,}"),
    _form("terraform-token", ".atlasv1.", r"\w{14}\.atlasv1\.[\w-]{60,}"),
    _form("atlassian-token", "ATATT3 ATCTT3", r"AT[AC]TT3[\w=-]{30,}"),
    _form("linear-key", "lin_api_ lin_oauth_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    _form("notion-token", "ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}(?!\w))"),
    _form("grafana-token", "glsa_ glc_", r"gl(?:sa|c)_[\w+/=]{32,}"),
    _form("new-relic-key", "NRAK- NRJS- NRII-", r"NR(?:AK|JS|II)-[\w-]{19,}"),
    _form("sentry-token", "sntrys_ sntryu_", r"sntry[su]_[\w+/=-]{40,}"),
    _form("supabase-key", "sbp_ sb_secret_", r"(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,})"),
    _form("postman-key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _form("figma-token", "figd_", r"figd_[\w-]{36,}"),
    _form("planetscale-token", "pscale_", r"pscale_(?:tkn|oauth|pw)_[\w.=-]{32,}"),
    _form("doppler-token", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.-]{40,}"),
    _form("netlify-token", "nfp_", r"nfp_[A-Za-z0-9]{36,}"),
    _form("model-provider-key", "gsk_ xai- pplx- r8_ fw_", r"(?:gsk_|xai-|pplx-|r8_|fw_)[A-Za-z0-9]{24,}"),
    _form("model-provider-key", "nvapi- tgp_v1_ csk-", r"(?:nvapi-|tgp_v1_|csk-)[\w-]{24,}"),
    _form("langchain-key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    _form("age-key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
    _form(
        "aws-access-key",
        "AKIA ASIA ABIA ACCA",
        # The secret that belongs to it is often written right behind it.
        r"A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}" + _END + r"(?:[\s,:;|/\"']{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?",
    ),
    _form("password-hash", "$2", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    _form("azure-key", "Key=", r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{40,}"),
)

# The detectors that are left out: public addresses are no secrets; entropy alone takes every hash for one; the others
# take out a part only (the first line of a private key), match ordinary text, or name services that are gone.
_LEFT_OUT = frozenset(
    (
        "ArtifactoryDetector",
        "Base64HighEntropyString",
        "BasicAuthDetector",
        "CloudantDetector",
        "HexHighEntropyString",
        "IbmCloudIamDetector",
        "IbmCosHmacDetector",
        "IPPublicDetector",
        "JwtTokenDetector",
        "MailchimpDetector",
        "PrivateKeyDetector",
        "SoftlayerDetector",
        "TelegramBotTokenDetector",
        "TwilioKeyDetector",
    )
)
# Every key has a run of these; what has none need not be asked.
_LONG_RUN = re.compile(r"[A-Za-z0-9_\-]{16}|BEGIN |PuTTY")

# `user:password@` in an address.
_ADDRESS = re.compile(r"(://[^\s:/@\"'`]{0,64}):([^\s/\"'`@]{1,128}(?:@[^\s/\"'`@]{1,64})??)@(?=[\w\[.$-])")

_NAMES = (
    r"passw(?:or)?d|passphrase|passwort|contraseña|pwd|(?-i:(?<![A-Za-z])pass(?![A-Za-z])|PASS(?==)|(?<=_)PASS(?![A-Za-z]))|secret|(?<!\w-)token(?!iz|ise)|api[_-]?key|apikey"
    r"|access[_-]?key|private[_-]?key|priv[_-]?key|auth[_-]?key|account[_-]?key|service[_-]?key|license[_-]?key"
    r"|encrypt(?:ion)?[_-]?key|signing[_-]?key|master[_-]?key|client[_-]?key|db[_-]?key|credential|authorization"
    r"|signature|(?<=[?&])(?:sig|key|code)(?==)"
)
_QUOTE = r"(?:\\{0,2}[\"'`])"
# A name that tells, `=` or `:`, and a value: in quotes, or up to the next blank.
_ASSIGNED = re.compile(
    rf"(?i)(?P<name>{_NAMES})(?P<rest>[\w.-]{{0,30}}{_QUOTE}?\]?\s{{0,3}}(?::=|=>|==|[:=])\s{{0,3}})"
    rf"(?:[bfru]?(?P<open>{_QUOTE})(?P<quoted>[^\n\"'`]{{4,300}}?)(?P=open)|(?P<bare>(?>[^\s\"'`,;&<>()\[\]{{}}\\]{{6,300}}))(?![(\[]))"
)
_HEADER = re.compile(r"(?i)\b(?P<lead>(?:bearer|basic|apikey|token)\s+)(?P<bare>[A-Za-z0-9._~+/=-]{16,})")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie:\s*)([\w.-]+=[^\s\"'][^\n\"']*)")
_FLAG = re.compile(
    r"(?i)(?P<lead>(?:(?<!\S)--?[\w-]*(?:passw(?:or)?d|passphrase|secret|token|api-?key|access-key)\s+[\"']?"
    r"|\b(?:identified by|password)\s+[\"']|\blogin\s+\S+\s+password\s+))(?P<bare>[^\s\"'`]{6,200})"
)
_CURL_USER = re.compile(r"((?:^|\s)(?:-u|--user)[\s=]+[\"']?[^\s:\"']{1,64}:)([^\s\"'$]{4,128})")
_SAID = re.compile(
    r"(?i)(?P<lead>\b(?:passw(?:or)?d|passphrase|secret|api key|access key|token)(?:\s+for\s+\S+)?"
    r"\s+(?:is|was|=)\s+[\"'`]?)"
    r"(?P<bare>[^\s\"'`,;]{6,128})"
)
# A line without one of these, in lower case, gives nothing to a telling name.
_TELLING = (
    *("pass", "secret", "token", "key", "credential", "pwd", "contrase", "auth", "bearer", "basic", "cookie"),
    *("signature", "identified", "sig=", "code=", "-u ", "--user"),
)

_PLACEHOLDER = re.compile(
    r"(?i)^(?:[$%<{(\[*#@!]|x{3,}|\.{3}|your|my[-_]|example|changeme|change[-_]me|placeholder|dummy|redacted|insert|enter"
    r"|todo|test$|none$|null$|nil$|undefined$|true$|false$|process\.env|os\.|env\.|config\.|settings\.|self\.|this\.|secrets\.)"
)
_EXPRESSION = re.compile(r"[(){}<>|]|\$\{|\.\.\.|::|->|=>|\*{3}")
_TEMPLATE = re.compile(r"\$\{|\{\{|%s|\$\(|\{\w+\}")
_DOTTED = re.compile(r"[A-Za-z_]+\d?(?:\??\.[A-Za-z_]+\d?)+[?;!]?")
_PATH = re.compile(r"\.{0,2}[/~]|[A-Za-z]:\\|https?:|file:|[\w.-]+/[\w./-]+\.[a-z]{1,4}$")
_NUMBER = re.compile(r"[\d.,:_/%+-]+[a-zA-Z]{0,2}")
_WORD = re.compile(r"[A-Za-z]?[a-z]+(?:[A-Z]{1,3}[a-z]+)*|[A-Z]+|\d{1,4}")
_LONG_WORD = 16
_SEPARATOR = re.compile(r"[-_./:\s]+")


def secrets_out(text: str) -> str:
    """Return the text with every secret that is found replaced by `[REDACTED:kind]`."""
    if _LONG_RUN.search(text):
        for label, marks, pattern in _FORMS:
            for mark in marks:
                if mark in text:
                    text = pattern.sub(f"[REDACTED:{label}]", text)
                    break
        text = "\n".join(map(_known_out, text.split("\n")))
    if "://" in text and "@" in text:
        text = _ADDRESS.sub(_address_out, text)
    lower = text.lower()
    if any(word in lower for word in _TELLING):
        text = "\n".join(map(_assigned_out, text.split("\n")))
    return text


@cache
def _detectors() -> list[tuple[str, re.Pattern[str]]]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    classes: dict[str, type] = get_mapping_from_secret_type_to_class()
    return [
        (name.lower().replace(" ", "-"), pattern)
        for name, detector in sorted(classes.items())
        if issubclass(detector, RegexBasedDetector) and detector.__name__ not in _LEFT_OUT
        for pattern in detector().denylist
    ]


def _known_out(line: str) -> str:
    if _LONG_RUN.search(line):
        for label, pattern in _detectors():
            line = pattern.sub(f"[REDACTED:{label}]", line)
    return line


def _address_out(match: re.Match[str]) -> str:
    if match.group(2)[0] in "$<{%[*" or not match.group(2).strip("x*."):
        return match.group(0)
    return f"{match.group(1)}:[REDACTED:password]@"


def _assigned_out(line: str) -> str:
    lower = line.lower()
    if not any(word in lower for word in _TELLING):
        return line
    if "=" in line or ":" in line:
        line = _ASSIGNED.sub(_given_out, line)
    for pattern in (_HEADER, _FLAG, _SAID):
        line = pattern.sub(_bare_out, line)
    if "-u" in lower:
        line = _CURL_USER.sub(r"\1[REDACTED:password]", line)
    return _COOKIE.sub(r"\1[REDACTED:cookie]", line) if "cookie:" in lower else line


def _given_out(match: re.Match[str]) -> str:
    quoted = match.group("quoted")
    value = quoted if quoted is not None else match.group("bare")
    shown = match.group(0)
    if not is_secret(value, in_quotes=quoted is not None):
        return shown
    start = match.start("quoted" if quoted is not None else "bare") - match.start()
    return shown[:start] + "[REDACTED:password]" + shown[start + len(value) :]


def _bare_out(match: re.Match[str]) -> str:
    value = match.group("bare")
    if not is_secret(value.rstrip(".!?)"), in_quotes=False):
        return match.group(0)
    return f"{match.group('lead')}[REDACTED:password]"


def is_secret(value: str, *, in_quotes: bool) -> bool:
    """Say whether a value that was given to a telling name is a secret, and not a variable, word, number or path."""
    value = value.strip()
    if len(value) < (5 if in_quotes else 6) or "[REDACTED" in value or _PLACEHOLDER.match(value):
        return False
    if _NUMBER.fullmatch(value) or _PATH.match(value) or _DOTTED.fullmatch(value):
        return False
    if _TEMPLATE.search(value) or (not in_quotes and _EXPRESSION.search(value)):
        return False
    if len(set(value)) < 4:
        return False
    if len(value) >= _LONG_WORD and value.isalpha() and value.islower():
        return True  # several words without a blank between
    # A sentence, a name made of words, a constant: parts that are words or short numbers.
    parts = [part for part in _SEPARATOR.split(value) if part]
    if len(parts) > 4 and " " in value:
        return False
    return not all(_WORD.fullmatch(part) for part in parts)
