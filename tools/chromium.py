"""The system's Chromium, as the browser tests and the README's pictures start it: it talks to nobody by itself."""

import shutil

from tools.bootstrap import BROWSERS

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)
