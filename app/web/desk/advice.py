"""``/desk/advice``: what other agencies ask of this one, and asking another agency or an expert about a case."""

from io import BytesIO
from typing import BinaryIO

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, advice, advice_links, advice_mail, advice_view, grounds, hands, registry, summary
from app.cases.advice_models import OPINION_TITLES, STATE_KINDS, STATE_TITLES, Advice, Opinion
from app.cases.models import Case, Submission
from app.core import clock, db, i18n
from app.core.errors import DomainError, Invalid, NotAllowed, NotFound, Stale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import store
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.web import downloads, navigation
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from app.web.paging import cursor, read_cursor
from app.web.templating import url_with
from forms.advice import AdviceForm, AskForm, EndForm

navigation.register(navigation.NavigationItem(_l("Advice"), "/desk/advice", roles=navigation.OFFICIALS, order=45))
REFUSED = (Invalid, NotAllowed, Stale)


@blueprint.get("/desk/advice", endpoint="advice_list")
@requires(Permission.DESK)
def overview() -> ResponseReturnValue:
    """What is asked of this person's agencies."""
    session, who = db.session(), actor()
    ended = request.args.get("show") == "ended"
    after = read_cursor(request.args.get("after"))
    listed = advice_view.listed(session, who, ended=ended, after=after)
    following = cursor(listed.following)
    return render_template(
        "web/desk/advice.html",
        rows=listed.rows,
        ended=ended,
        counts=advice_view.counts(session, who),
        late=advice_view.late,
        agencies={agency.code: agency.name for agency in load.current().agencies},
        titles=STATE_TITLES,
        kinds=STATE_KINDS,
        opinions=OPINION_TITLES,
        names=people.names(session, sorted({each.taken_by for each, _case in listed.rows if each.taken_by})),
        following=url_with(after=following) if following else None,
        first=url_with(after=None) if after else None,
    )


@blueprint.route("/desk/<reference>/advice/new", methods=["GET", "POST"], endpoint="advice_new")
@requires(Permission.DESK)
def ask(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    case = access.load(session, who, reference, Permission.DESK)
    form = _ask_form(case, posted_form() or None)
    if request.method != "POST":
        return _ask_page(case, form)
    if not form.validate():
        return _ask_page(case, form, 422)
    papers = tuple(int(each) for each in form.papers.data) if "papers" in form else ()
    question = advice.Question(
        form.question.data, tuple(form.parts.data), papers, bool(form.with_people.data), form.days.data
    )
    try:
        if form.whom.data == "agency":
            asked = advice.ask_agency(session, pack, who, case, form.agency.data, question)
        else:
            language = form.expert_language.data or pack.default_language
            expert = advice_links.Expert(form.expert_name.data, form.expert_email.data, pack.locale(language))
            asked = advice_links.ask_expert(session, pack, who, case, expert, question)
        session.commit()
    except REFUSED as error:
        session.rollback()
        form.refuse(error.problems)
        return _ask_page(case, form, error.status)
    flash(_("The question is sent. Its reference is %(reference)s.", reference=asked.reference))
    return redirect(url_for("desk.review", reference=reference, _anchor="advice"), 303)


def _ask_form(case: Case, posted: object) -> AskForm:
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    submission = session.get_one(Submission, case.current_submission_id)
    sections = summary.sections(session, definition, pack, case, submission.data)
    titles = advice_view.titles(pack, case, submission)
    names = {language: i18n.LANGUAGES.get(language, language) for language in pack.languages}
    day = clock.today(pack.zone)
    return AskForm(
        posted,
        agencies=[(row.code, row.name) for row in lookup.in_force(pack.agencies, day) if row.code != case.agency],
        languages=list(names.items()),
        parts=[(each.step, str(each.title)) for each in sections],
        papers=[
            (str(each["upload_id"]), f"{titles.get(each['code'], each['code'])} ({each['filename']})")
            for each in submission.documents
        ],
        data={
            "parts": [each.step for each in sections],
            "days": pack.advice.working_days,
            "whom": "agency",
            "expert_language": pack.default_language,
        },
    )


def _ask_page(case: Case, form: AskForm, status: int = 200) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    refusal = hands.why_not(session, case, actor())
    return (
        render_template("web/desk/advice_new.html", case=case, form=form, refusal=refusal, terms=pack.advice),
        status,
    )


@blueprint.route("/desk/advice/<reference>", methods=["GET", "POST"], endpoint="advice_one")
@requires(Permission.DESK)
def one(reference: str) -> ResponseReturnValue:
    """The question with what may be seen; its answer by the agency that is asked, its withdrawal by the other."""
    session, who, pack = db.session(), actor(), load.current()
    found, case = advice.load(session, who, reference)
    form, end = _forms(case)
    if request.method != "POST":
        advice.note_viewed(session, who, found, case)
        session.commit()
        return page(found, case, form, end)
    action, seen = request.form.get("action", ""), request.form.get("version", type=int) or 0
    asked = end if action in {"decline", "withdraw"} else form
    if action not in {"take", "erase"} and not asked.validate():
        return page(found, case, form, end, status=422)
    try:
        match action:
            case "take":
                advice.take(session, who, found, version=seen)
            case "decline":
                advice.decline(session, pack, who, found, end.reason.data, version=seen)
            case "withdraw":
                advice.withdraw(session, pack, who, found, end.reason.data, version=seen)
            case "erase":
                advice_links.erase_expert(session, who, found)
            case _:
                given = advice.Answer(form.opinion.data, form.answer.data, form.proposed())
                advice.answer(session, pack, who, found, given, version=seen, paper=attached())
        session.commit()
    except DomainError as error:
        session.rollback()
        found, case = advice.load(session, who, reference)
        asked.refuse(error.problems)
        return page(found, case, form, end, status=error.status)
    flash({
        "take": _("You have taken it up."),
        "decline": _("Declined. The agency that asked is told."),
        "withdraw": _("Taken back. The adviser is told."),
        "erase": _("The name and the address of the expert are erased."),
    }.get(action, _("Your advice is with the agency that asked.")))  # fmt: skip
    return redirect(url_for("desk.advice_one", reference=found.reference), 303)


def attached() -> tuple[BinaryIO, str] | None:
    """The file that came with the answer, if one did."""
    file = request.files.get("paper")
    return (BytesIO(file.read()), file.filename) if file is not None and file.filename else None


def answer_form(case: Case, posted: object) -> AdviceForm:
    pack = load.current()
    offered = lookup.reasons_for(pack, "conditions", case.service, clock.today(pack.zone))
    return AdviceForm(
        posted,
        opinions=[(each.value, str(OPINION_TITLES[each])) for each in Opinion],
        conditions=[(row.code, row.name) for row in offered],
    )


def _forms(case: Case) -> tuple[AdviceForm, EndForm]:
    posted = posted_form() or None
    return answer_form(case, posted), EndForm(posted)


def page(found: Advice, case: Case, form: AdviceForm, end: EndForm, *, status: int = 200) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    submission = session.get_one(Submission, found.submission_id)
    may_open = access.may(who, case, Permission.DESK)
    ids = [each for each in (found.asked_by, found.taken_by, found.answered_by) if each is not None]
    return (
        render_template(
            "web/desk/advice_one.html",
            advice=found,
            case=case,
            service=registry.service(case.service),
            may_open=may_open,
            may_advise=found.open and advice.may_advise(session, who, found, case),
            may_erase=found.expert_email is not None and advice_links.why_not_erase(session, who, found, case) is None,
            may_withdraw=found.open and may_open and hands.why_not(session, case, who) is None,
            sections=advice_view.given(session, pack, found, case),
            titles=advice_view.titles(pack, case, submission),
            agency=lookup.agency(pack, found.agency),
            adviser=advice_mail.adviser_name(pack, found),
            states=(STATE_TITLES, STATE_KINDS),
            opinions=OPINION_TITLES,
            late=advice_view.late(found),
            names=people.names(session, ids),
            said=grounds.said,
            form=form,
            end=end,
            failed=end if end.errors and request.form.get("action") in {"decline", "withdraw"} else form,
        ),
        status,
    )


@blueprint.get("/desk/advice/<reference>/papers/<int:upload_id>", endpoint="advice_paper")
@requires(Permission.DESK)
def paper(reference: str, upload_id: int) -> ResponseReturnValue:
    """One of the documents that were given to the adviser, or 0: what came with the answer."""
    session, who = db.session(), actor()
    found, case = advice.load(session, who, reference)
    row = paper_of(found, upload_id)
    advice.note_paper(session, who, found, case, row["sha256"])
    session.commit()
    content = downloads.bytes_or_page(lambda: store.current().get(row["sha256"]))
    return downloads.file_answer(content, row["media_type"], row["filename"])


def paper_of(found: Advice, upload_id: int) -> dict[str, str]:
    given = {each["upload_id"]: each for each in found.papers}
    row = found.paper if upload_id == 0 else given.get(upload_id)
    if row is None:
        raise NotFound
    return dict(row)
