"""Reading the reference files: our own CSV tables, and data that comes inside an installed package."""

import csv
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.core.i18n import pick

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Term:
    """One entry of a code list."""

    code: str
    names: dict[str, str] = field(compare=False)

    @property
    def name(self) -> str:
        """In the reader's language."""
        return pick(self.names)


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of ``data/<name>.csv``. Every file has a ``source`` column."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as source:
        return tuple(csv.DictReader(source))


def names(row: dict[str, str]) -> dict[str, str]:
    """``name_en`` and ``name_fr`` of a row as a text by language."""
    return {key[5:]: value for key, value in row.items() if key.startswith("name_") and value}


def package_json(package: str, *path: str) -> Any:
    """A JSON file inside an installed package, which is not imported for it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {package} is not installed")
    return json.loads(Path(spec.origin).parent.joinpath(*path).read_text(encoding="utf-8"))


def choices(terms: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and name in the reader's language, in the list's own order."""
    return [(code, term.name) for code, term in terms.items()]
