"""Key cursors in addresses: the last row of a page as ``<microseconds>-<id>``. A spoilt one means the first page."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[datetime, int]


def cursor(key: Key | None) -> str | None:
    if key is None:
        return None
    return f"{(key[0] - _EPOCH) // timedelta(microseconds=1)}-{key[1]}"


def read_cursor(text: str | None) -> Key | None:
    moment, _dash, number = (text or "").partition("-")
    if not (moment.isdigit() and number.isdigit()) or len(moment) > 17 or len(number) > 18:
        return None
    return _EPOCH + timedelta(microseconds=int(moment)), int(number)
