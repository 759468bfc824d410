"""Our fields. Each keeps exactly what was typed, speaks the reader's language, and turns a saved answer back into data.

``kind`` tells ``components/ui.html`` how to draw the field; ``shown()`` is a saved answer as it is put back into the
input; ``display()`` is the answer as it is read on check-your-answers and by officials.
"""

from forms.fields.choices import (
    Chosen,
    MultiCheckboxField,
    RadioField,
    SelectField,
    TickField,
    YesNoField,
    options,
)
from forms.fields.dates import DateField
from forms.fields.numbers import DecimalField, IntegerField, parse_decimal
from forms.fields.places import CountryField, UnitField, unit_choices, unit_name
from forms.fields.rows import FieldList
from forms.fields.text import (
    EmailField,
    HiddenField,
    LongTextField,
    PasswordField,
    PhoneField,
    TextField,
    UploadField,
)
from forms.fields.typed import Typed, one_line, plain

__all__ = [
    "Chosen",
    "CountryField",
    "DateField",
    "DecimalField",
    "EmailField",
    "FieldList",
    "HiddenField",
    "IntegerField",
    "LongTextField",
    "MultiCheckboxField",
    "PasswordField",
    "PhoneField",
    "RadioField",
    "SelectField",
    "TextField",
    "TickField",
    "Typed",
    "UnitField",
    "UploadField",
    "YesNoField",
    "one_line",
    "options",
    "parse_decimal",
    "plain",
    "unit_choices",
    "unit_name",
]
