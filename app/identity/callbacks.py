"""Addresses nobody can guess, for those who call us and sign nothing. They follow from the portal's secret."""

import hmac

from app.identity import keys


def path(kind: str, provider: str) -> str:
    return f"/callbacks/{kind}/{provider}/{_secret(kind, provider)}"


def known(kind: str, provider: str, secret: str) -> bool:
    return hmac.compare_digest(_secret(kind, provider).encode(), secret.encode())


def _secret(kind: str, provider: str) -> str:
    return keys.keyed_digest("callback", f"{kind} {provider}")[:40]
