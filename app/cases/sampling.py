"""Drawing a sample that anyone can draw again. Only the standard library: the file goes into the bundle as sample.py.

There, beside ``sample.json`` and ``population.csv``, ``python3 sample.py`` draws it once more and says whether it is
the same.

Chance comes from SHA-256 in counter mode. Block ``i`` of a stream is SHA-256 of "kibali-sample/1", the seed and the
name of the stream (UTF-8), each followed by a zero byte, and ``i`` as eight bytes, the highest first. A number below
``m`` is the first block, read as a 256-bit number, that is below the largest multiple of ``m``, modulo ``m``.

The population is in the order of its references, byte by byte; its hash is SHA-256 of all of them, each followed by a
line feed. Then, for a sample of ``n`` out of ``N``:

simple      n steps of Fisher and Yates' shuffle from the front: step k swaps item k with item k + below(N - k); the
            first n are drawn. The stream is "simple".
stratified  the places are dealt to the strata by their share, the largest remainder first (of equal ones, the name
            that sorts first); while one has none and n allows it, it takes one of the stratum with the most. Within a
            stratum as above, with the stream "stratum:" and its name.
monetary    each unit of money has the same chance: of a total T, and s = below(T) of the stream "monetary", the units
            (s + k·T) // n for k = 0 … n - 1 are hit. An item as large as the interval T / n is always hit; one hit
            more than once is drawn once. Items of no amount cannot be hit.
"""

import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = "kibali-sample/1"
METHODS = ("simple", "stratified", "monetary")
COLUMNS = ("reference", "stratum", "amount")


@dataclass(frozen=True)
class Item:
    """``amount``: in the smallest unit of the national currency."""

    reference: str
    stratum: str = ""
    amount: int = 0


@dataclass(frozen=True)
class Stratum:
    name: str
    population: int
    drawn: int


@dataclass(frozen=True)
class Sample:
    """``drawn`` is in the order of the population. ``hits``: of a monetary sample, how often each was hit."""

    method: str
    seed: str
    size: int
    population: int
    population_sha256: str
    drawn: tuple[str, ...]
    strata: tuple[Stratum, ...] = ()
    total: int = 0
    without_amount: int = 0
    hits: dict[str, int] = field(default_factory=dict)


class Chance:
    """A stream of numbers that the seed and the stream's name fix."""

    def __init__(self, seed: str, stream: str) -> None:
        self._start = b"".join(part.encode() + b"\0" for part in (FORMAT, seed, stream))
        self._block = 0

    def below(self, limit: int) -> int:
        """From 0 up to and without ``limit``, each as likely."""
        most = (1 << 256) // limit * limit
        while True:
            digest = hashlib.sha256(self._start + self._block.to_bytes(8, "big")).digest()
            self._block += 1
            number = int.from_bytes(digest, "big")
            if number < most:
                return number % limit


def ordered(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.reference.encode())


def population_sha256(items: Iterable[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.reference.encode() + b"\n")
    return digest.hexdigest()


def draw(items: Iterable[Item], *, method: str, size: int, seed: str) -> Sample:
    """The sample; of a population smaller than ``size``, all of it. Raises ValueError when there is nothing to draw."""
    population = ordered(items)
    if method not in METHODS:
        raise ValueError(f"no such method: {method}")
    if not population or size < 1:
        raise ValueError("nothing to draw from")
    if len({item.reference for item in population}) != len(population):
        raise ValueError("a reference stands twice in the population")
    sha256 = population_sha256(population)
    if method == "monetary":
        return _monetary(population, size, seed, sha256)
    strata: tuple[Stratum, ...] = ()
    if method == "stratified":
        groups: dict[str, list[Item]] = {}
        for item in population:
            groups.setdefault(item.stratum, []).append(item)
        places = allocate({name: len(group) for name, group in groups.items()}, size)
        chosen = [
            item
            for name, group in groups.items()
            for item in _simple(group, places[name], Chance(seed, f"stratum:{name}"))
        ]
        strata = tuple(Stratum(name, len(groups[name]), places[name]) for name in sorted(groups))
    else:
        chosen = _simple(population, size, Chance(seed, "simple"))
    drawn = tuple(item.reference for item in ordered(chosen))
    return Sample(method, seed, size, len(population), sha256, drawn, strata)


def _simple(items: Sequence[Item], size: int, chance: Chance) -> list[Item]:
    left = list(items)
    size = min(size, len(left))
    for place in range(size):
        other = place + chance.below(len(left) - place)
        left[place], left[other] = left[other], left[place]
    return left[:size]


def allocate(sizes: dict[str, int], wanted: int) -> dict[str, int]:
    """How many of each stratum; together ``wanted``, or everything there is."""
    total = sum(sizes.values())
    if wanted >= total:
        return dict(sizes)
    places = {name: size * wanted // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(sizes[name] * wanted % total), name))
    for name in by_remainder[: wanted - sum(places.values())]:
        places[name] += 1
    if wanted >= len(sizes):
        for name in sorted(name for name, count in places.items() if not count):
            places[min(places, key=lambda other: (-places[other], other))] -= 1
            places[name] = 1
    return places


def _monetary(population: list[Item], size: int, seed: str, sha256: str) -> Sample:
    total = sum(max(0, item.amount) for item in population)
    if not total:
        raise ValueError("no item has an amount")
    start = Chance(seed, "monetary").below(total)
    hits: dict[str, int] = {}
    passed, number = 0, 0
    for item in population:
        passed += max(0, item.amount)
        while number < size and (start + number * total) // size < passed:
            hits[item.reference] = hits.get(item.reference, 0) + 1
            number += 1
    without = sum(item.amount <= 0 for item in population)
    return Sample(
        "monetary", seed, size, len(population), sha256, tuple(hits), total=total, without_amount=without, hits=hits
    )


def document(sample: Sample) -> dict[str, object]:
    """``sample.json``."""
    return {"format": FORMAT, **asdict(sample)}


def written(items: Iterable[Item]) -> list[tuple[str, str, str]]:
    """The lines of ``population.csv`` after its head."""
    return [(item.reference, item.stratum, str(item.amount)) for item in ordered(items)]


def main(folder: Path) -> int:
    kept = json.loads((folder / "sample.json").read_text("utf-8"))
    with (folder / "population.csv").open(encoding="utf-8", newline="") as file:
        items = [Item(row["reference"], row["stratum"], int(row["amount"])) for row in csv.DictReader(file)]
    again = json.loads(json.dumps(document(draw(items, method=kept["method"], size=kept["size"], seed=kept["seed"]))))
    wrong = sorted(name for name, value in again.items() if kept.get(name) != value)
    if wrong:
        print(f"NOT the same sample: {', '.join(wrong)} differ.")
        return 1
    print(f"The same {len(again['drawn'])} of {again['population']} are drawn again from seed {again['seed']}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)))
