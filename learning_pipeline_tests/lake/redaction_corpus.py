"""Texts with secrets and personal data, and innocent ones: made by code, nothing of it is or was in use.

Secrets are put together from pieces at run time, so that no scanner of this repository takes them for real ones.
"""

import base64
import hashlib
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_URL = _ALNUM + "-_"


class Case(NamedTuple):
    """A text, and what must not be left of it; nothing for an innocent one."""

    kind: str
    text: str
    secret: str | None


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, letters: str, count: int) -> str:
        """Random characters, digits and letters among them as in any real key."""
        while True:
            text = "".join(self.random.choice(letters) for _ in range(count))
            if count < 8 or (any(c.isdigit() for c in text) and any(c.isalpha() for c in text)):
                return text

    def key(self, *prefix: str, letters: str = _ALNUM, count: int) -> str:
        return "".join(prefix) + self.some(letters, count)

    def password(self) -> str:
        word = self.random.choice(("Tiger", "coffee", "Winter", "blue", "Hunter", "qwert", "Passat"))
        return word + self.random.choice("!_-#.") + self.some(_ALNUM, 4) + str(self.random.randint(10, 9999))

    def jwt(self) -> str:
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
        body = base64.urlsafe_b64encode(f'{{"sub":"{self.random.random()}"}}'.encode()).decode().rstrip("=")
        return f"{head}.{body}.{self.some(_URL, 43)}"

    def pem(self, name: str) -> str:
        lines = "\n".join(self.some(_ALNUM + "+/", 64) for _ in range(4))
        return f"-----BEGIN {name}" + f"PRIVATE KEY-----\n{lines}\n-----END {name}" + "PRIVATE KEY-----"


def _keys(m: _Maker) -> dict[str, Callable[[], str]]:
    return {
        "aws-access-key": lambda: m.key("AK", "IA", letters=string.ascii_uppercase + string.digits, count=16),
        "aws-session-key": lambda: m.key("AS", "IA", letters=string.ascii_uppercase + string.digits, count=16),
        "github": lambda: m.key("gh", m.random.choice("pousr"), "_", count=36),
        "github-fine": lambda: m.key("github", "_pat_", count=22) + "_" + m.some(_ALNUM, 59),
        "gitlab": lambda: m.key("gl", "pat-", letters=_URL, count=20),
        "slack-bot": lambda: f"xo{'xb'}-{m.random.randrange(10**11)}-{m.random.randrange(10**12)}-{m.some(_ALNUM, 24)}",
        "slack-app": lambda: m.key("xa", "pp-1-", count=60),
        "slack-webhook": lambda: (
            "https://hooks.slack" + f".com/services/T{m.some(_ALNUM, 8)}/B{m.some(_ALNUM, 8)}/{m.some(_ALNUM, 24)}"
        ),
        "stripe": lambda: m.key("s", "k_", "live_", count=24),
        "stripe-test": lambda: m.key("s", "k_", "test_", count=40),
        "anthropic": lambda: m.key("sk-", "ant-", "api03-", letters=_URL, count=95),
        "openai": lambda: m.key("sk-", "proj-", letters=_URL, count=120),
        "openai-old": lambda: m.key("s", "k-", count=48),
        "openrouter": lambda: m.key("sk-", "or-v1-", letters=_HEX, count=64),
        "google": lambda: m.key("AI", "za", letters=_URL, count=35),
        "google-secret": lambda: m.key("GOC", "SPX-", letters=_URL, count=28),
        "google-oauth": lambda: m.key("ya", "29.", letters=_URL, count=80),
        "hugging-face": lambda: m.key("h", "f_", count=34),
        "npm": lambda: m.key("np", "m_", count=36),
        "pypi": lambda: m.key("py", "pi-", "AgEIcHlwaS5vcmc", letters=_URL, count=100),
        "sendgrid": lambda: m.key("S", "G.", letters=_URL, count=22) + "." + m.some(_URL, 43),
        "twilio": lambda: m.key("S", "K", letters=_HEX, count=32),
        "telegram": lambda: f"{m.random.randint(10**8, 10**10 - 1)}:A" + "A" + m.some(_URL, 33),
        "shopify": lambda: m.key("shp", "at_", letters=_HEX, count=32),
        "digitalocean": lambda: m.key("do", "p_v1_", letters=_HEX, count=64),
        "databricks": lambda: m.key("da", "pi", letters=_HEX, count=32),
        "vault": lambda: m.key("hv", "s.", letters=_URL, count=90),
        "linear": lambda: m.key("lin", "_api_", count=40),
        "groq": lambda: m.key("gs", "k_", count=52),
        "mailchimp": lambda: m.some(_HEX, 32) + "-u" + "s14",
        "docker": lambda: m.key("dck", "r_pat_", letters=_URL, count=27),
        "json-web-token": m.jwt,
    }


_PLACES = (
    "use {} for the deploy",
    "export SERVICE_VALUE={}",
    '{{"value": "{}", "n": 3}}',
    "it says\n\n    client = Client('{}')\n\nand then fails",
    "curl -H 'X-Auth: {}' https://api.example.org/v1",
    "the key is {}.",
    '"body": "{{\\"value\\": \\"{}\\"}}"',
    "value: {}\nother: 1",
)

_PASSWORD_PLACES = (
    "DB_PASSWORD={}",
    'password = "{}"',
    "password: {}",
    '{{"user": "ada", "password": "{}"}}',
    '"{{\\"db_password\\": \\"{}\\"}}"',
    "postgres://shop:{}@db.internal:5432/shop",
    "the password is {}",
    "mysql --user=ada --password={} shop",
    "login --password {} --yes",
    "conn = connect(host='db', password='{}')",
    "Server=db;User Id=sa;Password={};Encrypt=true",
    "curl -u ada:{} https://example.org",
    "client_secret: '{}'",
    "config['api_key'] = '{}'",
    "const API_TOKEN = `{}`;",
    "redis://:{}@cache:6379/0",
)

_TOKEN_PLACES = (
    "Authorization: Bearer {}",
    "curl -H 'Authorization: Bearer {}' https://example.org",
    "aws_secret_access_key = {}",
    "GET /v1/items?access_token={}&page=2",
    "x-api-key: {}",
    "SECRET_KEY='{}'",
    "--token {}",
    "ENCRYPTION_KEY: {}",
)

_PERSONS = ("ada", "grace.hopper", "jsmith", "m-curie", "linus42")
_HOMES = (
    ("/home/{}/work/shop/a.py", "/home/{}"),
    ("cd /home/{} && ls", "/home/{}"),
    ("file:///home/{}/x.txt", "/home/{}"),
    ("gcc -I/home/{}/include main.c", "/home/{}"),
    ("/Users/{}/Library/x", "/Users/{}"),
    ('"cwd": "/Users/{}"', "/Users/{}"),
    (r"C:\Users\{}\src\a.ts", "Users\\{}"),
    (r'"path": "D:\\Users\\{}\\src"', r"Users\\{}"),
    ("C:/Users/{}/src", "Users/{}"),
    ("/mnt/c/Users/{}/src", "Users/{}"),
    ("~/.claude/projects/-Users-{}-work-shop/a.jsonl", "Users-{}"),
    ("error in /home/{}/a.py:3: oops", "/home/{}"),
)
_MAILS = (
    "write to {} today",
    "Author: Some One <{}>",
    "Co-authored-by: x <{}>",
    "mailto:{}?subject=hi",
    '{{"email":"{}"}}',
    "user={}",
)


def with_secrets(seed: int = 3) -> Iterator[Case]:
    """Yield texts that hold something that must go."""
    m = _Maker(seed)
    for kind, make in _keys(m).items():
        for place in _PLACES:
            secret = make()
            yield Case(kind, place.format(secret), secret)
    for kind in ("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "):
        for place in ("{}", "here:\n{}\nthanks", "cat key.pem\n{}"):
            pem = m.pem(kind)
            yield Case("private-key", place.format(pem), pem.split("\n")[2])
        pem = m.pem(kind)
        yield Case("private-key", '{"private_key": "' + pem.replace("\n", "\\n") + '"}', pem.split("\n")[2])
        yield Case("private-key", pem[:200], pem[100:160])
    for place in _PASSWORD_PLACES:
        for _ in range(8):
            secret = m.password()
            yield Case("password", place.format(secret), secret)
    for place in _TOKEN_PLACES:
        for letters, count in ((_ALNUM, 40), (_HEX, 32), (_URL, 27), (_ALNUM + "+/", 40)):
            secret = m.some(letters, count).lstrip("-+/_") + "Q7"
            yield Case("assigned-token", place.format(secret), secret)
    for place in ("AccountName=shop;AccountKey={};EndpointSuffix=x", "Endpoint=sb://x/;SharedAccessKey={}"):
        secret = base64.b64encode(m.random.randbytes(64)).decode()
        yield Case("azure", place.format(secret), secret)
    for place, left in _HOMES:
        for person in _PERSONS:
            if "-" in person and "-Users-" in place:
                continue
            yield Case("home", place.format(person), left.format(person))
    yield Case("home", r"C:\Users\Ada Lovelace\src\a.ts", "Lovelace")
    for place in _MAILS:
        for person in _PERSONS:
            mail = f"{person}@{m.random.choice(('example.org', 'mail.example.co.uk', 'corp.dev'))}"
            yield Case("mail", place.format(mail), mail)


_INNOCENT = r"""
def load(token: str, limit: int = 4096) -> list[str]:
token = data["token"]
password = getpass.getpass("Password: ")
password = os.environ["DB_PASSWORD"]
api_key = settings.api_key
api_key=os.getenv("OPENAI_API_KEY"),
const token = await getToken(user1);
secret: ${{ secrets.NPM_TOKEN }}
export GITHUB_TOKEN=$(gh auth token)
API_KEY=$API_KEY npm start
curl -H "Authorization: Bearer $TOKEN" https://example.org
Authorization: Bearer <your-token>
password: <your password here>
DB_PASSWORD=changeme
"password": {"type": "string", "minLength": 8}
"password": "string",
<input type="password" name="password" placeholder="Password">
max_tokens: 4096
"input_tokens": 128333, "output_tokens": 4711
token_count = 12
next_token = tokens[i + 1]
tokenizer = AutoTokenizer.from_pretrained("gpt2-medium-v2")
The password must have at least 8 characters and one digit.
Users reset their password with a link that is valid for 24 hours.
The token is then sent to the server, which checks it.
What is the secret of a good test? It fails for one reason.
Add a key to the map, then look it up by key.
the api key is missing
I forgot the password, can you look where it is stored?
rotate the credentials every 90 days
password reset flow: step1, step2, step3
if (password !== confirmPassword) throw new Error("no match");
class PasswordField(CharField):
self.token = token
secret_name: my-service-secret
kubectl get secret db-credentials -o yaml
key: value
primary key (source, path)
foreign_key: user_id
public_key = "ssh-ed25519"
import { authToken } from './auth-token.service';
raise PermissionError("token expired")
logger.info("token refreshed in %d ms", took)
auth: { type: 'oauth2', scopes: ['read'] }
signature = inspect.signature(function)
signature: (a: number, b: string) => Promise<void>
basic authentication is turned off in production
Basic understanding of asyncio is required
bearer of bad news
cookie: sameSite lax
set -u; user=ada
git clone git@github.com:example/shop.git
ssh git@gitlab.example.org:22
icon@2x.png
@app.route("/home/index")
https://example.org/home/dashboard
https://example.org/Users/list
GET /api/Users/42
/usr/share/home/readme
/Users/Shared/fonts
npm install react@18.2.0 @types/node@20.11.5
systemctl restart getty@tty1.service
pip install 'pydantic[email]>=2.5'
actions/checkout@v4
docker pull postgres@sha256:{sha256}
"integrity": "sha512-{b64}"
commit {sha1}
Merge {sha1} into {sha1}
index {short}..{short} 100644
{uuid}
session {uuid} ended
"sessionId":"{uuid}","uuid":"{uuid}"
toolu_01{alnum24}
msg_01{alnum24}
req_011{alnum24}
md5 {md5}
sha256 {sha256}  dist.tar.gz
etag: W/"{md5}"
data:image/png;base64,{image}
<img src="data:image/jpeg;base64,{image}">
sourceMappingURL=data:application/json;base64,{b64}
ssh-ed25519 {b64} comment
{prose}
{prose}
{prose}
risk-assessment-dashboard-component-v2-final-2026
task-0123456789-with-a-long-name-and-no-secret
/var/lib/docker/overlay2/{sha256}/merged
cache key: {sha1}
Traceback (most recent call last): File "/app/main.py", line 33, in <module>
AssertionError: expected 200, got 401 Unauthorized
0x{md5}
v1.2.3-beta.4+build.20260302
2026-03-02T09:00:00.000Z INFO [pool-1-thread-3] o.e.s.Shop - started in 4.231 seconds
SELECT password_hash FROM users WHERE id = 42
ALTER ROLE app WITH PASSWORD NULL;
env.SECRET_NAME || process.env.SECRET
- name: TOKEN\n  valueFrom: {{ secretKeyRef: {{ name: app, key: token }} }}
token: Option<String>,
let token: &str = req.header("x-token")?;
private_key_path: /etc/ssl/private/key.pem
apiKey: process.env.API_KEY!,
"tokenType": "Bearer"
token_type=bearer&grant_type=client_credentials
--api-key KEY   the key of the service
--token TOKEN
use `--password-stdin` instead
echo "$PASSWORD" | docker login --password-stdin
pass the options as keyword arguments
12 passed, 3 failed in 4.21s
--- PASS: TestCheckpointStore_Write2Files (0.00s)
PASS: TestHooks/subtest_3 [cached]
headers = { ...headers, Authorization: `Bearer ${token1}` }
tests/snapshots/list__items@two.snap
passed: 12/12
"""


def innocent(seed: int = 5) -> Iterator[Case]:
    """Yield texts of which nothing must change."""
    m = _Maker(seed)
    words = ("the", "a", "test", "file", "change", "where", "value", "module", "check", "because", "read", "error")
    for round_ in range(8):
        for line in _INNOCENT.strip().split("\n"):
            noise = m.random.randbytes(600)
            given = {
                "{sha1}": hashlib.sha1(noise, usedforsecurity=False).hexdigest(),
                "{sha256}": hashlib.sha256(noise).hexdigest(),
                "{md5}": hashlib.md5(noise, usedforsecurity=False).hexdigest(),
                "{short}": m.some(_HEX, 9),
                "{uuid}": str(uuid.UUID(bytes=noise[:16], version=4)),
                "{alnum24}": m.some(_ALNUM, 24),
                "{b64}": base64.b64encode(noise[:64]).decode(),
                "{image}": base64.b64encode(noise).decode(),
                "{prose}": " ".join(m.random.choice(words) for _ in range(40)).capitalize() + ".",
            }
            text = line
            for name, value in given.items():
                text = text.replace(name, value)
            if text == line and round_:
                continue
            yield Case("innocent", text.replace("{{", "{").replace("}}", "}").replace("\\n", "\n"), None)
