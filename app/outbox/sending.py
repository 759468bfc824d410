"""One HTTP request to an address a stranger gave us, which must not reach anything inside our own network.

The name is resolved once, every address it has must be public, and the connection goes to the very address that was
checked, so a name that changes its answer in between (DNS rebinding) gains nothing. Redirects are not followed and no
proxy of the environment is used. The answer's body is neither kept nor shown.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import SplitResult, urlsplit

from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l

TIMEOUT = 15.0
"""Seconds for everything after the name is resolved, a dripping answer included."""

# Addresses inside a network that Python's own list takes for public ones: IETF protocol assignments, and the
# site-local addresses of IPv6, which some networks still use (RFC 3879).
_NEVER = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("fec0::/10"))

_private_hosts = False


def configure(*, private_hosts: bool) -> None:
    """Whether private addresses and plain http are allowed: for the demo's marketplace and tests only."""
    global _private_hosts
    _private_hosts = private_hosts


class Refused(Exception):
    """The address may not be called."""


@dataclass(frozen=True)
class Answer:
    """``status`` is None when there was no answer; then ``error`` says why. ``retry_after`` is in seconds."""

    status: int | None
    error: str = ""
    retry_after: int | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str) -> str:
    """``url``, when it may be an endpoint; raises Invalid. The addresses it has are checked at every delivery."""
    try:
        _parts(url)
    except Refused as error:
        if _private_hosts:
            message = _l("Give a full web address that starts with http:// or https://, without a user name or a #.")
        else:
            message = _l("Give a full public web address that starts with https://, without a user name or a #.")
        raise Invalid(Problem(message, "url", "invalid_url")) from error
    return url


def post(url: str, content: bytes, headers: Mapping[str, str], *, timeout: float | None = None) -> Answer:
    """Send; never raises for what the other side does."""
    limit = TIMEOUT if timeout is None else timeout
    try:
        parts = _parts(url)
        address = _resolve(parts)
        return _exchange(parts, address, content, headers, limit)
    except Refused as error:
        return Answer(None, f"refused: {error}")
    except TimeoutError:
        return Answer(None, "timeout")
    except ssl.SSLError as error:
        return Answer(None, f"tls: {error.reason or 'failed'}")
    except OSError as error:
        return Answer(None, f"connection: {error.strerror or type(error).__name__}")
    except (http.client.HTTPException, ValueError) as error:
        return Answer(None, f"answer: {type(error).__name__}")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("not a web address") from error
    if any(character.isspace() or not character.isprintable() for character in url) or not url.isascii():
        raise Refused("not a web address")
    if parts.scheme not in ({"http", "https"} if _private_hosts else {"https"}):
        raise Refused("not https")
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise Refused("not a plain web address")
    if not _private_hosts and _is_private_literal(parts.hostname):
        raise Refused("not a public address")
    return parts


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def is_public(address: str) -> bool:
    """Whether ``address`` is one the whole internet can reach, also when it hides an IPv4 one. Raises ValueError."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            hidden = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(str(hidden))
    if any(ip in network for network in _NEVER if network.version == ip.version):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _resolve(parts: SplitResult) -> str:
    """The address to connect to. One that is not public among several refuses them all."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Refused("the name cannot be resolved") from error
    addresses = [str(row[4][0]) for row in found]
    if not addresses:
        raise Refused("the name cannot be resolved")
    if not _private_hosts and not all(is_public(address) for address in addresses):
        raise Refused("not a public address")
    return addresses[0]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _exchange(parts: SplitResult, address: str, content: bytes, headers: Mapping[str, str], limit: float) -> Answer:
    connected = socket.create_connection((address, _port(parts)), timeout=limit)
    timed_out = threading.Event()
    connection = http.client.HTTPConnection(parts.hostname or "", _port(parts), timeout=limit)

    def give_up() -> None:
        timed_out.set()
        with suppress(OSError):  # it may end by itself at the same moment
            (connection.sock or connected).shutdown(socket.SHUT_RDWR)

    # A socket's own limit starts again with every byte; this one does not.
    timer = threading.Timer(limit, give_up)
    timer.daemon = True
    timer.start()
    try:
        if parts.scheme == "https":
            # The handshake apart, so that giving up reaches a socket that exists.
            connected = secured = _tls().wrap_socket(
                connected, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
            secured.do_handshake()
        connection.sock = connected
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=content, headers={**headers, "host": parts.netloc})
        response = connection.getresponse()
        if timed_out.is_set():  # cut off in the middle of its headers
            raise TimeoutError
        return Answer(response.status, "", _retry_after(response.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException):
        if timed_out.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        connection.close()
        connected.close()


def _retry_after(value: str | None) -> int | None:
    """Seconds, from either form of the header (RFC 9110 §10.2.3); None when it is missing or unreadable."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return int(value.strip()[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int((moment - clock.now()).total_seconds()))


__all__ = ["TIMEOUT", "Answer", "Refused", "check_url", "configure", "is_public", "post"]
