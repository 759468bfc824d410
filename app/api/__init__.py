"""The kit for the trade-platform API, and the operations every platform needs. Others add theirs with ``api.kit``."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response

PREFIXES = ("/api", "/oauth")

Delegate = Callable[[str, Callable[[Exception], "Response"]], None]


def install(app: "Flask", delegate: Delegate | None = None) -> None:
    """``delegate(prefix, answer)`` is how the pages leave the errors under a path to us."""
    from app.api import problems

    for prefix in PREFIXES:
        if delegate is not None:
            delegate(prefix, problems.answer)
