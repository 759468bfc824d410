"""What fits into a text: the 7-bit alphabet of GSM 03.38 (3GPP TS 23.038 §6.2.1) where possible, UCS-2 otherwise.

One sign outside the alphabet halves what fits, so signs that only look different are written with those that are
in it: curly quotes, dashes, unusual spaces, and the accents it does not know. é è à ù ì ò are in it, ç ê î ô are not
(of the cedilla it has the capital alone), and French without them is read all the same.
"""

import unicodedata
from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # each is sent as two: the escape and a sign of the second table
_LOOKS_LIKE = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‹": "'", "›": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "–": "-", "—": "-", "‑": "-", "−": "-", "•": "-", "…": "...", "×": "x", "œ": "oe", "Œ": "OE", "ı": "i",
        "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\u200b": "", "\u00ad": "", "№": "No", "°": "o",
    }
)  # fmt: skip
SINGLE, PART = 160, 153  # in septets: alone, and as a part of a longer one
WIDE_SINGLE, WIDE_PART = 70, 67  # in UTF-16 units


@dataclass(frozen=True)
class Fitted:
    """``text`` as it is handed over; ``wide`` in UCS-2; ``segments`` is what the network counts and bills."""

    text: str
    wide: bool
    segments: int


def fit(text: str) -> Fitted:
    plain = "".join(_nearest(sign) for sign in text.translate(_LOOKS_LIKE))
    if all(sign in _BASIC or sign in _EXTENDED for sign in plain):
        return Fitted(plain, False, _parts(septets(plain), SINGLE, PART))
    # Nothing is gained by changing some signs when others force UCS-2 anyway.
    return Fitted(text, True, _parts(len(text.encode("utf-16-be")) // 2, WIDE_SINGLE, WIDE_PART))


def septets(text: str) -> int:
    return len(text) + sum(sign in _EXTENDED for sign in text)


def _nearest(sign: str) -> str:
    if sign in _BASIC or sign in _EXTENDED:
        return sign
    bare = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    return bare if bare and all(part in _BASIC for part in bare) else sign


def _parts(length: int, single: int, part: int) -> int:
    return 1 if length <= single else -(-length // part)
