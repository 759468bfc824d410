"""Mobile-money numbers: read as people write them, kept in E.164, shown masked."""

import re

import phonenumbers

from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import Pack


def normal(raw: str, pack: Pack) -> str:
    """E.164 with the plus. Raises Invalid at field ``msisdn`` when it is no number of the pack's provider.

    The Congo's numbers keep their leading zero after +242; ``national_significant_number`` knows that.
    """
    if any(sign.isalpha() for sign in raw):  # letters would be read as keys of an old telephone
        raise _refused(pack)
    try:
        parsed = phonenumbers.parse(raw, pack.country)
    except phonenumbers.NumberParseException:
        raise _refused(pack) from None
    national = phonenumbers.national_significant_number(parsed)
    prefix = f"+{parsed.country_code}"
    if prefix != pack.mobile_money.prefix or not re.fullmatch(pack.mobile_money.pattern, national):
        raise _refused(pack)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _refused(pack: Pack) -> Invalid:
    message = _l(
        "Enter a mobile money number of %(provider)s, starting with %(prefix)s or as you dial it.",
        provider=pack.mobile_money.provider,
        prefix=pack.mobile_money.prefix,
    )
    return Invalid(Problem(message, "msisdn", "msisdn"))


def masked(e164: str) -> str:
    """Only the country and the last three digits: ``+250 ••• 001``."""
    parsed = phonenumbers.parse(e164)
    return f"+{parsed.country_code} ••• {e164[-3:]}"
