"""What ``flask rules preview`` prints: what the rules of a changed pack would do to the open cases."""

from collections.abc import Iterator
from pathlib import Path

from app.cases import rerouting
from app.core import db
from app.jurisdictions import load
from app.jurisdictions.mistakes import Mistake, PackError, Place


def preview(folder: Path) -> Iterator[str]:
    """Every open case is looked at and nothing is written. Raises PackError, also for a pack of another country."""
    pack, current = load.read(folder), load.current()
    if pack.country != current.country:
        place = Place(f"{folder.name}/pack.toml")
        raise PackError([Mistake(place, "country", f"is {pack.country}; this portal is {current.country}'s")])
    with db.unit_of_work(commit=False) as session:
        found = rerouting.preview(session, pack, most=None)
    yield f"{found.looked} open cases looked at, under the rules of {folder}."
    if not found.changed:
        yield "Nothing would change."
    for agency, each in sorted(found.agencies.items()):
        if not (each.moved or each.raised or each.lapsed):
            continue
        yield f"{agency}: {each.looked} cases"
        for (before, after), count in sorted(each.moved.items(), key=str):
            yield f"  {count} from team {before or '-'} to {after or '-'}"
        yield from (f"  {count} flagged {code}" for code, count in sorted(each.raised.items()))
        yield from (f"  {count} no longer flagged {code}" for code, count in sorted(each.lapsed.items()))
        yield f"  {each.blocked} newly blocked"
    if found.blocked:
        first = ", ".join(each.reference for each in found.blocked)
        yield f"Newly blocked, the first {len(found.blocked)} of {found.newly_blocked}: {first}"
