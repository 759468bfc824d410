"""One's mobile number: adding it, confirming it with a code, texts on or off, taking it away."""

import logging

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.core import db
from app.core.errors import Busy, Invalid, NotFound
from app.core.i18n import gettext as _
from app.identity import limits, people, signin
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.policy import Permission
from app.jurisdictions import load
from app.notifications import sms
from app.notifications.sending import post
from app.notifications.sms import phones, writing
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.guards import requires
from forms.fields import options
from forms.phone import PhoneCodeForm, PhoneForm

CODES = ((5, signin.HOUR), (10, 24 * signin.HOUR))  # to one person, and to one number whoever asks, in so many seconds
CODES_FROM_NETWORK = 30  # an hour; an office shares an address
CODES_IN_ALL = 1000  # a day: what somebody with many accounts, numbers and addresses can make the portal pay for
GUESSES_AN_HOUR = 20  # over several codes
log = logging.getLogger(__name__)


def _person() -> tuple[Actor, User]:
    """Raises NotFound where no texts are offered: the pages do not exist then."""
    if sms.current() is None:
        raise NotFound
    actor = guards.actor()
    return actor, people.user(db.session(), actor.user_id or 0)


@blueprint.route("/account/phone", methods=["GET", "POST"], endpoint="phone")
@requires(Permission.SIGNED_IN)
def add() -> ResponseReturnValue:
    session = db.session()
    _actor, user = _person()
    form = PhoneForm(guards.posted_form() or None)
    if request.method == "GET" or not form.validate():
        return render_template("web/accounts/phone.html", form=form, prefix=load.current().phone_prefix), (
            422 if form.errors else 200
        )
    try:
        number = phones.normal(form.number.data, load.current())
        _send_code(user, number)
    except (Invalid, Busy) as error:
        session.rollback()
        form.refuse(error.problems)
        page = render_template("web/accounts/phone.html", form=form, prefix=load.current().phone_prefix)
        return page, error.status
    session.commit()
    return redirect(url_for("accounts.phone_code"), 303)


def _send_code(user: User, number: str) -> None:
    """The same whether or not anybody else has the number. Raises Invalid and Busy."""
    code = phones.ask(db.session(), user, number)
    for most, seconds in CODES:
        limits.hit(f"phone:user:{user.id}:{seconds}", most, seconds)
        limits.hit(f"phone:number:{phones.limit_name(number)}:{seconds}", most, seconds)
    limits.hit(f"phone:from:{signin.network(request.remote_addr)}", CODES_FROM_NETWORK, signin.HOUR)
    try:
        limits.hit("phone:all", CODES_IN_ALL, 24 * signin.HOUR)
    except Busy:
        log.error("no more codes are sent by text today: somebody may be making the portal pay for texts")
        raise
    writing.code(db.session(), user, number, code, base=post().base_url)


@blueprint.route("/account/phone/code", methods=["GET", "POST"], endpoint="phone_code")
@requires(Permission.SIGNED_IN)
def confirm() -> ResponseReturnValue:
    session = db.session()
    actor, user = _person()
    waiting = phones.under_way(session, user.id)
    if waiting is None:
        return _nothing_waits(user)
    form = PhoneCodeForm(request.form if request.method == "POST" else None)
    form.wanted.choices = options((("yes", _("Yes")), ("no", _("No"))))
    if request.method == "GET" or not form.validate():
        return _code_page(form, waiting.number), 422 if form.errors else 200
    limits.hit(f"phone:guess:{user.id}", GUESSES_AN_HOUR, signin.HOUR)
    held = phones.confirm(session, user.id, form.one_time_code.data, wanted=form.wanted.data == "yes")
    if held is None:
        session.commit()  # the try counts
        if phones.under_way(session, user.id) is None:  # a double click was quicker
            return _nothing_waits(user)
        left = phones.tries_left(waiting)
        form.one_time_code.errors = [
            _("This is not the code we sent. Look at the latest text.")
            if left
            else _("That was the last try. Send a new code and type that one.")
        ]
        return _code_page(form, waiting.number), 422
    _note(actor, user, verbs.PHONE_CONFIRMED, held.number, wanted=held.wanted)
    _tell(user, held.number, "phone_added")
    session.commit()
    flash(_("Your mobile number is confirmed."), "ok")
    return redirect(url_for("accounts.account"), 303)


def _nothing_waits(user: User) -> ResponseReturnValue:
    """Confirmed already, as after a second click, or run out."""
    session = db.session()
    if not phones.ran_out(session, user.id) and phones.of(session, user.id) is not None:
        return redirect(url_for("accounts.account"), 303)
    if request.method == "POST":
        flash(_("The code has run out. Ask for a new one."), "warn")
    return redirect(url_for("accounts.phone"), 303)


def _code_page(form: PhoneCodeForm, number: str) -> str:
    return render_template("web/accounts/phone_code.html", form=form, number=phones.spoken(number))


@blueprint.post("/account/phone/again", endpoint="phone_again")
@requires(Permission.SIGNED_IN)
def again() -> ResponseReturnValue:
    """Another code to the same number."""
    session = db.session()
    _actor, user = _person()
    waiting = phones.under_way(session, user.id)
    if waiting is None:
        return redirect(url_for("accounts.phone"), 303)
    try:
        _send_code(user, waiting.number)
    except Busy as error:
        session.rollback()
        flash(str(error.message), "warn")
    else:
        session.commit()
        flash(_("A new code is on its way. Older ones no longer work."), "ok")
    return redirect(url_for("accounts.phone_code"), 303)


@blueprint.post("/account/phone/texts", endpoint="phone_texts")
@requires(Permission.SIGNED_IN)
def choose() -> ResponseReturnValue:
    session = db.session()
    actor, user = _person()
    wanted = request.form.get("wanted") == "yes"
    changed = phones.choose(session, user.id, wanted)
    if changed is not None:
        _note(actor, user, verbs.TEXTS_CHOSEN, changed.number, wanted=wanted)
        session.commit()
        flash(_("We send you texts from now on.") if wanted else _("We send you no more texts."), "ok")
    return redirect(url_for("accounts.account"), 303)


@blueprint.post("/account/phone/remove", endpoint="phone_remove")
@requires(Permission.SIGNED_IN)
def remove() -> ResponseReturnValue:
    session = db.session()
    actor, user = _person()
    gone = phones.remove(session, user.id)
    if gone is not None:
        _note(actor, user, verbs.PHONE_REMOVED, gone)
        _tell(user, gone, "phone_removed")
        flash(_("Your mobile number is removed."), "ok")
    session.commit()
    return redirect(url_for("accounts.account"), 303)


def _note(actor: Actor, user: User, verb: str, number: str, **detail: bool) -> None:
    """The number itself is never in the log; its last digits are, in the part that can be erased."""
    entries.record(
        db.session(),
        actor,
        verb,
        subject=f"user:{user.id}",
        personal={"reference": user.email, "number": phones.masked(number)},
        detail=detail,
    )


def _tell(user: User, number: str, template: str) -> None:
    values = {"name": user.name, "number": phones.masked(number), "url": browser.absolute("accounts.account")}
    notifications.send(db.session(), user_id=user.id, template=template, values=values)
