"""What a seller asks, and whether the question makes sense."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import lookup as rules
from app.jurisdictions.model import Channel, Pack
from app.reference import countries, hs, units

SERVICE_ROUTE = "service"


@dataclass(frozen=True)
class Question:
    """``hs`` is empty for a service; ``quantity`` (in ``unit``, Rec 20) is what will be offered, if that is known."""

    hs: str
    destination: str
    channel: str
    quantity: Decimal | None = None
    unit: str | None = None


def check(pack: Pack, question: Question, day: date) -> None:
    """Raises Invalid when the question makes no sense: an unknown product, country or channel, or ones that clash."""
    problems = []
    channel = rules.find(pack.channels, question.channel, day)
    if channel is None:
        problems.append(Problem(_l("Choose a channel from the list."), "channel", "unknown_channel"))
    elif channel.route == SERVICE_ROUTE and question.hs:
        problems.append(Problem(_l("This channel sells services. Leave the product empty."), "hs", "service_only"))
    elif channel.route != SERVICE_ROUTE and not question.hs:
        problems.append(Problem(_l("Search for the product and choose it."), "hs", "missing"))
    elif channel.destinations and question.destination not in channel.destinations:
        problems.append(Problem(only_to(channel), "destination", "channel_destination"))
    if question.hs and not hs.is_subheading(question.hs):
        problems.append(Problem(_l("There is no product with this HS code."), "hs", "unknown_hs"))
    if countries.find(question.destination) is None or question.destination == pack.country:
        problems.append(Problem(_l("Choose the country you sell to."), "destination", "unknown_destination"))
    if (question.quantity is None) != (question.unit is None):
        message = _l("Give the quantity together with its unit, or neither.")
        problems.append(Problem(message, "quantity" if question.quantity is None else "unit", "quantity_unit"))
    elif question.unit is not None and units.find(question.unit) is None:
        problems.append(Problem(_l("Choose the unit."), "unit", "unknown_unit"))
    if problems:
        raise Invalid(*problems)


def only_to(channel: Channel) -> str:
    """That a channel sells to some countries only, in the reader's language."""
    named = ", ".join(countries.name(code) for code in channel.destinations)
    return _("%(channel)s sells only to: %(countries)s.", channel=channel.name, countries=named)


__all__ = ["SERVICE_ROUTE", "Question", "check", "only_to"]
