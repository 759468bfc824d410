"""A supervisor's change of a permit's or a business's state."""

from collections.abc import Iterable
from typing import Any

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import LongTextField, RadioField, options
from forms.validators import length, required


class StateReasonForm(BaseForm):
    """``choices`` are reason codes with their titles."""

    reason_code = RadioField(_l("Why"), [required(_l("Choose why."))])
    reason = LongTextField(
        _l("What the holder must know"),
        [required(_l("Explain it to the holder.")), length(minimum=10, maximum=2000)],
        description=_l(
            "The holder reads this text. Say what was found and, where something can be done about it, "
            "what and by when."
        ),
    )

    def __init__(self, formdata: Any = None, *, choices: Iterable[tuple[str, Text]] = (), **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.reason_code.choices = options(choices)


class ReasonForm(BaseForm):
    """A reason in words alone."""

    reason = LongTextField(
        _l("What the business must know"),
        [required(_l("Explain it to the business.")), length(minimum=10, maximum=2000)],
        description=_l("The people of the business read this text."),
    )
