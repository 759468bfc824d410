"""Business registration, one class a page."""

import re
from decimal import Decimal
from typing import Any

from wtforms import FormField
from wtforms.validators import ValidationError

from app.core.i18n import format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import lookup
from app.jurisdictions.model import EntityType, IdentifierShape
from forms.base import BaseForm, StepForm
from forms.fields import (
    CountryField,
    DecimalField,
    EmailField,
    FieldList,
    IntegerField,
    MultiCheckboxField,
    PhoneField,
    RadioField,
    SelectField,
    TextField,
    TickField,
    UnitField,
)
from forms.searchable import IsicField
from forms.validators import length, min_value, required

DOCUMENT_KINDS = (("national_id", _l("National identity card")), ("passport", _l("Passport")))
OWNER = "owner"
MANAGER = "manager"


def entity_type(form: StepForm) -> EntityType | None:
    """The legal form chosen in the first step, as it is today, or None before that."""
    code = form.context.answers.get("legal_form", {}).get("entity_type")
    rows = form.context.pack.entity_types
    return (lookup.find(rows, code, form.context.facts["today"]) or lookup.find(rows, code)) if code else None


class LegalFormForm(StepForm):
    entity_type = RadioField(
        _l("Which legal form will the business have?"), [required(_l("Choose the legal form of the business."))]
    )

    def prepare(self) -> None:
        today = self.context.facts["today"]
        self.entity_type.offer(lookup.in_force(self.context.pack.entity_types, today))


class NameForm(StepForm):
    """``context.facts["similar"]`` looks a name up in the register; ``similar`` is what it found."""

    name = TextField(
        _l("Name of the business"),
        [required(_l("Enter the name of the business.")), length(2, 120)],
        max_length=120,
        description=_l("Without the legal form: “Urumuri Tea Hills”, not “Urumuri Tea Hills Ltd”."),
    )
    trade_name = TextField(
        _l("Trade name, if it is another"),
        [length(maximum=120)],
        max_length=120,
        description=_l("The name customers see. Leave it empty if it is the same."),
    )
    different = TickField(_l("I have looked at the similar names; mine is different enough"))

    similar: tuple[Any, ...] = ()

    def validate_name(self, field: TextField) -> None:
        if not field.data:
            return
        if not any(sign.isalnum() for sign in field.data):
            raise ValidationError(_("Enter a name with letters or digits in it."))
        found = self.context.facts["similar"](field.data)
        self.similar = tuple(found)
        if any(near.same for near in found):
            raise ValidationError(_("This name is taken or reserved. Choose another name."))

    def validate_different(self, field: TickField) -> None:
        if self.similar and not any(near.same for near in self.similar) and not field.data:
            raise ValidationError(_("Look at the similar names. If yours is different enough, tick the box."))

    def summary(self) -> list[Any]:
        return [row for row in super().summary() if row.path != "different"]


class ActivityForm(StepForm):
    main = IsicField(
        _l("Main activity"),
        [required(_l("Search for the main activity and choose it."))],
        description=_l("Search by word or by ISIC Rev. 4 number: “coffee”, “1079”."),
    )
    other = IsicField(_l("Another activity, if there is one"), description=_l("You can leave this empty."))
    description = TextField(
        _l("What the business does, in a few words"),
        [required(_l("Describe what the business does.")), length(5, 300)],
        max_length=300,
    )

    def validate_other(self, field: IsicField) -> None:
        if field.data and field.data == self.main.data:
            raise ValidationError(_("This is the main activity already. Choose another one, or leave it empty."))


class AddressForm(StepForm):
    """``context.facts["tax_number_used"]`` says whether another business or application has a tax number."""

    unit = UnitField(_l("Where the business has its seat"), [required(_l("Choose where the business has its seat."))])
    street = TextField(
        _l("Street, plot or house"),
        [required(_l("Enter the street, plot or house.")), length(2, 200)],
        description=_l("So that a letter or a visitor finds it."),
    )
    phone = PhoneField(_l("Telephone"), [required(_l("Enter a telephone number."))])
    email = EmailField(_l("E-mail of the business"), [required(_l("Enter an e-mail address."))])
    tax_number = TextField(_l("Tax number, if the business has one"), max_length=40, upper=True)

    def prepare(self) -> None:
        shapes = self._tax_numbers()
        if not shapes:
            del self.tax_number
            return
        self.tax_number.description = _(
            "%(name)s, like %(example)s. Leave it empty if the business has none yet.",
            name=shapes[-1].name,
            example=shapes[-1].example,
        )

    def _tax_numbers(self) -> list[IdentifierShape]:
        in_force = lookup.in_force(self.context.pack.identifiers, self.context.facts["today"])
        return [shape for shape in in_force if shape.tax_number]

    def validate_tax_number(self, field: TextField) -> None:
        """Spaces, as people write long numbers, are not part of it."""
        number = (field.data or "").replace(" ", "")
        field.data = number or None
        shapes = self._tax_numbers()
        if number and not any(re.fullmatch(shape.pattern, number) for shape in shapes):
            raise ValidationError(
                _("Enter the tax number in its full form, like %(example)s.", example=shapes[-1].example)
            )
        if number and self.context.facts["tax_number_used"](number):
            raise ValidationError(
                _("Another business or application already uses this tax number. Check what you typed. "
                  "If the number is yours, leave the answer empty and write to the registrar.")
            )  # fmt: skip


class CapitalForm(StepForm):
    capital = DecimalField(
        _l("Share capital"),
        [required(_l("Enter the share capital.")), min_value(Decimal(1))],
        places=0,
        description=_l("The value of all shares together."),
    )
    shares_issued = IntegerField(
        _l("Number of shares"),
        [required(_l("Enter the number of shares.")), min_value(1)],
        description=_l("The shares of all shareholders must add up to exactly this number."),
    )

    def prepare(self) -> None:
        self.capital.suffix = self.context.pack.currency


class PersonForm(BaseForm):
    name = TextField(_l("Full name"), [required(_l("Enter the person's full name.")), length(2, 120)], max_length=120)
    roles = MultiCheckboxField(_l("Role"), [required(_l("Choose at least one role."))])
    document_kind = SelectField(
        _l("Identity document"),
        [required(_l("Choose the identity document."))],
        choices=DOCUMENT_KINDS,
        blank=_l("Choose from the list"),
    )
    document_number = TextField(
        _l("Number of the document"),
        [required(_l("Enter the number of the identity document.")), length(3, 30)],
        max_length=30,
        upper=True,
    )
    nationality = CountryField(_l("Nationality"), [required(_l("Choose the nationality."))])
    shares = IntegerField(_l("Number of shares"), [min_value(1)])


class PeopleForm(StepForm):
    """Owners and managers. Their number and, for companies, the sum of the shares follow the legal form."""

    people = FieldList(FormField(PersonForm), label=_l("Person"), min_entries=1, max_entries=50)

    def prepare(self) -> None:
        self.people.heading = _("People")
        kind = entity_type(self)
        roles = [(OWNER, owner_title(kind)), (MANAGER, manager_title(kind))] if kind else []
        if kind and kind.owner_role == kind.manager_role:
            roles = roles[:1]
        for entry in self.people.entries:
            entry.form.roles.offer(roles)
            entry.form.nationality.first = (self.context.pack.country,)
            if kind is not None and not kind.has_shares and "shares" in entry.form:
                del entry.form.shares

    def validate_people(self, field: FieldList) -> None:
        kind = entity_type(self)
        if kind is None:
            raise ValidationError(_("Choose the legal form first."))
        chosen = [entry.form.roles.data or [] for entry in field.entries]
        owners = sum(OWNER in roles for roles in chosen)
        managers = sum(MANAGER in roles for roles in chosen)
        if owners < kind.min_owners:
            raise ValidationError(
                _(
                    "This legal form needs at least %(count)s: %(role)s.",
                    count=format_number(kind.min_owners),
                    role=owner_title(kind),
                )
            )
        if kind.max_owners is not None and owners > kind.max_owners:
            raise ValidationError(
                _(
                    "This legal form may have at most %(count)s: %(role)s.",
                    count=format_number(kind.max_owners),
                    role=owner_title(kind),
                )
            )
        if kind.owner_role != kind.manager_role and managers < kind.min_managers:
            raise ValidationError(
                _("This legal form needs at least %(count)s: %(role)s.",
                  count=format_number(kind.min_managers), role=manager_title(kind))
            )  # fmt: skip
        if kind.has_shares:
            self._check_shares(field)

    def _check_shares(self, field: FieldList) -> None:
        total = 0
        for entry in field.entries:
            person = entry.form
            owns = OWNER in (person.roles.data or [])
            if owns and not person.shares.data:
                raise ValidationError(
                    _("Enter the number of shares of %(name)s.", name=person.name.data or _("each shareholder"))
                )
            if not owns and person.shares.data:
                raise ValidationError(_("%(name)s has shares but is not an owner.", name=person.name.data or ""))
            total += int(person.shares.data or 0)
        issued = self.context.answers.get("capital", {}).get("shares_issued")
        if issued is None:
            raise ValidationError(_("Enter the number of shares in the step “Capital” first."))
        if total != int(issued):
            raise ValidationError(
                _("The shares add up to %(total)s, but the business has %(issued)s.",
                  total=format_number(total), issued=format_number(int(issued)))
            )  # fmt: skip


_ROLES = {
    "owner": _l("Owner"),
    "shareholder": _l("Shareholder"),
    "partner": _l("Partner"),
    "member": _l("Member"),
    "director": _l("Director"),
    "manager": _l("Manager"),
    "chairperson": _l("Chairperson"),
    "representative": _l("Local representative"),
}


def owner_title(kind: EntityType) -> str:
    return str(_ROLES[kind.owner_role])


def manager_title(kind: EntityType) -> str:
    return str(_ROLES[kind.manager_role])


def role_title(code: str) -> str:
    return str(_ROLES.get(code, code))
