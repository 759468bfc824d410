"""Customs declaration for export, one class a page. Fields follow the boxes of the single administrative document."""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from wtforms import FormField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from app.core.i18n import format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import lookup
from app.reference import incoterms, packages, transport, units
from forms.base import BaseForm, StepForm
from forms.export_licence import check_places, currencies
from forms.fields import (
    CountryField,
    DateField,
    DecimalField,
    FieldList,
    IntegerField,
    RadioField,
    SelectField,
    TextField,
)
from forms.searchable import HsField
from forms.validators import above, length, min_value, not_future, required

CHOOSE = _l("Choose from the list")


class ExitForm(StepForm):
    office = SelectField(
        _l("Customs office that handles the declaration"),
        [required(_l("Choose the customs office."))],
        blank=CHOOSE,
    )
    exit_office = SelectField(
        _l("Where the goods leave the country"), [required(_l("Choose where the goods leave."))], blank=CHOOSE
    )
    procedure = RadioField(_l("Procedure"), [required(_l("Choose the procedure."))])

    def prepare(self) -> None:
        pack, today = self.context.pack, self.context.facts["today"]
        self.office.offer(lookup.offices_of(pack, pack.customs_agency, today))
        self.exit_office.offer(lookup.offices_of(pack, pack.customs_agency, today, exit_only=True))
        self.procedure.offer(lookup.in_force(pack.procedures, today))


class BuyerForm(StepForm):
    consignee = TextField(_l("Buyer (consignee)"), [required(_l("Enter the name of the buyer.")), length(2, 200)])
    address = TextField(_l("Address of the buyer"), [required(_l("Enter the address of the buyer.")), length(3, 300)])
    destination = CountryField(
        _l("Country of destination"), [required(_l("Choose the country the goods go to."))], autocomplete="off"
    )

    def prepare(self) -> None:
        self.destination.without = (self.context.pack.country,)


class TransportForm(StepForm):
    mode = RadioField(_l("How do the goods leave the country?"), [required(_l("Choose how the goods leave."))])
    identity = TextField(
        _l("Flight, vessel or number plate"),
        [length(maximum=60)],
        description=_l("Leave it empty when it is not known yet."),
        upper=True,
    )
    incoterm = SelectField(
        _l("Delivery terms (Incoterms 2020)"), [required(_l("Choose the delivery terms."))], blank=CHOOSE
    )
    place = TextField(
        _l("Named place"),
        [required(_l("Enter the place the delivery terms name.")), length(2, 80)],
        description=_l("For instance: Kigali, Mombasa, Shanghai."),
    )

    def prepare(self) -> None:
        self.mode.offer(transport.choices())
        self.incoterm.offer(incoterms.choices())

    def validate_incoterm(self, field: SelectField) -> None:
        if field.data and self.mode.data and not incoterms.fits(field.data, self.mode.data):
            raise ValidationError(
                _("%(term)s is only for goods that leave by water. By road, rail or air use FCA, CPT or CIP.",
                  term=field.data)
            )  # fmt: skip


class InvoiceForm(StepForm):
    number = TextField(_l("Invoice number"), [required(_l("Enter the number of the invoice.")), length(1, 40)])
    date = DateField(_l("Date of the invoice"), [required(_l("Enter the date of the invoice.")), not_future()])
    currency = SelectField(_l("Currency of the invoice"), [required(_l("Choose the currency."))], blank=CHOOSE)

    def prepare(self) -> None:
        self.currency.offer(currencies(self))


class LicenceField(SelectField):
    """A line of a permit. What is left of it is said where one chooses, not where one reads what was chosen."""

    lines: dict[str, Any] = {}

    def offer_lines(self, lines: list[Any]) -> None:
        self.lines = {str(line.line_id): line for line in lines}
        self.offer([line_choice(line) for line in lines])

    def display(self) -> str:
        line = self.lines.get(self.data or "")
        if line is None:
            return ""
        return _("%(number)s: %(goods)s", number=line.permit_number, goods=line.description)


class ItemForm(BaseForm):
    hs = HsField(_l("Product"), [required(_l("Search for the product and choose it."))],
                 description=_l("Search by word or by HS number."))  # fmt: skip
    description = TextField(
        _l("Description on the invoice"), [required(_l("Describe the goods.")), length(3, 300)], max_length=300
    )
    packages = IntegerField(_l("Number of packages"), [required(_l("Enter the number of packages.")), min_value(1)])
    package_kind = SelectField(_l("Kind of packages"), [required(_l("Choose the kind of packages."))], blank=CHOOSE)
    gross_mass = DecimalField(
        _l("Gross mass"), [required(_l("Enter the gross mass.")), above(0)], places=3, suffix="kg"
    )
    net_mass = DecimalField(_l("Net mass"), [required(_l("Enter the net mass.")), above(0)], places=3, suffix="kg")
    quantity = DecimalField(
        _l("Quantity in another unit"),
        [above(0)],
        places=3,
        description=_l("Only for goods that are counted or measured otherwise, such as pieces or cubic metres."),
    )
    unit = SelectField(_l("Other unit"), blank=_l("None"))
    value = DecimalField(_l("Price on the invoice"), [required(_l("Enter the price.")), above(0)], places=2)
    permit_line = LicenceField(_l("Licence"), blank=_l("No licence"))

    def validate_net_mass(self, field: DecimalField) -> None:
        gross = self.gross_mass.data
        if field.data is not None and gross is not None and field.data > gross:
            raise ValidationError(_("The net mass cannot be more than the gross mass."))

    def validate_value(self, field: DecimalField) -> None:
        check_places(field.data, str(field.suffix))  # the currency of the invoice

    def validate_unit(self, field: SelectField) -> None:
        if self.quantity.data is not None and not field.data:
            raise ValidationError(_("Choose the unit of the quantity."))


class ItemsForm(StepForm):
    """``context.facts["lines"]`` are the permit lines the exporter may draw on."""

    items = FieldList(FormField(ItemForm), label=_l("Item"), min_entries=1, max_entries=99)

    def prepare(self) -> None:
        self.items.heading = _("Items")
        lines = self.context.facts["lines"]
        currency = self.context.answers.get("invoice", {}).get("currency") or ""
        for entry in self.items.entries:
            item = entry.form
            item.package_kind.offer(packages.choices())
            item.unit.offer([(code, units.name(code)) for code in ("H87", "PR", "SET", "MTQ", "LTR", "KGM", "TNE")])
            item.permit_line.offer_lines(lines)
            item.value.suffix = currency

    def validate_items(self, field: FieldList) -> None:
        """An item with a licence counts in the licence's unit, and the goods are those it names."""
        lines = {str(line.line_id): line for line in self.context.facts["lines"]}
        wrong = False
        for entry in field.entries:
            item = entry.form
            line = lines.get(item.permit_line.data or "")
            wrong = (line is not None and not self._fits(item, line)) or wrong
        if wrong:
            raise ValidationError(_("Look at the licence of each item."))

    def _fits(self, item: ItemForm, line: Any) -> bool:
        """Whether the item may draw on the line; says at the field why not."""
        destination = self.context.answers.get("buyer", {}).get("destination")
        if item.hs.data and not item.hs.data.startswith(line.hs):
            item.permit_line.errors = [*item.permit_line.errors, _("This licence is for other goods.")]
        elif line.destination and destination and line.destination != destination:
            item.permit_line.errors = [*item.permit_line.errors, _("This licence is for another country.")]
        elif drawn(line.unit, item.net_mass.data, item.quantity.data, item.unit.data) is None:
            message = _("The licence counts in %(unit)s: enter the quantity in that unit.", unit=units.name(line.unit))
            item.quantity.errors = [*item.quantity.errors, message]
        else:
            return True
        return False


def line_choice(line: Any) -> SelectChoice:
    unit = units.find(line.unit)
    label = _(
        "%(number)s: %(goods)s, %(left)s %(unit)s left",
        number=line.permit_number,
        goods=line.description,
        left=format_number(line.available),
        unit=unit.symbol if unit else line.unit,
    )
    return SelectChoice(str(line.line_id), label)


def by_mass(unit: str) -> bool:
    """Whether a line that counts in ``unit`` is drawn on by the net mass."""
    return units.convert(Decimal(1), "KGM", unit) is not None


def drawn(unit: str, net_mass: Decimal | None, quantity: Decimal | None, quantity_unit: str | None) -> Decimal | None:
    """What an item takes from a line that counts in ``unit``: its net mass, or its other quantity.

    Rounded up to the thousandth in which lines count: half a kilogram is 0.001 t, not nothing.
    """
    given, given_in = (net_mass, "KGM") if by_mass(unit) else (quantity, quantity_unit or "")
    taken = units.convert(given, given_in, unit) if given is not None else None
    return taken.quantize(Decimal("0.001"), ROUND_CEILING) if taken is not None else None
