"""The population of a sample, as the auditor's filters find it, and the sample drawn from it."""

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.cases import measures, sampling
from app.cases.models import Case
from app.cases.sampling import Item, Sample
from app.core.errors import Invalid, Problem
from app.core.i18n import Text, format_number
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import Pack

MOST = 200_000  # cases in a population
METHODS: dict[str, Text] = {
    "simple": _l("Simple random: every case has the same chance"),
    "stratified": _l("Stratified: each group has its share of the sample"),
    "monetary": _l("Monetary unit: the larger the amount, the larger the chance"),
}


@dataclass(frozen=True)
class Wanted:
    """``by`` is the code of a layer for a stratified sample, of an amount for a monetary one, else empty."""

    method: str
    size: int
    by: str = ""
    seed: str = ""


@dataclass(frozen=True)
class Taken:
    id: int
    reference: str
    business_id: int | None


@dataclass(frozen=True)
class Drawn:
    cases: Sequence[Taken]
    sample: Sample
    by: str
    population_file: bytes

    @property
    def about(self) -> dict[str, Any]:
        """``sample.json``."""
        return sampling.document(self.sample) | {"by": self.by}


def new_seed() -> str:
    return secrets.token_hex(8)


def count(session: Session, matching: Select[Any]) -> int:
    """How many cases match, up to one more than ``MOST``."""
    some = matching.with_only_columns(Case.id).limit(MOST + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def taken(session: Session, matching: Select[Any], limit: int) -> list[Taken]:
    """The matching cases by id."""
    wanted = matching.with_only_columns(Case.id, Case.reference, Case.business_id).order_by(Case.id).limit(limit)
    return [Taken(*row) for row in session.execute(wanted)]


def draw(session: Session, pack: Pack, matching: Select[Any], wanted: Wanted) -> Drawn:
    """Raises Invalid when nothing can be drawn, or the population is too large."""
    found = taken(session, matching, MOST + 1)
    if len(found) > MOST:
        raise Invalid(
            Problem(
                _l(
                    "A sample is drawn from at most %(most)s cases. Narrow the search, for instance to a few months.",
                    most=format_number(MOST),
                ),
                "method",
                "too_many",
            )
        )
    ids = [case.id for case in found]
    strata = measures.layer_of(session, pack, wanted.by, ids) if wanted.method == "stratified" else {}
    amounts = measures.amount_of(session, pack, wanted.by, ids) if wanted.method == "monetary" else {}
    items = [Item(case.reference, strata.get(case.id, ""), amounts.get(case.id, 0)) for case in found]
    try:
        sample = sampling.draw(items, method=wanted.method, size=wanted.size, seed=wanted.seed)
    except ValueError as error:
        problem = _l("No case that matches has such an amount.") if found else _l("No case matches.")
        raise Invalid(Problem(problem, "method", "nothing_to_draw")) from error
    by_reference = {case.reference: case for case in found}
    return Drawn([by_reference[reference] for reference in sample.drawn], sample, wanted.by, _file(items))


def _file(items: list[Item]) -> bytes:
    """``population.csv``: what the sample is drawn from, as ``sampling.main`` reads it."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(sampling.COLUMNS)
    lines.writerows(sampling.written(items))
    return text.getvalue().encode()
