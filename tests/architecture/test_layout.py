"""Habits of the house that a machine can check by reading."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST = 400
ONE_FILE = {"app/audit/verifier.py"}  # what an auditor is handed: it may import nothing of ours
CODE = [
    *sorted((ROOT / "app").rglob("*.py")),
    *sorted((ROOT / "forms").rglob("*.py")),
    *sorted((ROOT / "tools").rglob("*.py")),
]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PAGES = [path for path in TEMPLATES if "pdf" not in path.relative_to(ROOT / "templates").parts]
STYLES = sorted((ROOT / "static").rglob("*.css"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _lines(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_a_person_keeps_in_mind() -> None:
    long = {_name(path): len(path.read_text().splitlines()) for path in [*CODE, *TEMPLATES, *STYLES]}
    assert {name: length for name, length in long.items() if length > LONGEST and name not in ONE_FILE} == {}


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a style attribute", r"<[^>]*\sstyle\s*="),
        ("a style element", r"<style\b"),
        ("an event attribute", r"<[^>]*\son[a-z]+\s*="),
        ("a script inside the page", r"<script(?![^>]*\bsrc=)"),
        ("a javascript: address", r"javascript:"),
    ],
)
def test_pages_hold_nothing_the_content_security_policy_forbids(what: str, pattern: str) -> None:
    assert _lines(PAGES, re.compile(pattern, re.IGNORECASE)) == [], what


PHYSICAL = re.compile(
    r"(?:^|[\s;{])(?:"
    r"(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)|"
    r"border-(?:top|bottom)-(?:left|right)-radius|"
    r"(?:left|right)\s*:|"
    r"(?:text-align|float|clear)\s*:\s*(?:left|right)\b)"
)


def test_styles_name_directions_of_the_text_not_of_the_screen() -> None:
    assert _lines(STYLES, PHYSICAL) == []


# ``case.state = …``, ``values(state=…)`` on a case, or the same by name: only the engine may.
ASSIGNS_STATE = re.compile(r"\bcase\w*\.state\s*=(?!=)|setattr\([^,]*case[^,]*,\s*[\"']state[\"']|update\(Case\)")


def test_only_the_engine_writes_the_state_of_a_case() -> None:
    others = [path for path in CODE if path.is_relative_to(ROOT / "app") and _name(path) != "app/cases/engine.py"]
    assert _lines(others, ASSIGNS_STATE) == []


def test_only_the_clock_knows_what_time_it_is() -> None:
    pattern = re.compile(r"\bdatetime\.(?:now|utcnow|today)\(|\bdate\.today\(|\btime\.time\(")
    others = [path for path in CODE if path.is_relative_to(ROOT / "app") and _name(path) != "app/core/clock.py"]
    assert _lines(others, pattern) == []


def test_domain_functions_never_commit() -> None:
    """The edge commits once: pages, API, jobs, worker, and the unit of work itself."""
    edges = ("app/web/", "app/api/", "app/core/db.py", "app/jobs/worker.py")
    own_connection = ("app/identity/limits.py",)  # counts attempts even when the request is rolled back
    domain = [
        path
        for path in CODE
        if path.is_relative_to(ROOT / "app")
        and not _name(path).startswith((*edges, *own_connection))
        and path.name not in {"views.py", "api.py", "tasks.py"}  # pages, API, jobs
    ]
    assert _lines(domain, re.compile(r"\.commit\(\)")) == []


def test_forms_may_know_no_package_but_those_listed() -> None:
    """The contract for ``forms`` lists what is forbidden; a new package must be put on that list."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    forbidden = next(set(each["forbidden_modules"]) for each in contracts if each.get("source_modules") == ["forms"])
    packages = {
        f"app.{path.stem}"
        for path in (ROOT / "app").iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")
    }
    assert packages - forbidden == {"app.reference", "app.jurisdictions", "app.core"}
