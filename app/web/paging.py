"""Keys in addresses: a row's id, and the last row of a page as ``<microseconds>-<id>``. A spoilt one means the first
page."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 18  # digits: every number of so many is one the database's ids can be

Key = tuple[datetime, int]


def cursor(key: Key | None) -> str | None:
    if key is None:
        return None
    return f"{(key[0] - _EPOCH) // timedelta(microseconds=1)}-{key[1]}"


def read_cursor(text: str | None) -> Key | None:
    moment, _dash, number = (text or "").partition("-")
    microseconds, row = read_id(moment), read_id(number)
    if microseconds is None or row is None or len(moment) >= _LONGEST:
        return None
    return _EPOCH + timedelta(microseconds=microseconds), row


def read_id(text: str | None) -> int | None:
    """The number typed or carried in an address; None for what no row's id could be."""
    if not text or len(text) > _LONGEST or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
