"""Asking for advice and giving it. Choices are set by the view."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import (
    EmailField,
    IntegerField,
    LongTextField,
    MultiCheckboxField,
    RadioField,
    SelectField,
    TextField,
    TickField,
    UploadField,
)
from forms.validators import required

Choices = Sequence[tuple[str, str]]


class AskForm(BaseForm):
    """``whom`` says which of the two kinds of adviser the other fields are read for."""

    whom = RadioField(_l("Who is asked"), [required(_l("Choose who is asked."))])
    agency = SelectField(_l("Agency"), blank=_l("Choose an agency"))
    expert_name = TextField(_l("Name of the expert"), max_length=120)
    expert_email = EmailField(
        _l("E-mail of the expert"),
        description=_l("They need no account: the link in the message works until the end of the last day."),
        autocomplete="off",
    )
    expert_language = SelectField(_l("Language of the expert"))
    question = LongTextField(_l("Question"), [required(_l("Write what you ask."))], max_length=4000)
    parts = MultiCheckboxField(
        _l("Which parts of the application they may read"), [required(_l("Choose at least one part."))]
    )
    papers = MultiCheckboxField(_l("Which documents they may read"))
    with_people = TickField(
        _l("Show personal data too"),
    )
    days = IntegerField(
        _l("Working days to answer"), [required(_l("Say in how many working days."))], minimum=1, maximum=90
    )

    def __init__(
        self,
        formdata: Any = None,
        *,
        agencies: Choices = (),
        languages: Choices = (),
        parts: Choices = (),
        papers: Choices = (),
        data: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(formdata, data=dict(data or {}), **extra)
        self.whom.offer([("agency", _("Another agency")), ("expert", _("An outside expert, by an expiring link"))])
        self.agency.offer(agencies)
        self.expert_language.offer(languages)
        self.parts.offer(parts)
        self.papers.offer(papers)
        self.with_people.description = _("Names, numbers of documents and how to reach people are hidden otherwise.")
        if not papers:
            del self.papers

    def validate(self, extra_validators: Any = None) -> bool:
        right = bool(super().validate(extra_validators))
        needed: dict[str, tuple[tuple[Any, str], ...]] = {
            "agency": ((self.agency, _("Choose the agency that is asked.")),),
            "expert": (
                (self.expert_name, _("Enter the name of the expert.")),
                (self.expert_email, _("Enter the e-mail address of the expert.")),
            ),
        }
        for field, message in needed.get(self.whom.data or "", ()):
            if not field.data and not field.errors:
                field.errors = [message]
                right = False
        return right


class AdviceForm(BaseForm):
    """The answer, of an official or of an expert."""

    opinion = RadioField(_l("What do you advise?"), [required(_l("Choose what you advise."))])
    answer = LongTextField(
        _l("Your advice"),
        [required(_l("Write your advice."))],
        max_length=4000,
        rows=8,
        description=_l("The officials of the case read it. It becomes part of the case file."),
    )
    conditions = MultiCheckboxField(
        _l("Conditions you propose"), description=_l("Only with “No objection, on conditions”.")
    )
    paper = UploadField(
        _l("Attach a file"), description=_l("A PDF or a picture, at most 8 MB. You can leave this empty.")
    )

    def __init__(self, formdata: Any = None, *, opinions: Choices = (), conditions: Choices = (), **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.opinion.offer(opinions)
        self.conditions.offer(conditions)
        if not conditions:
            del self.conditions

    def proposed(self) -> tuple[str, ...]:
        return tuple(self.conditions.data or ()) if "conditions" in self else ()


class EndForm(BaseForm):
    """Declining, taking back, cancelling: one reason."""

    reason = LongTextField(_l("Reason"), [required(_l("Write the reason."))], max_length=2000, rows=3)
