"""A thousand ways to spoil a bundle, as someone would who also covers up the traces: all found, and where they are."""

import base64
import hashlib
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.audit import verifier
from tests.support.sound_bundle import EPOCH, Authorities, Log, Parts, jcs, make, moment

SEED = 20260301
ROUNDS = 40  # of each kind


@dataclass
class Spoilt:
    """``kind`` and ``where``: the first fault there has to be; ``covered``: the manifest was made anew."""

    parts: Parts
    kind: str
    where: dict[str, Any] = field(default_factory=dict)
    covered: bool = True
    kept: dict[str, Any] | None = None


Spoil = Callable[[Parts, random.Random], Spoilt]


@pytest.fixture(scope="module")
def sound() -> Parts:
    return make(Authorities(), entries=21, records=2, kept=13)


def _leaf_fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [each for name in value for each in _leaf_fields(value[name], (*path, name))]
    if isinstance(value, list):
        return [each for at in range(len(value)) for each in _leaf_fields(value[at], (*path, at))]
    return [path]


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return "x"
    return value + 1 if isinstance(value, int) else f"{value}!"


def edit(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    at = chance.randrange(len(rows))
    target = rows[at]["document"]
    *path, last = chance.choice(_leaf_fields(target))
    for name in path:
        target = target[name]
    target[last] = _other(target[last])
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": at})


def edit_person(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    at = chance.randrange(len(rows))
    part = chance.choice(["name", "ip", "salt", "gone", "added"])
    if part == "salt":
        rows[at]["salt"] = hashlib.sha256(rows[at]["salt"].encode()).hexdigest()
    elif part == "gone":
        del rows[at]["personal"]["ip"]
    else:
        rows[at]["personal"][part] = "Somebody Else"
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": at})


def delete(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    at = chance.randrange(len(rows))
    del rows[at]
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": at})


def delete_and_renumber(parts: Parts, chance: random.Random) -> Spoilt:
    """The rest moves up, with the proofs of the places they move to."""
    rows = parts.rows
    at = chance.randrange(len(rows) - 1)
    for row, after in zip(rows[at:], rows[at + 1 :], strict=False):
        row |= {name: after[name] for name in ("document", "personal", "salt")}
    parts.rows = rows[:-1]
    return Spoilt(parts, "entry", {"sequence": at})


def reorder(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    one, other = sorted(chance.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other], rows[one]
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": one})


def exchange(parts: Parts, chance: random.Random) -> Spoilt:
    """Two entries take each other's place and number."""
    rows = parts.rows
    one, other = sorted(chance.sample(range(len(rows)), 2))
    for name in ("document", "personal", "salt"):
        rows[one][name], rows[other][name] = rows[other][name], rows[one][name]
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": one})


def double(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    at = chance.randrange(len(rows))
    rows.insert(chance.randrange(at + 1, len(rows) + 1), rows[at])
    parts.rows = rows
    return Spoilt(parts, "entry", {"sequence": at})


def invent(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    row = json.loads(json.dumps(chance.choice(rows)))
    row["document"]["id"] = 9999
    row["sequence"] = len(rows)
    parts.rows = [*rows, row]
    return Spoilt(parts, "entry", {"sequence": len(rows)})


def truncate(parts: Parts, chance: random.Random) -> Spoilt:
    rows = parts.rows
    left = chance.randrange(len(rows))
    parts.rows = rows[:left]
    return Spoilt(parts, "entry", {"sequence": left})


def _begin(parts: Parts, log: Log) -> Parts:
    """Everything about the log is made anew, as if it had always been so."""
    log.prove()
    parts.rows = log.rows
    parts.files["log/head.json"] = jcs(log.head())
    parts.files.pop("log/consistency.json", None)
    return parts


def roll_back(parts: Parts, chance: random.Random) -> Spoilt:
    size = chance.randrange(1, 13)
    log = Log(size, parts.log.key)
    return Spoilt(_begin(parts, log), "head", {"sequence": size}, kept=parts.log.head(13))


def _rewritten(parts: Parts, chance: random.Random, *, key: bool) -> Log:
    log = Log(len(parts.log.rows) + chance.randrange(4), parts.log.key if key else None)
    document = log.rows[chance.randrange(13)]["document"]
    document["verb"] = "case.refused"
    return log


def rewrite_with_another_key(parts: Parts, chance: random.Random) -> Spoilt:
    kept, log = parts.log.head(13), _rewritten(parts, chance, key=False)
    more = jcs([{"id": log.key_id, "public": base64.b64encode(log.public).decode()}])
    both = chance.random() < 0.5
    parts.change("log/keys.json", lambda keys: keys.update(log=[*(keys["log"] if both else []), *json.loads(more)]))
    return Spoilt(_begin(parts, log), "head", kept=kept)


def rewrite_with_the_stolen_key(parts: Parts, chance: random.Random) -> Spoilt:
    kept = parts.log.head(13)
    return Spoilt(_begin(parts, _rewritten(parts, chance, key=True)), "head", {"before": 13}, kept=kept)


def rewrite_without_a_key(parts: Parts, chance: random.Random) -> Spoilt:
    """Tree and root are made anew, the signature cannot be."""
    signature = parts.document("log/head.json")["signature"]
    _begin(parts, _rewritten(parts, chance, key=True))
    parts.change("log/head.json", lambda head: head.update(signature=signature))
    return Spoilt(parts, "head")


def replace_head(parts: Parts, chance: random.Random) -> Spoilt:
    name, value = chance.choice(
        [("root", "00" * 32), ("size", 22), ("size", 20), ("at", moment(EPOCH)), ("log", "another"), ("key", "0" * 16)]
    )
    parts.change("log/head.json", lambda head: head.update({name: value}))
    return Spoilt(parts, "head")


def earlier_head(parts: Parts, chance: random.Random) -> Spoilt:
    """A genuine one, of a shorter log."""
    parts.files["log/head.json"] = jcs(parts.log.head(chance.randrange(1, 20)))
    return Spoilt(parts, "entry", {"sequence": 0})


def _cover(parts: Parts) -> None:
    def anew(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            content = parts.files.get(f"records/{row['code']}.pdf", b"")
            row["sha256"] = hashlib.sha256(content).hexdigest()

    parts.change("records.json", anew)


def _record(parts: Parts, chance: random.Random) -> tuple[str, str]:
    code = chance.choice(parts.document("records.json"))["code"]
    return code, f"records/{code}.pdf"


def flip_in_pdf(parts: Parts, chance: random.Random) -> Spoilt:
    """Any signed byte, and the lists agree with what came of it."""
    code, path = _record(parts, chance)
    data = bytearray(parts.files[path])
    start, stop = verifier._hole(bytes(data))
    at = chance.choice([chance.randrange(start), chance.randrange(stop, len(data))])
    data[at] ^= 1 << chance.randrange(8)
    parts.files[path] = bytes(data)
    _cover(parts)
    return Spoilt(parts, "record", {"code": code})


def flip_in_signature(parts: Parts, chance: random.Random) -> Spoilt:
    code, path = _record(parts, chance)
    data = bytearray(parts.files[path])
    start, stop = verifier._hole(bytes(data))
    data[chance.randrange(start, stop)] ^= 1 << chance.randrange(8)
    parts.files[path] = bytes(data)
    return Spoilt(parts, "record", {"code": code})


def append_to_pdf(parts: Parts, chance: random.Random) -> Spoilt:
    code, path = _record(parts, chance)
    parts.files[path] += b"\n" * chance.randrange(1, 99)
    _cover(parts)
    return Spoilt(parts, "record", {"code": code})


def swap_pdfs(parts: Parts, chance: random.Random) -> Spoilt:
    one, other = (f"records/{row['code']}.pdf" for row in chance.sample(parts.document("records.json"), 2))
    parts.files[one], parts.files[other] = parts.files[other], parts.files[one]
    _cover(parts)
    return Spoilt(parts, "record", {"code": parts.document("records.json")[0]["code"]})


def lose_record(parts: Parts, chance: random.Random) -> Spoilt:
    code, path = _record(parts, chance)
    if chance.random() < 0.5:
        del parts.files[path]
        return Spoilt(parts, "record", {"code": code})
    parts.files["records.json"] = jcs([row for row in parts.document("records.json") if row["code"] != code])
    return Spoilt(parts, "record", {"where": path})


def change_case(parts: Parts, chance: random.Random) -> Spoilt:
    path = chance.choice([path for path in parts.files if path.endswith("/case.json")])
    name = chance.choice(["reference", "service", "title", "state"])
    parts.change(path, lambda document: document["case"].update({name: "other"}))
    return Spoilt(parts, "case", {"where": path.split("/")[1]})


def change_index(parts: Parts, chance: random.Random) -> Spoilt:
    lines = parts.files["index.csv"].splitlines(keepends=True)
    at = chance.randrange(1, len(lines))
    reference = lines[at].split(b",")[0].decode()
    if chance.random() < 0.5:
        del lines[at]
        reference = f"cases/{reference}"
    else:
        lines[at] = lines[at].replace(b"approved", b"refused")
    parts.files["index.csv"] = b"".join(lines)
    return Spoilt(parts, "case", {"where": reference})


def flip_anywhere(parts: Parts, chance: random.Random) -> Spoilt:
    path = chance.choice(sorted(parts.files))
    data = bytearray(parts.files[path])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    parts.files[path] = bytes(data)
    return Spoilt(parts, "file", {"where": path}, covered=False)


def lose_file(parts: Parts, chance: random.Random) -> Spoilt:
    path = chance.choice([path for path in sorted(parts.files) if path.startswith("cases/")])
    del parts.files[path]
    return Spoilt(parts, "file", {"where": path}, covered=False)


def add_file(parts: Parts, chance: random.Random) -> Spoilt:
    path = f"cases/{chance.randrange(1000)}.txt"
    parts.files[path] = b"more"
    return Spoilt(parts, "file", {"where": path}, covered=False)


SPOILS: list[Spoil] = [
    edit, edit_person, delete, delete_and_renumber, reorder, exchange, double, invent, truncate, roll_back,
    rewrite_with_another_key, rewrite_with_the_stolen_key, rewrite_without_a_key, replace_head, earlier_head,
    flip_in_pdf, flip_in_signature, append_to_pdf, swap_pdfs, lose_record, change_case, change_index, flip_anywhere,
    lose_file, add_file,
]  # fmt: skip


def _checked(content: bytes, kept: dict[str, Any] | None) -> verifier.Report:
    return verifier.check(io.BytesIO(content), verifier.Options(kept=kept))


@pytest.mark.parametrize("kept", [None, 13, 21])
def test_the_bundle_they_spoil_is_sound(sound: Parts, kept: int | None) -> None:
    report = _checked(sound.packed(), None if kept is None else sound.log.head(kept))
    assert report.exit_code == 0, report.as_text()


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_every_change_is_found_where_it_is(sound: Parts, spoil: Spoil) -> None:
    chance = random.Random(f"{SEED} {spoil.__name__}")
    manifest = sound.manifest()
    for number in range(ROUNDS):
        spoilt = spoil(sound.copy(), chance)
        report = _checked(spoilt.parts.packed(None if spoilt.covered else manifest), spoilt.kept)
        told = f"seed {SEED}, {spoil.__name__} {number}, expected {spoilt.kind} {spoilt.where}:\n{report.as_text()}"
        assert report.exit_code == 1, told
        assert spoilt.kind in report.first, told
        assert spoilt.where.items() <= report.first[spoilt.kind].items(), told


def test_a_thousand_changes_are_tried() -> None:
    assert len(SPOILS) * ROUNDS >= 1000


def test_no_damage_to_the_zip_stops_it_without_a_word(sound: Parts) -> None:
    """A byte of the packing may mean nothing; whatever it meant, there is a verdict and never a traceback."""
    chance, whole = random.Random(SEED), sound.packed()
    for _ in range(150):
        content = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.randrange(4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        if bytes(content) != whole:
            assert _checked(bytes(content), None).exit_code in {0, 1}
