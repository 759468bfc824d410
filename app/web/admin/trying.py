"""``/admin/rules/preview``: what a changed routing.toml would do to the open cases, before it is installed."""

from dataclasses import dataclass
from functools import partial

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.cases import rerouting
from app.core import db
from app.core.i18n import gettext as _
from app.identity import limits
from app.identity.policy import Permission
from app.jurisdictions import load, lookup, trying
from app.jurisdictions.mistakes import Mistake, PackError
from app.jurisdictions.model import Pack
from app.web.admin import blueprint
from app.web.guards import actor, requires
from forms.routing import RulesForm

TRIES, SECONDS = 10, 600  # of one administrator: each reads up to ten thousand cases
MISTAKES, LONGEST = 50, 300  # shown, and how many characters of each


@dataclass(frozen=True)
class Summed:
    """What would change for the open cases of one agency, in words and numbers."""

    agency: str
    looked: int
    moved: list[tuple[str, str, int]]  # from, to, how many
    raised: list[tuple[str, int]]
    lapsed: list[tuple[str, int]]
    blocked: int


@blueprint.get("/rules/preview", endpoint="preview_rules")
@requires(Permission.ADMINISTER)
def ask() -> ResponseReturnValue:
    return _page(RulesForm())


@blueprint.post("/rules/preview", endpoint="try_rules")
@requires(Permission.ADMINISTER)
def answer() -> ResponseReturnValue:
    """Keeps nothing and changes nothing; what is wrong in the file is shown with its row and field."""
    form, sent = RulesForm(), request.files.get("file")
    content = sent.stream.read(trying.LARGEST + 1) if sent is not None else b""
    if not content:
        form.file.errors = [_("Choose the changed file.")]
        return _page(form, status=422)
    limits.hit(f"preview:{actor().user_id}", TRIES, SECONDS)
    pack = load.current()
    try:
        changed = trying.with_routing(pack, content)
    except PackError as error:
        form.file.errors = [_("The file has mistakes. Nothing was looked at.")]
        return _page(form, mistakes=error.mistakes, status=422)
    found = rerouting.preview(db.session(), changed)
    return _page(form, changed=changed, found=found)


def _page(
    form: RulesForm,
    *,
    mistakes: tuple[Mistake, ...] = (),
    changed: Pack | None = None,
    found: rerouting.Preview | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    return (
        render_template(
            "web/admin/preview.html",
            form=form,
            mistakes=[_short(str(mistake)) for mistake in mistakes[:MISTAKES]],
            more=max(0, len(mistakes) - MISTAKES),
            found=found,
            summed=_summed(changed, found) if changed is not None and found is not None else [],
            team=partial(_team, changed or load.current()),
            flag=partial(_flag, changed or load.current()),
            largest=trying.LARGEST // 1000,
        ),
        status,
    )


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST]}…"


def _team(changed: Pack, code: str | None) -> str:
    """By the changed rules, or by those in force where they know it no more."""
    if code is None:
        return _("no team")
    row = lookup.find(changed.teams, code) or lookup.find(load.current().teams, code)
    return row.name if row is not None else code


def _flag(changed: Pack, code: str) -> str:
    row = lookup.find(changed.flags, code) or lookup.find(load.current().flags, code)
    return row.name if row is not None else code


def _summed(changed: Pack, found: rerouting.Preview) -> list[Summed]:
    return [
        Summed(
            lookup.agency(changed, code).short,
            each.looked,
            [(_team(changed, before), _team(changed, after), count) for (before, after), count in each.moved.items()],
            [(_flag(changed, code), count) for code, count in each.raised.items()],
            [(_flag(changed, code), count) for code, count in each.lapsed.items()],
            each.blocked,
        )
        for code, each in sorted(found.agencies.items())
    ]
