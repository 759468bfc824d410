"""Samples: the same again from the same seed, each method by its own promise, and drawn again without the portal."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases import bundle_samples, measures, sampling
from app.cases.sampling import Chance, Item, allocate, draw

KNOWN = {
    "simple": ("C-11", "C-18", "C-19", "C-7"),
    "stratified": ("C-16", "C-18", "C-19", "C-9"),
    "monetary": ("C-13", "C-16", "C-19", "C-8"),
}


def population(count: int, *, strata: int = 1, seed: int = 1) -> list[Item]:
    chance = random.Random(seed)
    return [
        Item(f"EL-2026-{number:05}-X", f"s{number % strata}", chance.choice([0, 100, 2_500, 90_000]))
        for number in range(count)
    ]


def test_the_stream_is_the_one_that_is_documented() -> None:
    block = hashlib.sha256(b"kibali-sample/1\0seed\0simple\0" + (0).to_bytes(8, "big")).digest()
    assert Chance("seed", "simple").below(1000) == int.from_bytes(block, "big") % 1000


def test_a_sample_of_a_known_seed_never_changes() -> None:
    """The figures were worked out once: whoever changes the method breaks every sample drawn before."""
    items = [Item(f"C-{number}", "ab"[number % 2], number) for number in range(20)]
    found = {method: draw(items, method=method, size=4, seed="kibali").drawn for method in sampling.METHODS}
    assert found == KNOWN


@pytest.mark.parametrize("method", sampling.METHODS)
def test_the_same_population_and_seed_give_the_same_sample_in_whatever_order_it_came(method: str) -> None:
    items = population(500, strata=7)
    mixed = random.Random(2).sample(items, len(items))
    first = draw(items, method=method, size=40, seed="a1")
    assert draw(mixed, method=method, size=40, seed="a1") == first
    assert draw(items, method=method, size=40, seed="a2").drawn != first.drawn
    listing = "".join(f"{item.reference}\n" for item in items).encode()
    assert first.population_sha256 == hashlib.sha256(listing).hexdigest()


@given(count=st.integers(1, 80), size=st.integers(1, 100), seed=st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_simple_sample_has_the_size_asked_without_repeating(count: int, size: int, seed: str) -> None:
    items = population(count)
    drawn = draw(items, method="simple", size=size, seed=seed).drawn
    assert len(drawn) == len(set(drawn)) == min(size, count)
    assert set(drawn) <= {item.reference for item in items}


def test_every_item_has_its_chance() -> None:
    """2,000 samples of 5 out of 20: each item is expected 500 times; 5 standard deviations are 97."""
    items = population(20)
    seen = dict.fromkeys((item.reference for item in items), 0)
    for seed in range(2000):
        for reference in draw(items, method="simple", size=5, seed=str(seed)).drawn:
            seen[reference] += 1
    assert all(400 < times < 600 for times in seen.values()), seen


@given(
    sizes=st.dictionaries(st.text(max_size=3), st.integers(1, 500), min_size=1, max_size=12),
    wanted=st.integers(1, 900),
)
@settings(max_examples=200, deadline=None)
def test_places_are_dealt_by_share(sizes: dict[str, int], wanted: int) -> None:
    places, total = allocate(sizes, wanted), sum(sizes.values())
    assert sum(places.values()) == min(wanted, total)
    assert all(0 <= places[name] <= size for name, size in sizes.items())
    if wanted >= len(sizes):
        assert all(places.values())
    if wanted < total and all(size * wanted >= total for size in sizes.values()):
        assert all(abs(places[name] - size * wanted / total) < 1 for name, size in sizes.items())


def test_a_stratified_sample_keeps_the_proportions_and_leaves_no_stratum_out() -> None:
    items = [Item(f"R-{n}", "red" if n < 20 else "yellow" if n < 200 else "green") for n in range(1000)]
    sample = draw(items, method="stratified", size=50, seed="x")
    assert {each.name: (each.population, each.drawn) for each in sample.strata} == {
        "red": (20, 1), "yellow": (180, 9), "green": (800, 40),
    }  # fmt: skip
    tiny = draw([*items, Item("Z", "blue")], method="stratified", size=50, seed="x")
    assert {each.name: each.drawn for each in tiny.strata}["blue"] == 1
    assert len(tiny.drawn) == 50


@given(
    amounts=st.lists(st.integers(0, 10**9), min_size=1, max_size=60).filter(any),
    size=st.integers(1, 40),
    seed=st.text(max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_money_hits_every_item_above_the_interval_and_nothing_without_an_amount(
    amounts: list[int], size: int, seed: str
) -> None:
    items = [Item(f"R-{number:03}", amount=amount) for number, amount in enumerate(amounts)]
    sample = draw(items, method="monetary", size=size, seed=seed)
    assert sum(sample.hits.values()) == size
    for item in items:
        hits = sample.hits.get(item.reference, 0)
        share = item.amount * size / sum(amounts)
        assert abs(hits - share) < 1 + 1e-6
        assert hits or item.amount * size < sum(amounts) + size
    assert sample.without_amount == amounts.count(0)


def test_chance_follows_the_money() -> None:
    items = [Item("small", amount=1), Item("large", amount=3)]
    drawn = [draw(items, method="monetary", size=1, seed=str(seed)).drawn[0] for seed in range(2000)]
    assert 1400 < drawn.count("large") < 1600


def test_nothing_to_draw_is_said() -> None:
    for items, method in (([], "simple"), (population(3), "guess"), ([Item("a"), Item("a")], "simple")):
        with pytest.raises(ValueError, match=r"nothing|no such|twice"):
            draw(items, method=method, size=1, seed="")
    with pytest.raises(ValueError, match="amount"):
        draw([Item("a")], method="monetary", size=1, seed="")


@pytest.mark.parametrize("method", sampling.METHODS)
def test_the_file_in_the_bundle_draws_the_sample_again_and_notices_another(method: str, tmp_path: Path) -> None:
    items = population(300, strata=4)
    sample = draw(items, method=method, size=25, seed="0f")
    (tmp_path / "sample.py").write_bytes(Path(sampling.__file__).read_bytes())
    (tmp_path / "population.csv").write_bytes(bundle_samples._file(items))
    (tmp_path / "sample.json").write_text(json.dumps(sampling.document(sample) | {"by": "lane"}))

    def again() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "sample.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert again().returncode == 0, again().stderr
    dropped = [item for item in items if item.reference != sample.drawn[0]]
    (tmp_path / "population.csv").write_bytes(bundle_samples._file(dropped))
    assert (again().returncode, "NOT the same" in again().stdout) == (1, True)


@pytest.mark.parametrize(("minor", "band"), [(0, "0"), (9, "1-9"), (1000, "1000-9999"), (99_999, "10000-99999")])
def test_fee_bands_are_powers_of_ten(minor: int, band: str) -> None:
    assert measures.band(minor) == band
