"""What must hold between the rows of teams, routing and flags, and what they refer to."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from app.jurisdictions.mistakes import Mistake, Place, Rows
from app.jurisdictions.routing_rows import RoutingRule, Team

Known = Callable[[str], bool]


def check_routing(rows: Rows, written: Mapping[str, set[str]], in_hs: Known, in_world: Known) -> Iterator[Mistake]:
    """``written``: the codes of each table; ``in_hs`` and ``in_world`` know HS 2022 and the countries."""
    services: tuple[Known, str] = (written["standards"].__contains__, "a service with a service standard of this pack")
    named: tuple[tuple[str, Known, str], ...] = (
        ("services", *services),
        ("permit_kinds", written["permit_kinds"].__contains__, "a permit kind of this pack"),
        ("offices", written["offices"].__contains__, "an office of this pack"),
        ("entity_types", written["entity_types"].__contains__, "a legal form of this pack"),
        ("hs", in_hs, "in HS 2022"),
        ("destinations", in_world, "an ISO 3166 country"),
    )
    for table in ("routing", "flags"):
        for place, row in rows[table]:
            for field, known, what in named:
                for code in getattr(row, field):
                    if not known(code):
                        yield Mistake(place, field, f"{code!r} is not {what}")
    for table in ("teams", "routing"):
        for place, row in rows[table]:
            agency = row.agency  # type: ignore[attr-defined]
            if agency not in written["agencies"]:
                yield Mistake(place, "agency", f"{agency!r} is not an agency of this pack")
    teams = [row for _, row in rows["teams"] if isinstance(row, Team)]
    yield from _teams(rows, teams, written)
    yield from _defaults(rows)


def _teams(rows: Rows, teams: list[Team], written: Mapping[str, set[str]]) -> Iterator[Mistake]:
    """A rule names a team of its agency that is there as long as the rule is."""
    for place, rule in rows["routing"]:
        assert isinstance(rule, RoutingRule)
        if rule.team is None:
            continue
        if rule.team not in written["teams"]:
            yield Mistake(place, "team", f"{rule.team!r} is not a team of this pack")
            continue
        of_code = [team for team in teams if team.code == rule.team]
        if of_code and all(team.agency != rule.agency for team in of_code):
            yield Mistake(place, "team", f"{rule.team!r} is a team of {of_code[0].agency!r}, not of {rule.agency!r}")
        elif of_code and not any(_covers(team, rule) for team in of_code):
            yield Mistake(place, "team", f"{rule.team!r} is not a team on every day this rule holds")


def _covers(team: Team, rule: RoutingRule) -> bool:
    return team.valid_from <= rule.valid_from and (team.valid_to or date.max) >= (rule.valid_to or date.max)


def _defaults(rows: Rows) -> Iterator[Mistake]:
    """The last rule of an agency takes what is left, and no rule stands behind one that takes everything."""
    by_agency: dict[str, list[tuple[Place, RoutingRule]]] = {}
    for place, rule in rows["routing"]:
        assert isinstance(rule, RoutingRule)
        by_agency.setdefault(rule.agency, []).append((place, rule))
    for agency, placed in by_agency.items():
        place, last = placed[-1]
        if not last.unconditional or last.valid_to is not None:
            yield Mistake(place, "routing", f"the last rule of {agency!r} must take every case that is left")
        for number, (place, rule) in enumerate(placed):
            before = [other for _, other in placed[:number] if other.unconditional]
            if any(_always(other, rule) for other in before):
                yield Mistake(place, "routing", f"is never reached: a rule before it takes every case of {agency!r}")


def _always(other: RoutingRule, rule: RoutingRule) -> bool:
    """Whether ``other`` holds on every day that ``rule`` does."""
    return other.valid_from <= rule.valid_from and (other.valid_to or date.max) >= (rule.valid_to or date.max)
