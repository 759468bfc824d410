"""``/advice/<token>``: an expert without an account reads what they were given and answers, until the link ends.

A link that is followed shows nothing about the case: only a press of a button does, so a mail scanner that opens every
link learns and spoils nothing. The address is a secret: it is kept out of caches, indexes and other sites' logs.
"""

import re

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask import session as cookie_session
from flask.typing import ResponseReturnValue

from app.cases import advice, advice_links, advice_view, grounds, registry
from app.cases.advice_models import OPINION_TITLES, Advice
from app.cases.models import Case, Submission
from app.core import db
from app.core.errors import DomainError, NotFound
from app.core.i18n import gettext as _
from app.documents import store
from app.identity import limits, signin
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.web import downloads
from app.web.desk.advice import answer_form, attached, paper_of
from app.web.guards import requires
from forms.advice import AdviceForm

blueprint = Blueprint("advice_link", __name__, url_prefix="/advice")
OPENINGS, OPENING_SECONDS = 120, 600  # of one network
KEY = "advice_links"  # in the browser's signed cookie: digests of the links whose button was pressed,
MOST_ENTERED = 5  # the latest ones
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


@blueprint.after_request
def _secret(answer: Response) -> Response:
    """The portal's own forms need to know the page they were on (``same-origin``); no other site is told it."""
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def _found(token: str) -> tuple[Advice, Case]:
    limits.hit(f"advice-link:{signin.network(request.remote_addr)}", OPENINGS, OPENING_SECONDS)
    if not _SHAPE.fullmatch(token):
        raise NotFound
    return advice_links.by_token(db.session(), token)


def _entered(found: Advice) -> bool:
    return found.link_digest in cookie_session.get(KEY, ())


@blueprint.get("/<token>")
@requires(Permission.PUBLIC)
def landing(token: str) -> ResponseReturnValue:
    """Says who asks and until when, and nothing about the case."""
    found, _case = _found(token)
    return _landing(token, found)


def _landing(token: str, found: Advice, *, typed: str | None = None) -> str:
    return render_template(
        "web/advice_link/landing.html",
        token=token,
        agency=lookup.agency(load.current(), found.agency),
        ends=found.due_at,
        works=_shows(found),
        answered=found.opinion is not None,
        withdrawn=found.ended_reason,
        typed=typed,
    )


@blueprint.post("/<token>")
@requires(Permission.PUBLIC)
def enter(token: str) -> ResponseReturnValue:
    found, case = _found(token)
    if not _shows(found):
        return redirect(url_for("advice_link.landing", token=token), 303)
    _let_in(found, case)
    return redirect(url_for("advice_link.question", token=token), 303)


def _let_in(found: Advice, case: Case) -> None:
    advice_links.opened(db.session(), load.current(), found, case, request.remote_addr)
    db.session().commit()
    others = [each for each in cookie_session.get(KEY, ()) if each != found.link_digest]
    cookie_session[KEY] = [*others, found.link_digest][-MOST_ENTERED:]


@blueprint.route("/<token>/question", methods=["GET", "POST"])
@requires(Permission.PUBLIC)
def question(token: str) -> ResponseReturnValue:
    """What the expert was given, and the form; afterwards only what they sent."""
    session, pack = db.session(), load.current()
    found, case = _found(token)
    form = answer_form(case, request.form if request.method == "POST" else None)
    if request.method != "POST":
        if not (_entered(found) and _shows(found)):
            return redirect(url_for("advice_link.landing", token=token), 303)
        advice.note_viewed(session, advice_links.expert_of(found, request.remote_addr), found, case)
        session.commit()
        return _page(token, found, case, form)
    if not _entered(found) and _shows(found):  # another browser's window, or one that forgot
        _let_in(found, case)
    if not advice_links.usable(pack, found):
        return _page(token, found, case, form, 409)
    if not form.validate():
        return _page(token, found, case, form, 422)
    try:
        advice_links.answer_by_link(
            session, pack, found, advice.Answer(form.opinion.data, form.answer.data, form.proposed()),
            version=request.form.get("version", type=int) or 0, ip=request.remote_addr, paper=attached(),
        )  # fmt: skip
        session.commit()
    except DomainError as error:
        session.rollback()
        found, case = advice_links.by_token(session, token)
        form.refuse(error.problems)
        return _page(token, found, case, form, error.status)
    flash(_("Thank you. Your advice is with the agency that asked."))
    return redirect(url_for("advice_link.question", token=token), 303)


def _shows(found: Advice) -> bool:
    """What they were given or, for a while, what they sent."""
    return advice_links.usable(load.current(), found) or advice_links.receipt(found)


def _page(token: str, found: Advice, case: Case, form: AdviceForm, status: int = 200) -> ResponseReturnValue:
    """Once the link has ended nothing but what they have just typed, which is theirs."""
    session, pack = db.session(), load.current()
    if not _shows(found):
        return make_response(_landing(token, found, typed=form.answer.data), status)
    submission = session.get_one(Submission, found.submission_id)
    return make_response(
        render_template(
            "web/advice_link/question.html",
            token=token,
            advice=found,
            open=advice_links.usable(pack, found),
            service=registry.service(case.service),
            agency=lookup.agency(pack, found.agency),
            sections=advice_view.given(session, pack, found, case) if found.open else (),
            titles=advice_view.titles(pack, case, submission),
            opinions=OPINION_TITLES,
            said=grounds.said,
            form=form,
        ),
        status,
    )


@blueprint.get("/<token>/papers/<int:upload_id>")
@requires(Permission.PUBLIC)
def paper(token: str, upload_id: int) -> ResponseReturnValue:
    """A document they were given, while the link works, or 0: what they sent."""
    session = db.session()
    found, case = _found(token)
    may = advice_links.receipt(found) if upload_id == 0 else advice_links.usable(load.current(), found)
    if not (may and _entered(found)):
        raise NotFound
    row = paper_of(found, upload_id)
    advice.note_paper(session, advice_links.expert_of(found, request.remote_addr), found, case, row["sha256"])
    session.commit()
    content = downloads.bytes_or_page(lambda: store.current().get(row["sha256"]))
    return downloads.file_answer(content, row["media_type"], row["filename"])
