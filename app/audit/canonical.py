"""One way to write a JSON value as bytes: RFC 8785 (JCS), without fractions.

A log that is checked in ten years by a program in another language must not depend on how a library prints floats.
They are refused; amounts and quantities are strings in the portal anyway. What remains is text, integers that every
JSON reader can hold exactly, true, false, null, arrays and objects.
"""

from json.encoder import encode_basestring

LARGEST = 2**53 - 1  # RFC 8785 §3.2.2.3 and RFC 7493 §2.2: beyond it readers differ


class NotCanonical(ValueError):
    """The value cannot be written so that everybody reads and writes the same."""


def encode(value: object) -> bytes:
    """``value`` as RFC 8785 says. Raises NotCanonical for floats, larger integers and anything that is not JSON."""
    try:
        return _text(value).encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise NotCanonical("text with half a character in it") from error


def _text(value: object) -> str:
    match value:
        case str():
            return encode_basestring(value)
        case None:
            return "null"
        case True:
            return "true"
        case False:
            return "false"
        case int():
            if not -LARGEST <= value <= LARGEST:
                raise NotCanonical(f"{value} is beyond the integers every JSON reader holds exactly")
            return int.__repr__(value)
        case dict():
            return "{" + ",".join(f"{encode_basestring(key)}:{_text(value[key])}" for key in _ordered(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_text, value)) + "]"
        case _:
            raise NotCanonical(f"{type(value).__name__} has no canonical form")


def _ordered(members: dict[str, object]) -> list[str]:
    """By UTF-16 code units (RFC 8785 §3.2.3), which differs from code points beyond the first plane only."""
    if not all(isinstance(name, str) for name in members):
        raise NotCanonical("the members' names are not all text")
    return sorted(members, key=lambda name: name if name.isascii() else _units(name))


def _units(name: str) -> str:
    """Text whose order by code points is the order of ``name`` by code units."""
    raw = name.encode("utf-16-be", "surrogatepass")
    return "".join(chr(raw[at] << 8 | raw[at + 1]) for at in range(0, len(raw), 2))


__all__ = ["LARGEST", "NotCanonical", "encode"]
