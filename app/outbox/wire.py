"""The bytes and headers of a webhook: Standard Webhooks 1.0."""

import base64
import json
import secrets
from datetime import UTC, datetime

from standardwebhooks import Webhook

from app.outbox.models import Event

LARGEST_BODY = 20_000
"""Bytes; Standard Webhooks 1.0 asks for payloads under 20 KB."""


def new_secret() -> str:
    """32 random bytes in the form receivers' libraries expect (``whsec_…``)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def body(event: Event) -> bytes:
    """The exact bytes that are signed and sent, the same in every attempt."""
    told = {"type": event.type, "timestamp": event.created_at.astimezone(UTC).isoformat(), "data": event.data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def signed_headers(secret: str, uid: str, at: datetime, content: bytes) -> dict[str, str]:
    """``uid`` stays the same across attempts; ``at`` is the moment of this one."""
    return {
        "content-type": "application/json",
        "user-agent": "Kibali-Webhooks/1.0",
        "webhook-id": uid,
        "webhook-timestamp": str(int(at.timestamp())),
        # The library takes the time for UTC whatever its zone says.
        "webhook-signature": Webhook(secret).sign(uid, at.astimezone(UTC), content.decode()),
    }
