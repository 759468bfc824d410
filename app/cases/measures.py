"""What a sample can be layered or weighted by. A service adds what only it knows, such as the lane of customs.

Each is asked for many cases at once, by id, in one statement; a case that it says nothing about has "" or 0.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cases import registry
from app.cases.models import Case
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.fees.models import Charge, ChargeState
from app.jurisdictions.model import Pack

AT_ONCE = 10_000  # cases in one question


@dataclass(frozen=True)
class Layer:
    """``of`` names the stratum of each case."""

    code: str
    title: Text
    of: Callable[[Session, Pack, Sequence[int]], Mapping[int, str]]


@dataclass(frozen=True)
class Amount:
    """``of``: minor units of the national currency."""

    code: str
    title: Text
    of: Callable[[Session, Pack, Sequence[int]], Mapping[int, int]]


VALUE = ("value", _l("Declared value"))  # code and title of the amount that several services know


def layers() -> dict[str, Text]:
    return {each.code: each.title for each in _layers()}


def amounts() -> dict[str, Text]:
    return {each.code: each.title for each in _amounts()}


def _layers() -> list[Layer]:
    return [*_OWN_LAYERS, *(each for service in registry.services() for each in service.layers)]


def _amounts() -> list[Amount]:
    return [*_OWN_AMOUNTS, *(each for service in registry.services() for each in service.amounts)]


def layer_of(session: Session, pack: Pack, code: str, ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for each in _layers():
        if each.code == code:
            for some in _parts(ids):
                found |= each.of(session, pack, some)
    return found


def amount_of(session: Session, pack: Pack, code: str, ids: Sequence[int]) -> dict[int, int]:
    """Several services may know an amount of the same code, each of its own cases."""
    found: dict[int, int] = {}
    for each in _amounts():
        if each.code == code:
            for some in _parts(ids):
                found |= each.of(session, pack, some)
    return found


def _parts(ids: Sequence[int]) -> Iterator[list[int]]:
    return (list(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))


def _fees(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, int]:
    """What was assessed, cancelled bills left out. Fees are in the national currency."""
    wanted = (
        select(Charge.case_id, func.sum(Charge.total_minor))
        .where(Charge.case_id.in_(ids), Charge.state != ChargeState.CANCELLED)
        .group_by(Charge.case_id)
    )
    return {case: int(total) for case, total in session.execute(wanted) if case is not None}


def band(minor: int) -> str:
    """The power of ten a fee lies in, so that the bands hold for any currency: ``1000-9999`` minor units."""
    if minor <= 0:
        return "0"
    low = 10 ** (len(str(minor)) - 1)
    return f"{low}-{low * 10 - 1}"


def _bands(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, str]:
    fees = _fees(session, pack, ids)
    return {case: band(fees.get(case, 0)) for case in ids}


def _services(session: Session, pack: Pack, ids: Sequence[int]) -> dict[int, str]:
    return dict(session.execute(select(Case.id, Case.service).where(Case.id.in_(ids))).all())


_OWN_LAYERS = (Layer("service", _l("Service"), _services), Layer("fee_band", _l("Fee band"), _bands))
_OWN_AMOUNTS = (Amount("fee", _l("Fee"), _fees),)
