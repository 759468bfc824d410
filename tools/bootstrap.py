"""Makes a fresh Debian or Ubuntu ready: system packages, a virtual environment, the locked Python packages.

``python3 tools/bootstrap.py run|check|test`` needs nothing but the standard library and Python 3.11. What is
already there is left alone, so the second time takes well under a second and no network. Written so that an older
Python can still read it and say what is missing.
"""

from __future__ import annotations

import ctypes.util
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = ROOT / ".local" / "log"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")

WEASYPRINT = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
FONTS = ("fonts-noto-core", "fonts-noto-cjk")
BROWSER_DRIVER = ("libatomic1",)  # of the program that steers the tests' browser
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TEST_TOOLS = {"pdftotext": "poppler-utils", "qpdf": "qpdf", "softhsm2-util": "softhsm2"}
PURPOSE = "for PDF records, their fonts, and the tests' browser, PDF tools and key store"

LOCKS = {"run": "requirements.txt", "check": "requirements-dev.txt", "test": "requirements-dev.txt"}


class Problem(Exception):
    """Something only the person can put right; the message says what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def newer_python() -> None:
    """Carry on with a Python that is new enough, or say that there is none."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER:
        path = shutil.which(name)
        if path:
            os.execv(path, [path, *sys.argv])
    raise Problem(
        "Kibali needs Python 3.11 or newer; this is %s. Install a newer one, then: make PYTHON=/path/to/python3.12 run"
        % sys.version.split()[0]
    )


def run(command: list[str], log: str, failure: str, *, env: dict[str, str] | None = None) -> None:
    """Run quietly; the whole output goes to a log, and its end is shown when the command fails."""
    LOG.mkdir(parents=True, exist_ok=True)
    path = LOG / log
    with path.open("ab") as output:
        output.write(("$ " + " ".join(command) + "\n").encode())
        output.flush()
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=str(ROOT), check=False)
    if done.returncode:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("WARNING: Retrying")] or lines
        tail = "\n".join("    " + line for line in lines[-3:])
        raise Problem("%s The whole story is in %s; it ends with:\n%s" % (failure, path.relative_to(ROOT), tail))


def missing_packages(purpose: str) -> list[str]:
    """Debian packages this machine lacks for ``purpose``; empty where dpkg is not the package manager."""
    wanted = [*WEASYPRINT, *FONTS, *(BROWSER_DRIVER if purpose == "test" else ())]
    missing: list[str] = []
    if purpose == "check":
        wanted = []
    if wanted:
        found = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            check=False,
        ).stdout.splitlines()
        missing = [name for name in wanted if "%s installed" % name not in found]
    if purpose == "test":
        missing += [package for program, package in TEST_TOOLS.items() if not shutil.which(program)]
        if not any(shutil.which(name) for name in BROWSERS):
            missing.append("chromium-browser" if "ubuntu" in os_release() else "chromium")
    if not (VENV / "bin" / "python").exists() and not has_ensurepip():
        missing.append("python%d.%d-venv" % sys.version_info[:2])
    return missing


def os_release() -> str:
    path = Path("/etc/os-release")
    return path.read_text() if path.exists() else ""


def has_ensurepip() -> bool:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return False
    return True


def system_packages(purpose: str) -> None:
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        other_system(purpose)
        return
    missing = missing_packages(purpose)
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() == 0:
        prefix: list[str] = []
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        prefix = ["sudo", "-n"]
    else:
        raise Problem(
            "Some system packages are missing (%s). Install them, then try again:\n"
            "    sudo apt-get update && sudo apt-get install --no-install-recommends %s" % (PURPOSE, " ".join(missing))
        )
    started = time.monotonic()
    say("Installing system packages (%s): %s" % (PURPOSE, ", ".join(missing)))
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    try:
        run([*prefix, "apt-get", "update"], "apt.log", "", env=quiet)
    except Problem:
        pass  # one unreachable source is no reason to stop: the index that is there may do
    run(
        [*prefix, *install],
        "apt.log",
        "The system packages could not be installed. Is there a network? You can also try yourself: sudo %s."
        % " ".join(install),
        env=quiet,
    )
    say("  done in %.0f s" % (time.monotonic() - started))


def other_system(purpose: str) -> None:
    """Not Debian: look for the libraries themselves and name what is missing."""
    if purpose == "check":
        return
    names = ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset")
    absent = [name for name in names if not ctypes.util.find_library(name)]
    if purpose == "test":
        absent += [program for program in TEST_TOOLS if not shutil.which(program)]
        if not any(shutil.which(name) for name in BROWSERS):
            absent.append("chromium")
    if absent:
        raise Problem(
            "Missing on this machine: %s. Kibali installs them itself on Debian and Ubuntu only; "
            "please install them with your package manager, the Noto fonts too, then try again." % ", ".join(absent)
        )


def stamp_of(lock: str) -> str:
    """What the environment was made from: the lock, the Python, and where it stands."""
    digest = hashlib.sha256((ROOT / lock).read_bytes())
    digest.update(("%s %s" % (sys.version, VENV)).encode())
    return digest.hexdigest()


def stamp_path(lock: str) -> Path:
    return VENV / ("." + lock + ".installed")


def installed(lock: str) -> bool:
    path = stamp_path(lock)
    return path.exists() and path.read_text() == stamp_of(lock)


def works(python: Path) -> bool:
    if not python.exists():
        return False
    program = "import sys; sys.exit(sys.version_info[:2] != (%d, %d))" % sys.version_info[:2]
    return subprocess.run([str(python), "-c", program], stderr=subprocess.DEVNULL).returncode == 0


def python_packages(purpose: str) -> None:
    lock = LOCKS[purpose]
    if works(VENV / "bin" / "python"):
        # The packages for tests include those for running, at the same versions.
        if installed(lock) or (purpose == "run" and installed(LOCKS["test"])):
            return
    else:
        shutil.rmtree(VENV, ignore_errors=True)
        say("Making a virtual environment in .venv")
        run(
            [sys.executable, "-m", "venv", str(VENV)],
            "venv.log",
            "The virtual environment could not be made. Is there space on the disk?",
        )
    started = time.monotonic()
    count = sum("==" in line for line in (ROOT / lock).read_text().splitlines() if not line.startswith((" ", "#")))
    say("Installing %d Python packages from %s (once; a few minutes on a slow line)" % (count, lock))
    for stamp in LOCKS.values():  # from here on, and if it stops halfway, neither list is what is installed
        stamp_path(stamp).unlink(missing_ok=True)
    run(
        # The lock is complete, so pip resolves nothing; every file is checked against its hash.
        [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        + ["--require-hashes", "--no-deps", "--requirement", lock],
        "pip.log",
        "The Python packages could not be installed. Is there a network, and space on the disk?",
    )
    stamp_path(lock).write_text(stamp_of(lock))
    say("  done in %.0f s" % (time.monotonic() - started))


def main(arguments: list[str]) -> int:
    purpose = arguments[0] if arguments else "run"
    if purpose not in LOCKS:
        print("Say what for: run, check or test.", file=sys.stderr)
        return 2
    try:
        newer_python()
        (ROOT / ".local").mkdir(exist_ok=True)
        with (ROOT / ".local" / "bootstrap.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second waits, then finds all done
            system_packages(purpose)
            python_packages(purpose)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print("%s: %s" % (error.strerror or error, error.filename or ROOT), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. What was begun is finished the next time.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
