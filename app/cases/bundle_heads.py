"""From which earlier head of the log a bundle proves that the log has only grown since.

The portal does not say whether that head is true: whoever kept it finds out with the verifier, on their own machine.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import heads, verifier
from app.cases.models import Bundle
from app.core import i18n
from app.core.errors import Invalid, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor

FIELD = "head"


def wanted(session: Session, actor: Actor, typed: str) -> int | None:
    """The size of the head that is meant: ``typed`` as a number or as the head's JSON, else that of their last bundle.

    None for a first bundle. Raises Invalid at ``FIELD``.
    """
    typed = typed.strip()
    return _typed(session, typed) if typed else _last(session, actor)


def _last(session: Session, actor: Actor) -> int | None:
    theirs = select(Bundle.log_size).where(Bundle.requested_by == actor.user_id, Bundle.log_size.is_not(None))
    return session.scalar(theirs.order_by(Bundle.id.desc()).limit(1))


def _typed(session: Session, typed: str) -> int:
    latest = heads.latest(session)
    if typed.isascii() and typed.isdigit() and len(typed) <= 18:
        size = int(typed)
    else:
        try:
            kept = verifier.Head(verifier.parse(typed.encode()))
        except verifier.Wrong as wrong:
            raise _refused(
                _l("Write the number of entries of the head you kept, or paste the whole content of its file."), "form"
            ) from wrong
        if latest is not None and kept.log != latest.log:
            raise _refused(_l("The head you kept is of another log: %(log)s.", log=str(kept.log)[:100]), "another_log")
        size = kept.size
    now = latest.size if latest is not None else 0
    if size > now:
        raise _refused(
            _l(
                "The log has %(now)s entries, fewer than the %(size)s of this head. If the number is right, entries"
                " were taken out of the log: ask for the bundle without it, and give the verifier the head you kept.",
                now=i18n.format_number(now),
                size=i18n.format_number(size),
            ),
            "log_went_back",
        )
    if not size:
        raise _refused(_l("A head of no entries proves nothing. Give one that counts some."), "form")
    return size


def _refused(message: Text, code: str) -> Invalid:
    return Invalid(Problem(message, FIELD, code))
