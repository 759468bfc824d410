"""Read a pack's folder, validate it, and keep the one this process serves.

A folder holds TOML files with structured rows (``[[fees]]``) and CSV files named after the table they
hold (``units.csv``). All mistakes are reported at once, each naming file, row and field.
"""

import csv
import hashlib
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from app.jurisdictions.checks import KEYS, check
from app.jurisdictions.mistakes import Mistake, PackError, Place, Rows, sentence
from app.jurisdictions.model import Pack, Row

FOLDER = Path(__file__).resolve().parent
COUNTRIES = ("RW", "CG")

Raw = dict[str, Any]


def _tables() -> dict[str, type[Row]]:
    """The list-valued fields of a pack and the model of their rows."""
    tables: dict[str, type[Row]] = {}
    for name, field in Pack.model_fields.items():
        inner = get_args(field.annotation)
        if inner and isinstance(inner[0], type) and issubclass(inner[0], Row):
            tables[name] = inner[0]
    return tables


TABLES = _tables()
_pack: Pack | None = None


@dataclass(frozen=True)
class _Found:
    """What the files say, before it is validated."""

    facts: Raw
    rows: dict[str, list[tuple[Place, Raw]]]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in {".toml", ".csv"})


def _version(country: str, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{country}-{digest.hexdigest()[:12]}"


def _csv_rows(path: Path) -> Iterator[tuple[int, Raw]]:
    """Rows of a long table: ``name_en`` and ``name_fr`` become ``names``; an empty cell is an absent value.

    A cell more than the first line names (a comma without quotation marks) becomes a field no table has.
    """
    with path.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        for row in reader:
            raw: Raw = {key or "(surplus cells)": value for key, value in row.items() if value not in ("", None)}
            names = {key[5:]: raw.pop(key) for key in list(raw) if key.startswith("name_")}
            if names:
                raw["names"] = names
            yield reader.line_num, raw


def _read(folder: Path, files: list[Path]) -> tuple[_Found, list[Mistake]]:
    found = _Found({}, {name: [] for name in TABLES})
    mistakes: list[Mistake] = []
    for path in files:
        label = f"{folder.name}/{path.name}"
        if path.suffix == ".csv":
            if path.stem not in TABLES:
                mistakes.append(Mistake(Place(label), "", f"there is no table {path.stem!r} in a pack"))
                continue
            for line, raw in _csv_rows(path):
                found.rows[path.stem].append((Place(label, f"line {line}", str(raw.get("code", ""))), raw))
            continue
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            mistakes.append(Mistake(Place(label), "", f"is not valid TOML: {error}"))
            continue
        for key, value in content.items():
            if key not in TABLES:
                found.facts[key] = value
            elif not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
                mistakes.append(Mistake(Place(label), key, f"write its rows as [[{key}]]"))
            else:
                for number, raw in enumerate(value, start=1):
                    place = Place(label, f"{key} row {number}", str(raw.get("code", "")))
                    found.rows[key].append((place, raw))
    return found, mistakes


def _expand_documents(found: _Found, mistakes: list[Mistake]) -> None:
    """A permit kind lists its papers by code (``"contract"``; ``"lab_report?"`` when optional): put in the rows."""
    library = {str(raw.get("code")): raw for _, raw in found.rows["documents"]}
    for index, (place, raw) in enumerate(found.rows["permit_kinds"]):
        listed = raw.get("documents", [])
        if not isinstance(listed, list):
            continue
        papers: list[Any] = []
        for entry in listed:
            if not isinstance(entry, str):
                papers.append(entry)
                continue
            code = entry.removesuffix("?")
            if code not in library:
                mistakes.append(Mistake(place, "documents", f"{code!r} is not among the pack's documents"))
                continue
            papers.append({**library[code], "required": not entry.endswith("?")})
        found.rows["permit_kinds"][index] = (place, {**raw, "documents": papers})


def _validated(found: _Found, mistakes: list[Mistake]) -> Rows:
    rows: Rows = {}
    for name, model in TABLES.items():
        rows[name] = []
        for place, raw in found.rows[name]:
            try:
                rows[name].append((place, model.model_validate(raw)))
            except ValidationError as error:
                mistakes.extend(Mistake(place, *sentence(detail)) for detail in error.errors())
    return rows


def read(folder: Path) -> Pack:
    """The pack in ``folder``. Raises PackError with every mistake found."""
    if not folder.is_dir():
        raise PackError([Mistake(Place(folder.name), "", "there is no such folder")])
    files = _files(folder)
    found, mistakes = _read(folder, files)
    _expand_documents(found, mistakes)
    rows = _validated(found, mistakes)
    facts = {**found.facts, "version": _version(folder.name.upper(), files)}
    tables: dict[str, Any] = {name: tuple(row for _, row in placed) for name, placed in rows.items()}
    try:
        pack = Pack.model_validate({**facts, **tables})
    except ValidationError as error:
        place = Place(f"{folder.name}/pack.toml")
        mistakes.extend(Mistake(place, *sentence(detail)) for detail in error.errors())
        raise PackError(mistakes) from None
    written = {name: {str(raw.get(KEYS.get(name, "code"))) for _, raw in placed} for name, placed in found.rows.items()}
    mistakes.extend(check(pack, rows, written, f"{folder.name}/pack.toml"))
    if mistakes:
        raise PackError(mistakes)
    return pack


@cache
def load(country: str) -> Pack:
    """The pack of ``RW`` or ``CG`` that comes with the portal. Raises PackError."""
    if country not in COUNTRIES:
        raise PackError([Mistake(Place(country), "", f"is not one of {', '.join(COUNTRIES)}")])
    return read(FOLDER / country.lower())


def configure(country: str) -> Pack:
    """Make ``country`` the one this process serves."""
    global _pack
    _pack = load(country)
    return _pack


def current() -> Pack:
    """The pack this process serves. Raises RuntimeError before ``configure``."""
    if _pack is None:
        raise RuntimeError("no jurisdiction pack is configured: call jurisdictions.load.configure(country) at start-up")
    return _pack


def main() -> int:
    """Validate both packs (``python -m app.jurisdictions.load``)."""
    failed = False
    for country in COUNTRIES:
        try:
            pack = load(country)
        except PackError as error:
            failed = True
            print(error, file=sys.stderr)
        else:
            print(
                f"{pack.version}: {len(pack.permit_kinds)} permit kinds, {len(pack.fees)} fees, {len(pack.units)} units"
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
