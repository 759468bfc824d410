"""``KIBALI_SMS_URL``: which provider, at which host, with which credentials and sender's name."""

from urllib.parse import parse_qs, unquote, urlsplit

from app.identity import callbacks
from app.notifications.sms import Provider
from app.notifications.sms.africas_talking import AfricasTalking
from app.notifications.sms.infobip import Infobip

SCHEMES = (AfricasTalking.code, Infobip.code)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingUnusable(Exception):
    """Its sentence names the setting and says what to do, without showing the credentials in it."""


def provider(url: str, *, base_url: str) -> Provider | None:
    """The provider of an address such as ``africastalking://user:key@host?from=NAME``; None for an empty one.

    Delivery reports are wanted below ``base_url``. Raises SettingUnusable.
    """
    if not url:
        return None
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme not in SCHEMES or not host or not parts.password:
        raise SettingUnusable(
            "KIBALI_SMS_URL is not an address of a provider of texts. Write it like this: "
            "africastalking://user:key@api.africastalking.com?from=NAME or infobip://:key@host?from=NAME"
        )
    base = f"{'http' if host in _LOOPBACK else 'https'}://{f'[{host}]' if ':' in host else host}"
    base += f":{port}" if port else ""
    key, sender = unquote(parts.password), (parse_qs(parts.query).get("from") or [""])[0]
    if parts.scheme == Infobip.code:
        return Infobip(url=base, key=key, sender=sender, reports=base_url + callbacks.path("sms", Infobip.code))
    username = unquote(parts.username or "")
    if not username:
        raise SettingUnusable("KIBALI_SMS_URL has no user name before the key.")
    return AfricasTalking(url=base, username=username, key=key, sender=sender)
