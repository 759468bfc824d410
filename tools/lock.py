"""``make lock``: requirements.txt and requirements-dev.txt, complete and with hashes, from the two short lists."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def compile_lock(source: str, target: str, *options: str) -> int:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("Making the lock needs uv: .venv/bin/python -m pip install uv", file=sys.stderr)
        return 1
    command = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--universal", "--python-version", "3.11"]
    command += ["--no-header", "--overrides", "requirements-overrides.txt", *options, source, "--output-file", target]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    # The second is held to the first, so that what is tested is what runs.
    return compile_lock("requirements-dev.in", "requirements-dev.txt") or compile_lock(
        "requirements.in", "requirements.txt", "--constraint", "requirements-dev.txt"
    )


if __name__ == "__main__":
    raise SystemExit(main())
