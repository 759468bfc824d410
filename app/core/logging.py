"""Logs: one JSON object a line in production, plain lines elsewhere; never a password, token, cookie or address.

``configure()`` once a process, then ``structlog.get_logger()`` anywhere. What the standard library's loggers say
(SQLAlchemy, the job queue, the server) goes the same way. ``bind_request()`` puts an id on every line of a request.
"""

import logging
import re
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|password|secret|token|cookie|authori[sz]ation|csrf|totp|one_time|recovery|otp|"
    r"api_?key|subscription_?key|private_?key|credential|msisdn|e?mail$",
    re.IGNORECASE,
)
_IN_TEXT = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), REDACTED),  # user:password@ of an address
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1 " + REDACTED),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), REDACTED),  # JSON web tokens
    (re.compile(r"\bwhsec_[\w+/=-]+"), REDACTED),
    (
        re.compile(
            r"((?:password|passwd|secret|token|cookie|csrf_token|api_key)[\"']?\s*[=:]\s*)[\"']?[^\s\"'&,;}]+[\"']?",
            re.IGNORECASE,
        ),
        r"\1" + REDACTED,
    ),
    (re.compile(r"(?<=DETAIL:)[^\n]*"), " " + REDACTED),  # PostgreSQL's: it may quote the whole row
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
)


def redact_text(text: str) -> str:
    """``text`` without credentials and e-mail addresses."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact(value: Any, *, key: str = "") -> Any:
    """``value`` with everything secret in it replaced, however deep; ``key`` is the name it goes by."""
    if key and _SECRET_KEY.search(key) and value not in (None, "", True, False):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {name: redact(item, key=str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in list(event):
        if not key.startswith("_"):  # structlog's own
            event[key] = redact(event[key], key=key)
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def configure(*, json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every log line of the process to ``stream`` (standard error by default)."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("weasyprint", "fontTools", "procrastinate", "alembic"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def bind_request(received: str | None = None, **values: Any) -> str:
    """Begin a request's (or job's) lines: its id is a proxy's if it looks like one, else new. Returns the id."""
    request_id = received if received and _REQUEST_ID.fullmatch(received) else secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id, **values)
    return request_id


def request_id() -> str:
    """The id of the request at work, or an empty string outside one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def unbind_request() -> None:
    structlog.contextvars.clear_contextvars()


__all__ = ["bind_request", "configure", "redact", "redact_text", "request_id", "unbind_request"]
