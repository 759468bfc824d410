"""``make check``: all that a machine can say about the code without running the portal. Every check runs."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lint", (PYTHON, "-m", "ruff", "check", "--quiet", ".")),
    ("formatting", (PYTHON, "-m", "ruff", "format", "--quiet", "--check", "--diff", ".")),
    ("types", (PYTHON, "-m", "mypy")),
    ("import directions", (str(Path(PYTHON).parent / "lint-imports"),)),
    ("jurisdiction packs", (PYTHON, "-m", "app.jurisdictions.load")),
    ("translations", (PYTHON, "-m", "tools.translations", "check")),
    ("locks of migrations", (PYTHON, "-m", "tools.migration_safety")),
    ("migrations", (PYTHON, "-m", "tools.run_tests", "-q", "tests/architecture/test_migrations.py")),
)


def main() -> int:
    failed = []
    for name, command in CHECKS:
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        word = "ok" if done.returncode == 0 else "FAILED"
        print(f"{name:<22} {word:<6} {time.monotonic() - started:5.1f} s", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout.rstrip() + "\n", flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
