"""Export licence, one class a page."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from app.core import money
from app.core.i18n import format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import lookup
from app.jurisdictions.model import PermitKind
from app.reference import units
from forms.base import StepForm
from forms.fields import CountryField, DateField, DecimalField, RadioField, SelectField, TextField
from forms.searchable import HsField
from forms.validators import above, length, not_past, required

GOODS = "goods"
SERVICE = "service"
ROUTES = (
    ("general_trade", _l("To a business, in bulk (general trade)")),
    ("cbec", _l("In parcels to consumers (cross-border e-commerce)")),
)


def chosen_kind(form: StepForm) -> PermitKind | None:
    """As it is today; a kind that is no more, as it last was."""
    code = form.context.answers.get("kind", {}).get("permit_kind")
    kinds = form.context.pack.permit_kinds
    return (lookup.find(kinds, code, form.context.facts["today"]) or lookup.find(kinds, code)) if code else None


def currencies(form: StepForm) -> list[SelectChoice]:
    """The national currency and those the pack has a rate for."""
    pack, today = form.context.pack, form.context.facts["today"]
    codes = dict.fromkeys([pack.currency, *(row.currency for row in lookup.in_force(pack.rates, today))])
    return [SelectChoice(code, code) for code in codes]


def check_places(amount: Decimal | None, currency: str | None) -> None:
    """Raises ValidationError for a fraction of a currency that has none."""
    if amount is not None and currency and not money.exponent(currency) and amount != amount.to_integral_value():
        raise ValidationError(_("Amounts in %(currency)s have no decimals.", currency=currency))


class ProductForm(StepForm):
    what = RadioField(
        _l("What do you want to sell abroad?"),
        [required(_l("Choose goods or a service."))],
        choices=((GOODS, _l("Goods")), (SERVICE, _l("A service, such as guided travel"))),
    )
    hs = HsField(
        _l("Product"),
        description=_l("Search by word or by HS number: “coffee”, “0901.11”. Leave it empty for a service."),
    )
    description = TextField(
        _l("Describe it in your own words"),
        [required(_l("Describe the goods or the service.")), length(3, 300)],
        max_length=300,
        description=_l("For instance: fully washed green coffee, Bourbon, 2026 harvest."),
    )
    destination = CountryField(_l("Country you sell to"), [required(_l("Choose the country you sell to."))])
    route = RadioField(
        _l("How do you sell it?"), [required(_l("Choose how you sell it."))], choices=ROUTES, default="general_trade"
    )

    def prepare(self) -> None:
        self.destination.without = (self.context.pack.country,)

    def validate_hs(self, field: HsField) -> None:
        if self.what.data == GOODS and not field.data:
            raise ValidationError(_("Search for the product and choose it."))
        if self.what.data == GOODS and field.data:
            today = self.context.facts["today"]
            for control in lookup.controls_for(self.context.pack, field.data, self.destination.data or "", today):
                if control.effect in {"prohibited", "refer"}:
                    raise ValidationError(_("%(rule)s (%(source)s)", rule=control.name, source=control.legal_ref))

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        if answers.get("what") == SERVICE:
            answers["hs"] = None
        return answers


class KindForm(StepForm):
    permit_kind = RadioField(
        _l("Which licence do you need?"),
        [required(_l("Choose a licence."))],
        description=_l("Only those that fit your product and country are shown."),
    )

    def prepare(self) -> None:
        product = self.context.answers.get("product", {})
        today = self.context.facts["today"]
        kinds = lookup.kinds_for(self.context.pack, product.get("hs") or "", product.get("destination") or "", today)
        kinds = tuple(kind for kind in kinds if kind.service == "export_licence")
        self.permit_kind.offer(kinds)
        self.permit_kind.hints = {kind.code: kind.description_text for kind in kinds}

    def validate_permit_kind(self, field: RadioField) -> None:
        if not field.choices:
            raise ValidationError(_("No licence exists for this product and country. Look at the product again."))


class QuantityForm(StepForm):
    quantity = DecimalField(_l("Quantity"), [required(_l("Enter the quantity.")), above(0)], places=3)
    unit = SelectField(_l("Unit"), [required(_l("Choose the unit."))])
    value = DecimalField(
        _l("Value of the goods"),
        [required(_l("Enter the value of the goods.")), above(0)],
        places=2,
        description=_l("What the buyer pays for all of it."),
    )
    currency = SelectField(_l("Currency"), [required(_l("Choose the currency."))], blank=_l("Choose from the list"))

    def prepare(self) -> None:
        kind = chosen_kind(self)
        self.unit.offer([(code, units.name(code)) for code in (kind.units if kind else ("KGM",))])
        self.currency.offer(currencies(self))

    def validate_value(self, field: DecimalField) -> None:
        check_places(field.data, self.currency.data)


class ValidityForm(StepForm):
    valid_from = DateField(_l("Valid from"), [required(_l("Enter the first day of validity.")), not_past()])
    valid_to = DateField(_l("Valid until"), [required(_l("Enter the last day of validity."))])
    consignee = TextField(
        _l("Buyer, if you know one"), [length(maximum=200)], description=_l("Name and city. You can leave it empty.")
    )

    def prepare(self) -> None:
        kind = chosen_kind(self)
        if kind is not None:
            self.valid_to.description = _(
                "This licence can be valid for at most %(days)s days.", days=format_number(kind.max_validity_days)
            )

    def validate_valid_to(self, field: DateField) -> None:
        first, last, kind = self.valid_from.data, field.data, chosen_kind(self)
        if first is None or last is None:
            return
        if last < first:
            raise ValidationError(_("The last day must not be before the first."))
        if kind is not None and last > first + timedelta(days=kind.max_validity_days - 1):
            raise ValidationError(
                _("This licence can be valid for at most %(days)s days.", days=format_number(kind.max_validity_days))
            )
