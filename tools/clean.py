"""``make clean``: stop the private PostgreSQL servers, remove the demo's database, files and logs, and every cache."""

import shutil
from pathlib import Path

from tools.postgres import PostgresError, Server

ROOT = Path(__file__).resolve().parent.parent
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "test-results")


def main() -> int:
    for name in ("postgres", "postgres-test"):
        folder = ROOT / ".local" / name
        if folder.exists():
            try:
                server = Server(folder)
            except PostgresError:
                continue  # no binaries: then nothing of it runs
            server.remove()
    for gone in (".local", *CACHES):
        shutil.rmtree(ROOT / gone, ignore_errors=True)
    for package in ("app", "forms", "tests", "tools", "migrations", "examples"):
        for cache in (ROOT / package).rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
