"""The reviewer's forms: the decision panel, a note, and several approvals at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms.fields import SelectChoice

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import Reason, ReasonUse
from forms.base import BaseForm
from forms.fields import IntegerField, LongTextField, MultiCheckboxField, RadioField, SelectField
from forms.validators import length, required

LISTS: tuple[ReasonUse, ...] = ("refuse", "ask", "recommend", "conditions", "cancel", "correct")  # the uses of a reason
# Which lists belong to a decision: only what is ticked in those counts.
OF_DECISION: dict[str, tuple[str, ...]] = {
    "refuse": ("refuse",),
    "recommend_refuse": ("refuse",),
    "recommend_approve": ("recommend", "conditions"),
    "ask": ("ask",),
    "cancel": ("cancel",),
    "correct": ("correct",),
}


def field_of(use: str) -> str:
    """The name of the list's field."""
    return "conditions" if use == "conditions" else f"{use}_reasons"


class DecisionForm(BaseForm):
    """``choices`` are the decisions open to this person now, as (value, title) pairs; ``offered`` the pack's sentences
    by use. A list without sentences, or without a decision it belongs to, is not part of the form."""

    decision = RadioField(_l("Decision"), [required(_l("Choose what to do with the case."))])
    refuse_reasons = MultiCheckboxField(_l("Why it is refused"))
    ask_reasons = MultiCheckboxField(_l("What is asked"))
    answer_days = IntegerField(
        _l("Working days to answer"),
        description=_l("The applicant is reminded before the last day. Nothing is refused by itself."),
        minimum=1,
        maximum=60,
    )
    recommend_reasons = MultiCheckboxField(_l("Why it can be approved"))
    conditions = MultiCheckboxField(_l("Conditions of the approval"))
    own_conditions = LongTextField(
        _l("Conditions in your own words"),
        [length(maximum=4000)],
        description=_l("One a line. They are printed on what is issued."),
    )
    cancel_reasons = MultiCheckboxField(_l("Why it is cancelled"))
    correct_reasons = MultiCheckboxField(_l("Why the decision is wrong"))
    reason = LongTextField(_l("Reason or question"), [length(maximum=4000)])
    without_waiting = LongTextField(_l("Why you do not wait"), [length(maximum=2000)], rows=2)

    def __init__(
        self,
        formdata: Any = None,
        *,
        choices: list[tuple[str, str]] | None = None,
        offered: Mapping[ReasonUse, Sequence[Reason]] | None = None,
        proposed: Mapping[str, str] | None = None,
        waiting: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> None:
        self.offered = offered or {}
        super().__init__(formdata, data=dict(data or {}), **extra)
        self.decision.choices = [SelectChoice(value, title) for value, title in choices or []]
        open_now = {value for value, _title in choices or []}
        belonging = {name for value in open_now for name in OF_DECISION.get(value, ())}
        for use in LISTS:
            field = self[field_of(use)]
            if use in belonging and self.offered.get(use):
                field.choices = [SelectChoice(row.code, row.name) for row in self.offered[use]]
                field.hints = {row.code: _("illustrative") if row.illustrative else row.legal_ref
                               for row in self.offered[use]}  # fmt: skip
            else:
                del self[field_of(use)]
        if not waiting or not open_now & {"approve", "refuse"}:
            del self.without_waiting
        else:
            what = ", ".join(waiting)
            self.without_waiting.description = _("Needed to approve or refuse while this is open: %(what)s.", what=what)
        if "conditions" in self:
            for code, reference in (proposed or {}).items():
                self.conditions.hints[code] = _("proposed in advice %(reference)s", reference=reference)
        if "conditions" not in self:
            del self.own_conditions
        if "ask" not in open_now:
            del self.answer_days
            self.reason.description = _("The applicant reads it with the decision. An approval needs none.")
        else:
            self.reason.description = _("The applicant reads a question; your supervisor reads a recommendation.")

    def ticked(self, use: str) -> tuple[str, ...]:
        """The codes ticked in a list, where it belongs to the decision that was chosen."""
        belongs = use in OF_DECISION.get(self.decision.data or "", ())
        return tuple(self[field_of(use)].data or ()) if belongs and field_of(use) in self else ()

    def written(self) -> tuple[str, ...]:
        """Conditions in the official's own words, one a line."""
        if self.decision.data != "recommend_approve" or "own_conditions" not in self:
            return ()
        return tuple((self.own_conditions.data or "").splitlines())


class NoteForm(BaseForm):
    """``colleagues`` are those who may be told, as (id, name) pairs."""

    body = LongTextField(
        _l("Note for colleagues"),
        [required(_l("Write the note.")), length(maximum=4000)],
        description=_l("Officials see it; the applicant does not."),
    )
    colleague = SelectField(_l("Tell a colleague"), blank=_l("Nobody in particular"))

    def __init__(self, formdata: Any = None, *, colleagues: Sequence[tuple[int, str]] = (), **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.colleague.offer(colleagues)

    def told(self) -> int | None:
        return int(self.colleague.data) if self.colleague.data else None
