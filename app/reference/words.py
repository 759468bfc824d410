"""A small word index: which entries a few typed words mean, best first. In memory, a few milliseconds a question."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_ENGLISH = "a an and or of the in on for to with by other than from its whether"
_FRENCH = "à au aux avec de des du en et la le les ou par pour sur un une autre autres que dans d l"
_DENYING = frozenset(["not", "non", "neither", "nor", "pas", "ni", "without", "sans", "excluding", "except", "sauf"])
_DENYING_PAIRS = frozenset({("other", "than"), ("autre", "que"), ("autres", "que")})
_DENIED = "-"  # before a word that was denied: "not roasted" is another word than "roasted"
_SILENT = frozenset(f"{_ENGLISH} {_FRENCH}".split())  # with their marks: "thé" is not "the"
_MISSPELT = 80  # similarity, of 100, from which an unknown word is taken for a known one


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.replace("œ", "oe"))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain


def fold(text: str) -> list[str]:
    """The words of a text without case, marks and plural s; words that mean nothing are left out.

    A denied word is kept apart from the word itself ("not roasted or decaffeinated": ``-roasted``, ``-decaffeinated``);
    "whether or not roasted" denies nothing.
    """
    folded: list[str] = []
    denying, previous = False, ""
    for word in _WORD.findall(unicodedata.normalize("NFC", text).casefold()):
        if word in _DENYING or (previous, word) in _DENYING_PAIRS:
            denying = previous != "or"
        elif word not in _SILENT:
            folded.append(f"{_DENIED if denying else ''}{_plain(word)}")
            denying = False
        elif word in {"or", "ou"} and folded and not denying:
            denying = folded[-1].startswith(_DENIED)
        previous = word
    return folded


class WordIndex:
    """Entries are numbers (positions in the caller's list); each of their words has a weight."""

    def __init__(self) -> None:
        self._weights: dict[str, dict[int, int]] = defaultdict(dict)
        self._words: list[str] | None = None

    def add(self, entry: int, text: str, weight: int) -> None:
        for word in fold(text):
            held = self._weights[word]
            held[entry] = max(weight, held.get(entry, 0))
        self._words = None

    def search(self, text: str) -> dict[int, int]:
        """Score by entry: entries that have all the words, or the most of them when none has all."""
        asked = fold(text)
        totals: dict[int, int] = defaultdict(int)
        hits: dict[int, int] = defaultdict(int)
        for word in asked:
            for entry, score in self._matches(word).items():
                totals[entry] += score
                hits[entry] += 1
        if not hits:
            return {}
        most = max(hits.values())
        return {entry: score for entry, score in totals.items() if hits[entry] == most}

    def _matches(self, word: str) -> dict[int, int]:
        """A whole word counts double what a beginning counts; an unknown word stands for its nearest.

        A short word that is known is meant whole: "tea" is not "teak".
        """
        best: dict[int, int] = {}
        short = len(word) < 4 and word in self._weights
        for known in [word] if short else self._starting_with(word) or self._near(word):
            factor = 2 if known == word else 1
            for entry, weight in self._weights[known].items():
                best[entry] = max(best.get(entry, 0), weight * factor)
        return best

    def _vocabulary(self) -> list[str]:
        if self._words is None:
            self._words = sorted(self._weights)
        return self._words

    def _starting_with(self, beginning: str) -> list[str]:
        words = self._vocabulary()
        first = bisect_left(words, beginning)
        last = bisect_left(words, beginning + "\uffff")
        return words[first:last] if len(beginning) > 1 else []

    def _near(self, word: str) -> Iterable[str]:
        if len(word) < 4:
            return ()
        from rapidfuzz import fuzz, process  # only for words nobody knows

        denied = word.startswith(_DENIED)
        vocabulary = [known for known in self._vocabulary() if known.startswith(_DENIED) is denied]
        found = process.extract(word, vocabulary, scorer=fuzz.ratio, score_cutoff=_MISSPELT, limit=3)
        return [known for known, _, _ in found]
