"""The auditor's filters, which live in the address, and the name of a bundle. Choices are set by the view."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from datetime import date
from typing import Any

from wtforms import fields
from wtforms.validators import ValidationError

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import IntegerField, LongTextField, RadioField, SelectField, TextField

SHORTEST = 3  # characters: the search index is made of threes


class DayField(fields.DateField):
    """A day in the browser's own date box, small enough for a filter; elsewhere in the portal a date is three boxes."""

    kind = "day"

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        try:
            self.data = date.fromisoformat(text) if text else None
        except ValueError as error:
            self.data = None
            raise ValueError(_("Write the day as year-month-day, for example 2026-03-31.")) from error


class PeriodForm(BaseForm):
    """From one day to another, both included, in the country's time."""

    since = DayField(_l("From the day"))
    until = DayField(_l("To the day"))

    def validate_until(self, field: Any) -> None:
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError(_("The last day is before the first."))


class SearchForm(PeriodForm):
    """The period is that in which the case was received."""

    since = DayField(_l("Received since"))
    until = DayField(_l("Received until"))
    q = TextField(_l("Search"), max_length=100)
    kind = SelectField(_l("Kind"))
    service = SelectField(_l("Service"), blank=_l("All"))
    state = SelectField(_l("State"), blank=_l("All"))
    agency = SelectField(_l("Agency"), blank=_l("All"))
    business = TextField(_l("Registration number of the business"), max_length=60, upper=True)
    official = TextField(_l("E-mail address of an official who acted on it"), max_length=254)

    def validate_q(self, field: Any) -> None:
        if field.data and max(len(word) for word in field.data.split()) < SHORTEST:
            raise ValidationError(_("Type a word of at least three characters."))

    @property
    def narrowed(self) -> bool:
        """Whether something is asked that only cases have."""
        asked = (self.service, self.state, self.agency, self.business, self.official, self.since, self.until)
        return any(field.data for field in asked)


class LogForm(PeriodForm):
    q = TextField(_l("Words"), max_length=100)
    verb = SelectField(_l("What happened"), blank=_l("Everything"))
    actor = TextField(_l("Who"), max_length=100)
    reference = TextField(_l("Reference"), max_length=60, upper=True)


class BundleForm(BaseForm):
    title = TextField(_l("Name of the bundle"), max_length=120)


class ChooseForm(SearchForm):
    """Cases for a bundle by the same filters, and whether to take all of them or a sample. A seed is given for it."""

    method = RadioField(_l("Which of them"), default="all")
    size = IntegerField(_l("How many to draw"), minimum=1)
    layer = SelectField(_l("Groups, for a stratified sample"))
    amount = SelectField(_l("Amount, for a monetary unit sample"))
    seed = TextField(
        _l("Seed"),
        max_length=64,
        description=_l("Whoever draws from the same cases with this seed draws the same. You may write your own."),
    )
    title = TextField(_l("Name of the bundle"), max_length=120)
    head = LongTextField(
        _l("Head of the log that you kept"),
        max_length=2000,
        rows=3,
        description=_l(
            "The bundle then proves that the log has only grown since. Paste the head's file, or write its number of"
            " entries. Left empty, it is the head of your last bundle, if you had one."
        ),
    )

    @property
    def sampled(self) -> bool:
        return self.method.data not in (None, "", "all")

    def validate_size(self, field: Any) -> None:
        if self.sampled and field.data is None and not field.errors:
            raise ValidationError(_("Write how many cases to draw."))
