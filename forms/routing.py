"""Clearing flags, moving cases between teams, putting officials into teams, trying rules out."""

from typing import Any

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import LongTextField, MultiCheckboxField, RadioField, UploadField, options
from forms.validators import length, required

Pairs = list[tuple[str, str]]


class ClearFlagForm(BaseForm):
    reason = LongTextField(
        _l("Why may the flag be cleared?"),
        [required(_l("Write why the flag may be cleared.")), length(minimum=3, maximum=2000)],
        description=_l("It is kept with the case. Applicants do not see it."),
    )


class MoveToTeamForm(BaseForm):
    WHOLE_AGENCY = "-"  # an empty choice would be no answer

    team = RadioField(_l("Team"), [required(_l("Choose a team."))])
    reason = LongTextField(
        _l("Reason"),
        [required(_l("Write why the case goes to another team.")), length(minimum=3, maximum=1000)],
        description=_l("It is kept with the case."),
    )

    def __init__(self, formdata: Any = None, *, teams: Pairs, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.team.choices = options(teams)

    @property
    def to(self) -> str:
        """The code of the team; empty for none."""
        chosen = self.team.data or ""
        return "" if chosen == self.WHOLE_AGENCY else str(chosen)


class TeamsForm(BaseForm):
    """Nothing ticked: the whole agency."""

    teams = MultiCheckboxField(_l("Teams"))


class RulesForm(BaseForm):
    file = UploadField(_l("The changed routing.toml"), accept=".toml")
