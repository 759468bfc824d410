"""Bundles: many case files as one ZIP that can be checked without the portal. Asking, watching, forgetting.

What is in a bundle is fixed when it is asked for. Jobs build it (``bundle_build``); the bytes are kept for a week under
their hash, the row for good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import bundle_heads
from app.cases.bundle_samples import Drawn
from app.cases.models import Bundle, BundlePart, BundleState
from app.core import clock, i18n, identifiers
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import codes, store
from app.identity.actor import Actor
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions.model import Pack

BUILD = "auditor.build_bundle"  # the job, at the edge, that calls ``build``
MOST = 5000  # cases in one bundle
KEPT = timedelta(days=7)
PAGE = 20
UNFINISHED = (BundleState.QUEUED, BundleState.BUILDING)


class Taken(Protocol):
    """What is noted of a case that goes into a bundle."""

    @property
    def id(self) -> int: ...
    @property
    def reference(self) -> str: ...
    @property
    def business_id(self) -> int | None: ...


@dataclass(frozen=True)
class Page:
    bundles: Sequence[Bundle]
    next: int | None


def ask(
    session: Session,
    pack: Pack,
    actor: Actor,
    cases: Iterable[Taken],
    *,
    title: str,
    chosen: dict[str, Any],
    drawn: Drawn | None = None,
    head: str = "",
) -> Bundle:
    """Ask for a bundle of ``cases``; ``chosen`` says how they were found, ``drawn`` how they were then drawn.

    ``head`` is one they kept, as ``bundle_heads`` reads it. The same asked for again while it is being made is that
    bundle. Raises Invalid when there are no cases or more than ``MOST``, or for the head. Each case gets an audit
    entry: its file leaves the portal.
    """
    wanted = list({case.id: case for case in cases}.values())
    if not wanted:
        raise Invalid(Problem(_l("Tick the cases you want, or take all that match."), "cases", "required"))
    if len(wanted) > MOST:
        raise Invalid(
            Problem(
                _l(
                    "One bundle holds at most %(most)s cases. Narrow the search, for instance to a shorter period.",
                    most=i18n.format_number(MOST),
                ),
                "cases",
                "too_many",
            )
        )
    selection: dict[str, Any] = {"cases": [case.id for case in wanted], "chosen": chosen}
    if drawn is not None:
        selection["sample"] = drawn.about
    earlier = bundle_heads.wanted(session, actor, head)
    if earlier is not None:
        selection["head"] = earlier
    known = _under_way(session, actor, selection)
    if known is not None:
        return known
    bundle = Bundle(
        code=identifiers.public_code(),
        requested_by=actor.user_id,
        title=title or _("Cases of %(date)s", date=i18n.format_date(clock.today(pack.zone))),
        locale=pack.locale(i18n.language()),
        selection=selection,
        total=len(wanted),
        created_at=clock.now(),
    )
    if drawn is not None:
        sample = drawn.sample
        bundle.method, bundle.seed, bundle.population = sample.method, sample.seed, sample.population
        bundle.population_sha256 = sample.population_sha256
        bundle.population_file_sha256 = store.current().put(drawn.population_file)
    session.add(bundle)
    session.flush()
    subject = f"bundle:{bundle.id}"
    entries.record(
        session, actor, "bundle.requested", subject=subject, reference=codes.shown(bundle.code),
        detail={"cases": len(wanted), "chosen": chosen, **_drawing(bundle), **_since(earlier)},
    )  # fmt: skip
    for case in wanted:
        entries.record(
            session, actor, "case.bundled", subject=subject, reference=case.reference, case_id=case.id,
            business_id=case.business_id, detail={"bundle": bundle.code},
        )  # fmt: skip
    session.flush()
    enqueue(session, bundle.id)
    return bundle


def _under_way(session: Session, actor: Actor, selection: dict[str, Any]) -> Bundle | None:
    """The same person's bundle of the same selection that is still being made: a second click asked for it."""
    session.execute(select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True))
    wanted = select(Bundle).where(Bundle.requested_by == actor.user_id, Bundle.selection == selection)
    return session.scalar(wanted.where(Bundle.state.in_(UNFINISHED)).order_by(Bundle.id).limit(1))


def _drawing(bundle: Bundle) -> dict[str, Any]:
    if bundle.population_sha256 is None:
        return {}
    return {
        "sample": bundle.method,
        "seed": bundle.seed,
        "population": bundle.population,
        "population_sha256": bundle.population_sha256,
    }


def _since(head: int | None) -> dict[str, Any]:
    return {"since_head": head} if head is not None else {}


def enqueue(session: Session, bundle_id: int) -> None:
    """Ask for the next step of building it."""
    queue.enqueue(session, BUILD, lock=f"bundle:{bundle_id}", bundle_id=bundle_id)


def recent(session: Session, *, before: int | None = None) -> Page:
    """Everyone's bundles, newest first; ``before`` is the id of the last one of the page before."""
    wanted = select(Bundle)
    if before is not None:
        wanted = wanted.where(Bundle.id < before)
    found = session.scalars(wanted.order_by(Bundle.id.desc()).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def by_code(session: Session, code: str) -> Bundle:
    """Raises NotFound."""
    found = session.scalar(select(Bundle).where(Bundle.code == codes.tidy(code)))
    if found is None:
        raise NotFound
    return found


def lock(session: Session, bundle_id: int) -> Bundle:
    wanted = select(Bundle).where(Bundle.id == bundle_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def downloadable(bundle: Bundle) -> bool:
    return bundle.state == BundleState.READY and bundle.expires_at is not None and bundle.expires_at > clock.now()


def downloaded(session: Session, actor: Actor, bundle: Bundle, *, part: tuple[int, int] | None = None) -> None:
    """``part``: the first byte and the first after it, of a download that goes on where another broke off."""
    entries.record(
        session, actor, "bundle.downloaded", subject=f"bundle:{bundle.id}", reference=codes.shown(bundle.code),
        detail={
            "sha256": bundle.sha256, "size": bundle.size, "cases": bundle.total,
            **({"from": part[0], "to": part[1]} if part else {}),
        },
    )  # fmt: skip


def retry(session: Session, actor: Actor, bundle: Bundle) -> None:
    """Go on with a failed bundle; nothing happens to any other."""
    current = lock(session, bundle.id)
    if current.state != BundleState.FAILED:
        return
    current.state, current.error = BundleState.QUEUED.value, ""
    entries.record(
        session, actor, "bundle.requested", subject=f"bundle:{bundle.id}", reference=codes.shown(bundle.code),
        detail={"cases": bundle.total, "again": True},
    )  # fmt: skip
    enqueue(session, current.id)


def note_failure(session: Session, bundle_id: int, error: str, *, final: bool) -> None:
    bundle = lock(session, bundle_id)
    if bundle.state in UNFINISHED:
        bundle.error = error
        bundle.state = BundleState.FAILED.value if final else BundleState.QUEUED.value


def expire(session: Session) -> int:
    """Forget the bytes of bundles whose week is over; returns how many.

    What there is of a bundle that failed and that nobody tried again for a week is forgotten too.
    """
    now = clock.now()
    over = select(Bundle).where(Bundle.state == BundleState.READY.value, Bundle.expires_at <= now)
    found = session.scalars(over.with_for_update(skip_locked=True)).all()
    for bundle in found:
        bundle.state = BundleState.EXPIRED.value
        for sha256 in (bundle.sha256, bundle.population_file_sha256):
            if sha256 is not None:
                store.current().discard(sha256)
    begun = select(BundlePart.bundle_id)
    given_up = select(Bundle).where(
        Bundle.state == BundleState.FAILED.value, Bundle.created_at <= now - KEPT, Bundle.id.in_(begun)
    )
    for bundle in session.scalars(given_up.with_for_update(skip_locked=True)):
        bundle.done = 0
        forget_parts(session, bundle.id)
    return len(found)


def forget_parts(session: Session, bundle_id: int) -> None:
    gone = delete(BundlePart).where(BundlePart.bundle_id == bundle_id).returning(BundlePart.sha256)
    for sha256 in session.scalars(gone):
        store.current().discard(sha256)
