"""``make run``: the whole portal with demo data on this machine, and a clean end.

PostgreSQL (the private one, or KIBALI_DATABASE_URL), schema, demo data, then the stand-ins for mobile money, time
stamps and texts, the example marketplace, the worker and the web server. Ctrl-C stops all of it; so does any of them
ending by itself.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C while modules are read: nothing runs yet, so nothing has to be said
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from app.identity import callbacks, keys
from config import Settings, SettingsError, load
from tools.demo import PASSWORD
from tools.loopback import direct
from tools.postgres import PostgresError, Server

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
HOST = "127.0.0.1"
GRACE = 8.0  # seconds a part has to end by itself
PATIENCE = 60.0  # seconds until the web server must answer
LEAST_SPACE = 300 * 1024 * 1024
ACCOUNTS = (
    ("entrepreneur@demo.example", "an exporter with a business"),
    ("agent@demo.example", "applies on behalf of others"),
    ("registrar@demo.example", "registers businesses"),
    ("clerk@demo.example", "reviews export licences"),
    ("customs@demo.example", "reviews customs declarations"),
    ("supervisor@demo.example", "decides: the second pair of eyes"),
    ("auditor@demo.example", "reads everything, changes nothing"),
    ("admin@demo.example", "users, agencies, API clients"),
)


class Problem(Exception):
    """Ends the start with one sentence."""


@dataclass
class Part:
    """A process of the demo. It leads a process group of its own, so that Ctrl-C reaches it only through us."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path


@dataclass
class Demo:
    """The parts that were started, in order."""

    country: str
    port: int
    logs: Path
    environment: dict[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)
    parts: list[Part] = field(default_factory=list)

    def _launch(self, name: str, command: tuple[str, ...]) -> Part:
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        return Part(name, process, log)

    def start(self, name: str, *command: str) -> None:
        """Start a part that runs until the end."""
        self.parts.append(self._launch(name, command))

    def run(self, name: str, *command: str) -> None:
        """Run a step to its end; its own sentence is shown when it fails."""
        step = self._launch(name, command)
        while step.process.poll() is None:
            if self.stopping.wait(0.05):
                _end([step])
                raise KeyboardInterrupt
        if step.process.returncode:
            raise Problem(f"{_story(step.log)}\nThis was the step '{name}'; its log is {_shown(step.log)}.")

    def dead(self) -> Part | None:
        return next((part for part in self.parts if part.process.poll() is not None), None)

    def wait_until_ready(self, address: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.stopping.is_set():
            if part := self.dead():
                raise Problem(f"The {part.name} ended at once: {_story(part.log)}\nIts log is {_shown(part.log)}.")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
            if time.monotonic() > deadline:
                raise Problem(f"The portal did not answer within {PATIENCE:.0f} s; look at {_shown(self.logs)}.")
            self.stopping.wait(0.1)

    def stop(self) -> None:
        if self.parts:
            with contextlib.suppress(OSError):  # the terminal may be gone
                print("Stopping", flush=True)
        _end(self.parts[::-1])


def _end(parts: list[Part]) -> None:
    """Ask each to end; after the grace take down whatever is left of its process group."""
    for part in parts:
        with contextlib.suppress(ProcessLookupError):
            part.process.terminate()
    deadline = time.monotonic() + GRACE
    for part in parts:
        with contextlib.suppress(subprocess.TimeoutExpired):
            part.process.wait(max(0.1, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(part.process.pid, signal.SIGKILL)
        part.process.wait()


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Have the kernel end the child should this process be killed without a chance to do it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _story(log: Path) -> str:
    """The last thing a log says; what the web server remarks about its processes says less than they do."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("[ERROR]", "[WARNING]"))] or lines
    return telling[-1] if telling else "it said nothing."


def _bind(port: int) -> int:
    """Whether ``port`` (0: any) can be had; the port. Raises OSError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    try:
        return _bind(port) == port
    except OSError:
        return False


def _port(preferred: int, *taken: int) -> int:
    """``preferred`` if nobody has it, otherwise one the system picks; never one of ``taken``, which others will use."""
    port = preferred
    while port in taken or not _free(port):
        port = _bind(0)
    return port


def _check_port(port: int) -> None:
    try:
        _bind(port)
    except PermissionError:
        raise Problem(f"Only root may use port {port}. Choose one from 1024 on: PORT=8010 make run") from None
    except OSError:
        other = next((candidate for candidate in range(port + 10, port + 200, 10) if _free(candidate)), 0)
        raise Problem(
            f"Port {port} is already in use (is the portal running in another window?). "
            f"Stop that, or choose another port: PORT={other or 'NUMBER'} make run"
        ) from None


@contextlib.contextmanager
def _alone(home: Path, country: str, port: int) -> Iterator[None]:
    """One portal a country: two would overwrite each other's logs, and do each other's jobs at wrong addresses."""
    with (home / "running").open("a+") as note:  # locked by the kernel, so a killed one leaves nothing behind
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note.seek(0)
            other = "CG" if country == "RW" else "RW"
            raise Problem(
                f"The portal is already running from this folder, at {note.read().strip()}. Use that one, or stop it "
                f"with Ctrl-C in its window. The other country can run beside it: COUNTRY={other} PORT=8010 make run"
            ) from None
        note.truncate(0)
        note.write(f"http://{HOST}:{port}")
        note.flush()
        yield


def _choices() -> tuple[str, int]:
    country = os.environ.get("COUNTRY", os.environ.get("KIBALI_COUNTRY", "RW")).upper()
    if country not in {"RW", "CG"}:
        raise Problem(f"COUNTRY is {country!r}; it must be RW (Rwanda) or CG (Congo).")
    text = os.environ.get("PORT", "8000")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"PORT is {text!r}; it must be a number from 1 to 65535.")
    return country, int(text)


def _enough_space() -> None:
    LOCAL.mkdir(exist_ok=True)
    free = shutil.disk_usage(LOCAL).free
    if free < LEAST_SPACE:
        raise Problem(f"Only {free // 1024 // 1024} MB are free on the disk of {ROOT}; the demo needs 300. Make room.")


def _libraries() -> None:
    """WeasyPrint's system libraries are loaded only when the first PDF is made: say now when they are missing."""
    for library in ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0"):
        try:
            ctypes.CDLL(library)
        except OSError:
            raise Problem(
                f"The system library {library} is missing; PDF records need it. On Debian and Ubuntu: "
                "sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
            ) from None


def _environment(country: str, port: int, home: Path, momo: int, stamps: int, texts: int) -> dict[str, str]:
    environment = dict(os.environ)
    environment.setdefault("KIBALI_STORE", str(home / "store"))
    if not environment.get("KIBALI_SEAL"):
        address = f"http://{HOST}:{stamps}"
        environment |= {
            "KIBALI_SEAL": f"file:{home / 'seal'}", "KIBALI_TSA_URL": address, "KIBALI_CRL_URL": address,
        }  # fmt: skip
    metrics = home / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    return environment | {
        "KIBALI_MODE": "demo",
        "KIBALI_COUNTRY": country,
        "KIBALI_BASE_URL": f"http://{HOST}:{port}",
        "KIBALI_MOMO_URL": f"http://{HOST}:{momo}",
        "KIBALI_SMS_URL": _texts_address(country, texts),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONUNBUFFERED": "1",
    }


def _texts_address(country: str, port: int) -> str:
    """The stand-in's, speaking as the provider that serves the country."""
    who = "africastalking://sandbox:demo-key@" if country == "RW" else "infobip://:demo-key@"
    return f"{who}{HOST}:{port}?from=KIBALI"


def _reports(settings: Settings) -> str:
    """Where delivery reports go: Africa's Talking is told in its dashboard, its stand-in as it starts."""
    keys.configure(settings.secret_key)
    return settings.base_url + callbacks.path("sms", settings.sms_url.partition(":")[0])


@contextlib.contextmanager
def _database(country: str) -> Iterator[str]:
    """The address of the demo's database: the one that was given, else the private server's own for the country."""
    if given := os.environ.get("KIBALI_DATABASE_URL"):
        yield given
        return
    server = Server(LOCAL / "postgres")
    with server.in_use():
        yield server.create_database("kibali" if country == "RW" else f"kibali_{country.lower()}")


def _greet(address: str, seconds: float, momo: int, market: int, stamps: int, texts: int) -> None:
    width = max(len(email) for email, _ in ACCOUNTS)
    print(f"\nKibali is at {address} ({seconds:.0f} s).\n\nSign in as, password {PASSWORD}:")
    for email, who in ACCOUNTS:
        print(f"  {email:<{width}}  {who}")
    print(f"\nExample marketplace: http://{HOST}:{market}. Stand-in for mobile money: http://{HOST}:{momo}.")
    print(f"Stand-in for time stamps, and lists of withdrawn demonstration certificates: http://{HOST}:{stamps}.")
    print(f"Stand-in for text messages: http://{HOST}:{texts}; what it sends is at {address}/demo/phone.")
    print("Officials' second-factor codes are shown on the sign-in page. Ctrl-C stops everything.\n", flush=True)


def _serve(demo: Demo, momo: int, market: int, stamps: int, seal: Path, texts: tuple[str, ...]) -> None:
    address = f"http://{HOST}:{demo.port}"
    # First of all: it makes the demonstration's seals while the database is prepared.
    stand_in = ("tools.standins.tsa", "--port", str(stamps), "--folder", str(seal), "--country", demo.country)
    demo.start("time-stamps", "-m", *stand_in)
    print("Preparing the database", flush=True)
    demo.run("migrate", "-m", "app.cli", "migrate")
    demo.run("demo-data", "-m", "tools.demo", "load")
    print("Starting the portal", flush=True)
    demo.start("mobile-money", "-m", "tools.standins.mtn_momo", "--port", str(momo))
    demo.start("texts", "-m", "tools.standins.sms", *texts)
    demo.start("marketplace", "-m", "examples.marketplace", "--port", str(market), "--portal", address)
    demo.start("worker", "-m", "app.cli", "worker")
    server = ["granian", "--interface", "wsgi", "--no-ws", "--host", HOST, "--port", str(demo.port)]
    _check_port(demo.port)  # somebody may have taken it while the database was prepared
    # A process that is told to stop while it starts does not hear it.
    server += ["--workers", "2", "--blocking-threads", "4", "--workers-kill-timeout", "3", "--log-level", "warning"]
    demo.start("web", "-m", *server, "wsgi:app")
    demo.wait_until_ready(address)


def _run(stopping: threading.Event) -> int:
    started = time.monotonic()
    country, port = _choices()
    _enough_space()
    _libraries()
    home = LOCAL if country == "RW" else LOCAL / country.lower()
    logs = home / "log"
    logs.mkdir(parents=True, exist_ok=True)
    with _alone(home, country, port):
        _check_port(port)
        return _show(stopping, started, country, port, home)


def _show(stopping: threading.Event, started: float, country: str, port: int, home: Path) -> int:
    momo = _port(8001, port)
    market = _port(8002, port, momo)
    stamps = _port(8003, port, momo, market)
    texts = _port(8004, port, momo, market, stamps)
    environment = _environment(country, port, home, momo, stamps, texts)
    with _database(country) as url:
        environment["KIBALI_DATABASE_URL"] = url
        reports = _reports(load(environment))
        demo = Demo(country, port, home / "log", environment, stopping)
        try:
            _serve(demo, momo, market, stamps, home / "seal", ("--port", str(texts), "--reports", reports))
            if not stopping.is_set():
                _greet(f"http://{HOST}:{port}", time.monotonic() - started, momo, market, stamps, texts)
            while not stopping.wait(0.5):
                if part := demo.dead():
                    raise Problem(
                        f"The {part.name} ended by itself: {_story(part.log)}\nIts log is {_shown(part.log)}."
                    )
        finally:
            demo.stop()
    return 0


def main() -> int:
    os.environ.update(direct(os.environ))
    stopping = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopping.set()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, stop)
    try:
        return _run(stopping)
    except (Problem, PostgresError, SettingsError) as problem:
        print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        what = {errno.ENOSPC: "The disk is full", errno.EACCES: "This user may not write there"}.get(error.errno or 0)
        print(f"{what or error.strerror or error}: {error.filename or ROOT}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
