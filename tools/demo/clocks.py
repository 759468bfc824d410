"""What silence decided in the demo, what it will decide tomorrow, and how long cases take."""

from datetime import date, datetime, timedelta

from sqlalchemy import select

from app.businesses.models import Business
from app.cases import silence
from app.cases.models import Case
from app.identity.models import User
from app.jurisdictions import lookup, working_days
from app.jurisdictions.clock_rows import Silence
from app.statistics import durations
from tools.demo import answers
from tools.demo.cast import Cast
from tools.demo.doings import Doings
from tools.demo.story import Raw, Story

LONGEST = 120  # days back in which the silent cases are looked for


def tell(story: Story, cast: Cast) -> None:
    rule = next(iter(story.pack.silences), None)
    example = story.session.scalars(
        select(Case).where(Case.permit_kind == (rule.permit_kind if rule else ""), Case.business_id.is_not(None))
    ).first()
    if rule is not None and example is not None:
        _silent(Doings(story, cast), rule, example)
    durations.refresh(story.session, story.pack)


def _silent(d: Doings, rule: Silence, example: Case) -> None:
    """One case whose time ran out some days ago, and one whose time will within a working day."""
    story = d.story
    owner = story.session.get_one(User, example.applicant_id)
    business = story.session.get_one(Business, example.business_id)
    ends = {back: _ends(story, rule, back) for back in range(1, LONGEST)}
    over = min(back for back, at in ends.items() if at <= story.now - timedelta(days=2))
    tomorrow = working_days.add(story.pack, story.now, 1)
    soon = max((back for back, at in ends.items() if story.now < at <= tomorrow), default=None)
    old = d.applies(owner, business, _goods(story, over, second=False), days=over)
    with story.at(ends[over] + timedelta(minutes=12)):
        silence.decide(story.session, old.id)
    if soon is not None:
        d.applies(owner, business, _goods(story, soon, second=True), days=soon)


def _ends(story: Story, rule: Silence, back: int) -> datetime:
    """When silence decides what was sent ``back`` days ago, as ``Story.ago`` has it."""
    pack = story.pack
    kind = lookup.permit_kind(pack, rule.permit_kind or "", story.today)
    sent = (story.now - timedelta(days=back)).astimezone(pack.zone).replace(hour=9, minute=12)
    due = working_days.add(pack, working_days.counted_from(pack, sent, kind.agency), kind.standard_days, kind.agency)
    more = rule.after_working_days
    return working_days.add(pack, due, more, kind.agency) if more else due


def _goods(story: Story, back: int, *, second: bool) -> Raw:
    first: date = story.today + timedelta(days=10 - back)
    if story.pack.country == "RW":
        return answers.licence(
            kind="specialty-coffee", hs="090111", destination="JP", first=first, days=170, quantity="300", value="4100",
            description="Micro-lot Rwinka, honey process" if second else "Micro-lot Cyato, washed, cup score 87",
        )  # fmt: skip
    return answers.licence(
        kind="cultural-goods", hs="460219", destination="FR", first=first, days=170, quantity="40", unit="H87",
        value="900", currency="EUR", description="Tentures de raphia brodé" if second else "Nattes de raphia tressé",
    )  # fmt: skip
