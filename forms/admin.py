"""Administration: people and the programs of trade platforms. Choices that come from the portal are set by the view."""

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import EmailField, MultiCheckboxField, SelectField, TextField
from forms.validators import required


class UserForm(BaseForm):
    """Role and agencies of a person."""

    role = SelectField(_l("Role"), [required(_l("Choose a role."))])
    agencies = MultiCheckboxField(
        _l("Agencies"),
        description=_l("Clerks and supervisors see the cases of their agencies only."),
    )


class NewUserForm(UserForm):
    name = TextField(_l("Full name"), [required(_l("Enter the full name."))], max_length=120, autocomplete="off")
    email = EmailField(
        _l("E-mail address"),
        [required(_l("Enter the e-mail address."))],
        description=_l("A link to choose a password is sent to this address. It works for 7 days."),
        autocomplete="off",
    )


class ApiClientForm(BaseForm):
    name = TextField(_l("Name"), [required(_l("Enter the name of the platform."))], max_length=120, autocomplete="off")
    channel = SelectField(_l("Channel"), [required(_l("Choose a channel."))])
    contact = EmailField(
        _l("Technical contact"),
        [required(_l("Enter the e-mail address of the technical contact."))],
        autocomplete="off",
    )
    scopes = MultiCheckboxField(_l("What the program may do"), [required(_l("Choose at least one."))])
