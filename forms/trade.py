"""What one wants to sell, where and on which channel; and the listing that comes of it."""

from typing import Any

from wtforms.validators import ValidationError

from app.core import clock
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import load, lookup
from app.jurisdictions.model import Channel
from app.reference import countries, units
from forms.base import BaseForm
from forms.fields import CountryField, DecimalField, HiddenField, RadioField, SelectField, TextField
from forms.searchable import HsField
from forms.validators import above, length, required

UNITS = ("KGM", "TNE", "H87", "PR", "SET", "MTQ", "LTR")
SERVICE = "service"


def _channels() -> tuple[Channel, ...]:
    pack = load.current()
    return lookup.in_force(pack.channels, clock.today(pack.zone))


class QuantityForm(BaseForm):
    """How much is offered. Both fields may stay empty."""

    quantity = DecimalField(
        _l("Quantity you want to offer, if you know it"),
        [above(0)],
        places=3,
        description=_l("We compare it with what is left on your permits."),
    )
    unit = SelectField(_l("Unit"), blank=_l("Choose the unit"))

    def __init__(self, formdata: Any = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.unit.offer([(code, units.name(code)) for code in UNITS])

    def validate_unit(self, field: SelectField) -> None:
        if self.quantity.data is not None and not field.data:
            raise ValidationError(_("Choose the unit."))

    @property
    def amount(self) -> tuple[Any, Any]:
        """Quantity and unit, or None twice: a unit alone says nothing."""
        if self.quantity.data is None:
            return None, None
        return self.quantity.data, self.unit.data


class ReadinessForm(QuantityForm):
    """Sent with GET, so that the answer has an address of its own."""

    hs = HsField(
        _l("Product"),
        description=_l("Search by word or by HS number: “coffee”, “0901.11”. Leave it empty for a service."),
    )
    destination = CountryField(_l("Country you sell to"), [required(_l("Choose the country you sell to."))])
    channel = RadioField(_l("Where do you sell?"), [required(_l("Choose where you sell."))])

    field_order = ("hs", "destination", "channel", "quantity", "unit")

    def __init__(self, formdata: Any = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        rows = _channels()
        self.channel.offer(rows)
        self.channel.hints = {row.code: row.description_text for row in rows}
        self.destination.without = (load.current().country,)

    def __iter__(self) -> Any:
        return iter([self._fields[name] for name in self.field_order])

    def validate_hs(self, field: HsField) -> None:
        channel = self._channel()
        if channel is None:
            return
        if channel.route == SERVICE and field.data:
            raise ValidationError(_("This channel sells services. Leave the product empty."))
        if channel.route != SERVICE and not field.data:
            raise ValidationError(_("Search for the product and choose it."))

    def validate_destination(self, field: CountryField) -> None:
        channel = self._channel()
        if channel is not None and channel.destinations and field.data not in channel.destinations:
            named = ", ".join(countries.name(code) for code in channel.destinations)
            raise ValidationError(_("%(channel)s sells only to: %(countries)s.", channel=channel.name, countries=named))

    def _channel(self) -> Channel | None:
        return next((row for row in _channels() if row.code == self.channel.data), None)


class ListingForm(QuantityForm):
    """A listing's own words; what it is about came from the readiness page and rides along."""

    title = TextField(
        _l("Title"),
        [required(_l("Enter a title.")), length(3, 120)],
        max_length=120,
        description=_l("How buyers should know the product, for instance: Bourbon green coffee, 2026 harvest."),
    )
    sku = TextField(
        _l("Your own reference, if you have one"),
        [length(maximum=40)],
        max_length=40,
        width="s",
        autocomplete="off",
        description=_l("An article number of your shop or stock."),
    )
    hs = HiddenField()
    destination = HiddenField()
    channel = HiddenField()
    key = HiddenField()

    def __iter__(self) -> Any:
        names = ("title", "sku", "quantity", "unit", "hs", "destination", "channel", "key")
        return iter([self._fields[name] for name in names])


class OfferForm(QuantityForm):
    """A new quantity of a listing; ``version`` is the one the owner saw."""

    version = HiddenField()
