"""The closed list of things worth an audit entry. Each package registers its own when it is imported."""

import re

from app.core.i18n import Text

_SHAPE = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_titles: dict[str, Text] = {}


class UnknownVerb(LookupError):
    """A programming mistake: the verb was never registered."""


def register(code: str, title: Text) -> str:
    """Add a verb such as ``case.submitted``; ``title`` is what an auditor reads. Returns ``code``.

    Raises ValueError when the code is badly shaped or already has another owner.
    """
    if not _SHAPE.fullmatch(code):
        raise ValueError(f"{code!r} is not a dotted lower-case verb")
    known = _titles.get(code)
    if known is not None and str(known) != str(title):
        raise ValueError(f"the audit verb {code} is already registered")
    _titles[code] = title
    return code


def check(code: str) -> str:
    """``code``, if it is registered; raises UnknownVerb otherwise."""
    if code not in _titles:
        raise UnknownVerb(f"the audit verb {code!r} is not registered")
    return code


def title(code: str) -> str:
    """In the reader's language. A verb that is no longer in use is shown by its code: old entries stay readable."""
    known = _titles.get(code)
    return str(known) if known is not None else code


def registered() -> dict[str, Text]:
    """Every verb and its title, by code, for the auditor's filter."""
    return dict(sorted(_titles.items()))


__all__ = ["UnknownVerb", "check", "register", "registered", "title"]
