"""``python -m tools.run_tests [pytest's arguments]``: the tests, on a private PostgreSQL that ends with them."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tools.postgres import PostgresError, Server

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    with contextlib.ExitStack() as stack:
        if not os.environ.get("KIBALI_TEST_DATABASE_URL"):
            try:
                stack.enter_context(Server(ROOT / ".local" / "postgres-test", fast=True).in_use())
            except PostgresError as error:
                print(error, file=sys.stderr)
                return 1
        tests = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=ROOT)
        while True:
            try:
                return tests.wait()
            except KeyboardInterrupt:
                continue  # pytest was interrupted too: it cleans up, then ends


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
