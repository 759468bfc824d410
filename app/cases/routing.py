"""What the rules of the pack make of a case: its team and its flags. Pure: no database, no clock.

``Rules`` are those of a pack in force on a day; ``evaluate`` compares them with the facts of a case; ``plan`` says
what that changes in the case as it stands. Submitting, running changed rules, and trying rules out all ask here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from app.cases.flags_models import CaseFlag, TeamBy
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.jurisdictions.routing_rows import Conditions, FlagRule, RoutingRule, Team

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Traits:
    """What a service's answers say that rules may ask for. ``value_minor``: declared, in the national currency."""

    permit_kind: str | None = None
    hs: tuple[str, ...] = ()
    destination: str | None = None
    office: str | None = None
    route: str | None = None
    entity_type: str | None = None
    isic: tuple[str, ...] = ()
    value_minor: int | None = None


@dataclass(frozen=True)
class History:
    """Of the business, or of the person where there is no business yet, before the case was sent."""

    first: bool = False  # nothing was sent before for this service
    registered: date | None = None
    refused: date | None = None  # the latest refusal of anything


@dataclass(frozen=True)
class Facts:
    service: str
    agency: str
    sent: date  # the current submission
    traits: Traits = field(default_factory=Traits)
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class Rules:
    """Those in force on a day. ``version``: the pack's, and the day since which these rows hold."""

    version: str
    routing: Mapping[str, tuple[RoutingRule, ...]]  # by agency, in order
    flags: tuple[FlagRule, ...]
    teams: Mapping[str, Team]

    @classmethod
    def of(cls, pack: Pack, day: date) -> "Rules":
        routing: dict[str, list[RoutingRule]] = {}
        for rule in lookup.in_force(pack.routing, day):
            routing.setdefault(rule.agency, []).append(rule)
        return cls(
            f"{pack.version} {_since(pack, day)}",
            {agency: tuple(rules) for agency, rules in routing.items()},
            lookup.in_force(pack.flags, day),
            {team.code: team for team in lookup.in_force(pack.teams, day)},
        )


def _since(pack: Pack, day: date) -> date:
    """The last day up to ``day`` on which a row began to hold, or the first on which one held no more."""
    changes = [date.min]
    for row in (*pack.teams, *pack.routing, *pack.flags):
        changes.append(row.valid_from)
        if row.valid_to is not None and row.valid_to < date.max:
            changes.append(row.valid_to + timedelta(days=1))
    return max(each for each in changes if each <= day)


@dataclass(frozen=True)
class Raised:
    """A flag the rules raise, and the facts it rests on."""

    rule: FlagRule
    basis: JsonObject


@dataclass(frozen=True)
class Verdict:
    team: str | None  # None: the whole agency
    rule: str | None  # the code of the rule that chose it
    flags: tuple[Raised, ...]


def evaluate(rules: Rules, facts: Facts) -> Verdict:
    chosen = next((rule for rule in rules.routing.get(facts.agency, ()) if fits(rule, facts)), None)
    raised = tuple(Raised(rule, _basis(rule, facts)) for rule in rules.flags if raises(rule, facts))
    return Verdict(chosen.team if chosen else None, chosen.code if chosen else None, raised)


def fits(rule: Conditions, facts: Facts) -> bool:
    traits = facts.traits
    return (
        _among(facts.service, rule.services)
        and _among(traits.permit_kind, rule.permit_kinds)
        and _among(traits.destination, rule.destinations)
        and _among(traits.office, rule.offices)
        and _among(traits.route, rule.routes)
        and _among(traits.entity_type, rule.entity_types)
        and (not rule.hs or any(code.startswith(rule.hs) for code in traits.hs))
        and (not rule.isic or any(code.startswith(rule.isic) for code in traits.isic))
        and _within(traits.value_minor, rule.min_value_minor, rule.max_value_minor)
    )


def raises(rule: FlagRule, facts: Facts) -> bool:
    history = facts.history
    return (
        (not rule.first_application or history.first)
        and _recent(history.registered, rule.business_younger_than_days, facts.sent)
        and _recent(history.refused, rule.refused_within_days, facts.sent)
        and fits(rule, facts)
    )


def _among(value: str | None, allowed: tuple[str, ...]) -> bool:
    return not allowed or value in allowed


def _within(value: int | None, least: int | None, most: int | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)


def _recent(moment: date | None, days: int | None, day: date) -> bool:
    return days is None or (moment is not None and (day - moment).days < days)


def _basis(rule: FlagRule, facts: Facts) -> JsonObject:
    """The facts the rule asks for, as they are: what was cleared on these is cleared."""
    traits, history = facts.traits, facts.history
    found: tuple[tuple[object, str, Any], ...] = (
        (rule.services, "service", facts.service),
        (rule.permit_kinds, "permit_kind", traits.permit_kind),
        (rule.hs, "hs", sorted(code for code in traits.hs if code.startswith(rule.hs))),
        (rule.destinations, "destination", traits.destination),
        (rule.offices, "office", traits.office),
        (rule.routes, "route", traits.route),
        (rule.entity_types, "entity_type", traits.entity_type),
        (rule.isic, "isic", sorted(code for code in traits.isic if code.startswith(rule.isic))),
        (rule.min_value_minor is not None or rule.max_value_minor is not None, "value_minor", traits.value_minor),
        (rule.first_application, "first", history.first),
        (rule.business_younger_than_days, "registered", _iso(history.registered)),
        (rule.refused_within_days, "refused", _iso(history.refused)),
    )
    return {name: value for asked, name, value in found if asked}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


@dataclass(frozen=True)
class Live:
    """A flag the case has: one that stands, or that was cleared. As ``CaseFlag``, without its words."""

    id: int
    submission_id: int
    code: str
    blocks: bool
    clearable_by: str
    cleared: bool
    basis: JsonObject

    @classmethod
    def of(cls, flag: CaseFlag) -> "Live":
        return cls(
            flag.id, flag.submission_id, flag.code, flag.blocks, flag.clearable_by, flag.cleared_at is not None,
            flag.basis,
        )  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A case as it is before the rules are run."""

    agency: str
    submission_id: int
    team: str | None
    team_by: str | None
    live: tuple[Live, ...] = ()

    @property
    def blocked(self) -> bool:
        return any(flag.blocks and not flag.cleared for flag in self.live)


@dataclass(frozen=True)
class Change:
    """What running the rules does to a case. ``ended``: flags that go, or make way for a new one of their code."""

    team: str | None
    team_by: str | None
    rule: str | None  # that chose the team
    raised: tuple[Raised, ...] = ()
    ended: tuple[Live, ...] = ()
    moves: bool = False
    blocks_now: bool = False  # it is blocked, and was not

    @property
    def lapsed(self) -> tuple[Live, ...]:
        """Flags that are gone for good."""
        again = {each.rule.code for each in self.raised}
        return tuple(flag for flag in self.ended if flag.code not in again)

    @property
    def nothing(self) -> bool:
        return not (self.raised or self.ended or self.moves)


def plan(rules: Rules, standing: Standing, verdict: Verdict) -> Change:
    """Keeps a person's choice of team within the agency, and what was cleared while its facts are the same."""
    live = {flag.code: flag for flag in standing.live}
    wanted = {each.rule.code: each for each in verdict.flags}
    raised = tuple(
        each for code, each in wanted.items() if code not in live or not _same(live[code], each, standing.submission_id)
    )
    again = {each.rule.code for each in raised}
    ended = tuple(flag for code, flag in live.items() if code in again or (code not in wanted and not flag.cleared))
    gone = {flag.id for flag in ended}
    still = any(flag.blocks and not flag.cleared and flag.id not in gone for flag in standing.live)
    blocked = still or any(each.rule.blocks_issuing for each in raised)
    team, team_by, chosen = verdict.team, TeamBy.RULE.value, verdict.rule
    if standing.team_by == TeamBy.PERSON and _of(rules, standing.team, standing.agency):
        team, team_by, chosen = standing.team, TeamBy.PERSON.value, None
    return Change(
        team, team_by, chosen, raised, ended, moves=team != standing.team, blocks_now=blocked and not standing.blocked
    )


def _same(flag: Live, raised: Raised, submission_id: int) -> bool:
    """Whether the flag the case has says what the rule says now."""
    if (flag.blocks, flag.clearable_by) != (raised.rule.blocks_issuing, raised.rule.cleared_by):
        return False
    return not flag.cleared or flag.submission_id == submission_id or flag.basis == raised.basis


def _of(rules: Rules, team: str | None, agency: str) -> bool:
    """Whether the team is one of the agency's; no team is the whole of any agency."""
    return team is None or (team in rules.teams and rules.teams[team].agency == agency)


def teams_of(pack: Pack, agencies: Iterable[str], day: date) -> tuple[Team, ...]:
    wanted = set(agencies)
    return tuple(team for team in lookup.in_force(pack.teams, day) if team.agency in wanted)
