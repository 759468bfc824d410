"""When two business names are the same, when they are similar, and who holds a name that is asked for.

Same (refused): equal ``key``. Similar (shown to the reviewer and the applicant, never decided by the score alone):
trigrams in the database choose candidates, token-sort similarity ranks them. Sounds the language does not keep
apart (L and R in Kinyarwanda) are folded for similarity only: "Ikawa Rwiza" and "Ikawa Lwiza" are two names.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from rapidfuzz import fuzz
from sqlalchemy import ColumnElement, delete, func, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.businesses.models import LIVE, Business, NameClaim
from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions.model import NameRules, Pack

CLAIM_DAYS = 180  # longer than any review: a claim ends with its case, or with this when the case is forgotten
CANDIDATES = 60
_LIVE = [state.value for state in LIVE]

# Letters that NFKD leaves whole.
_LETTERS = str.maketrans({"Œ": "OE", "Æ": "AE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH", "İ": "I", "ı": "I"})
_ABBREVIATION = re.compile(r"\b(?:\w\.\s?){2,}")  # S.A.R.L. is one word
_CONNECTIVES = {"en": "AND", "fr": "ET"}


@dataclass(frozen=True)
class SimilarName:
    """``score`` is from 0 to 1; ``same`` means it could not be registered beside the name that was asked about."""

    name: str
    score: Decimal
    state: str  # a BusinessState, or "claimed" by an application that is being decided
    same: bool
    number: str | None = None


def tokens(pack: Pack, name: str) -> tuple[str, ...]:
    """The words of ``name`` without marks, case and punctuation; legal words and articles are still there."""
    text = unicodedata.normalize("NFKD", name)
    text = "".join(sign for sign in text if unicodedata.category(sign) not in {"Mn", "Me", "Cf"})
    text = text.upper().translate(_LETTERS)
    text = _ABBREVIATION.sub(lambda found: re.sub(r"[.\s]", "", found.group()) + " ", text)
    text = text.replace("&", f" {_CONNECTIVES.get(pack.default_language, 'AND')} ")
    return tuple("".join(sign if sign.isalnum() else " " for sign in text).split())


def _distinctive(pack: Pack, name: str) -> tuple[str, ...]:
    """The words that tell a name apart. A name made of nothing else keeps its legal words and articles."""
    words = tokens(pack, name)
    kept = _without_suffixes(pack.name_rules, words)
    articles = {article.upper() for article in pack.name_rules.articles}
    return tuple(word for word in kept if word not in articles) or words


def _without_suffixes(rules: NameRules, words: tuple[str, ...]) -> tuple[str, ...]:
    """Drop legal forms from both ends ("Koperative Ikawa", "Urumuri Tea Ltd"), never from the middle of a name."""
    suffixes = sorted(
        (tuple(re.sub(r"[^A-Z0-9 ]", "", suffix.upper()).split()) for suffix in rules.suffixes), key=len, reverse=True
    )
    dropped = True
    while dropped:
        dropped = False
        for suffix in suffixes:
            size = len(suffix)
            if size and words[-size:] == suffix:
                words, dropped = words[:-size], True
            elif size and words[:size] == suffix:
                words, dropped = words[size:], True
    return words


def has_legal_word(pack: Pack, name: str) -> bool:
    """Whether the name already says its legal form at either end: "Koperative Ikawa", "Urumuri Tea Ltd"."""
    words = tokens(pack, name)
    return _without_suffixes(pack.name_rules, words) != words


def key(pack: Pack, name: str) -> str:
    """Two names with one key are one name. Empty for a name without a letter or digit."""
    return "".join(_distinctive(pack, name))


def search_key(pack: Pack, name: str) -> str:
    """What similar names are looked for by: the distinctive words with a space between, sounds folded."""
    return _folded(pack.name_rules, " ".join(_distinctive(pack, name)))


def _folded(rules: NameRules, text: str) -> str:
    for written, as_if in rules.fold:
        text = text.replace(written.upper(), as_if.upper())
    return text


def restricted(pack: Pack, name: str) -> tuple[str, ...]:
    """The words or phrases of the pack's restricted list that ``name`` contains as whole words."""
    padded = f" {' '.join(tokens(pack, name))} "
    return tuple(word for word in pack.name_rules.restricted if f" {' '.join(tokens(pack, word))} " in padded)


def similar(
    session: Session, pack: Pack, name: str, limit: int = 5, *, case_id: int | None = None
) -> list[SimilarName]:
    """Registered and claimed names near ``name``, nearest first; the claim of case ``case_id`` itself is left out.

    Only names at least as near as the pack's ``name_rules.similar`` are given. One statement; it uses the trigram
    indexes, whose own threshold (``pg_trgm.similarity_threshold``, 0.3) is lower than any pack's.
    """
    own_key, sought = key(pack, name), search_key(pack, name)
    if not own_key:
        return []
    registered = (
        select(
            Business.name.label("name"),
            Business.state.label("state"),
            Business.number.label("number"),
            Business.name_key.label("name_key"),
            Business.search_key.label("search_key"),
            func.similarity(Business.search_key, sought).label("trigram"),
        )
        .where(Business.state.in_(_LIVE), _of_another_case(case_id))
        .where(Business.search_key.bool_op("%")(sought) | (Business.name_key == own_key))
    )
    claimed = (
        select(
            NameClaim.name,
            literal("claimed"),
            literal(None),
            NameClaim.name_key,
            NameClaim.name_key,
            func.similarity(NameClaim.name_key, own_key),
        )
        .where(NameClaim.expires_at > clock.now(), NameClaim.case_id != (case_id or 0))
        .where(NameClaim.name_key.bool_op("%")(own_key))
    )
    found = union_all(registered, claimed).subquery()
    rows = session.execute(select(found).order_by(found.c.trigram.desc(), found.c.name).limit(CANDIDATES))
    names = [
        SimilarName(
            name=row.name,
            score=_score(row.name_key == own_key, float(row.trigram), row.search_key, sought),
            state=row.state,
            same=row.name_key == own_key,
            number=row.number,
        )
        for row in rows
    ]
    near = [name for name in names if name.score >= pack.name_rules.similar]
    return sorted(near, key=lambda name: (-name.score, name.name))[:limit]


def _score(same: bool, trigram: float, candidate: str, sought: str) -> Decimal:
    if same:
        return Decimal(1)
    ranked = fuzz.token_sort_ratio(candidate, sought) / 100
    # Never 1.00 for what is not the same: rounding must not say so.
    return min(Decimal(str(round(max(trigram, ranked), 2))), Decimal("0.99"))


def _of_another_case(case_id: int | None) -> ColumnElement[bool]:
    """What a case registered is its own, when it is decided anew."""
    return or_(Business.case_id.is_(None), Business.case_id != (case_id or 0))


def taken(session: Session, name_key: str, *, case_id: int | None = None) -> bool:
    """Whether a live business that is not ``case_id``'s own has the key, or another case holds it."""
    business = select(Business.id).where(Business.name_key == name_key).where(Business.state.in_(_LIVE))
    business = business.where(_of_another_case(case_id))
    held = select(NameClaim.case_id).where(
        NameClaim.name_key == name_key, NameClaim.expires_at > clock.now(), NameClaim.case_id != (case_id or 0)
    )
    return bool(session.scalar(select(business.exists() | held.exists())))


def claim(session: Session, case_id: int, key: str, *, name: str = "", field: str = "name") -> None:
    """Hold ``key`` for a case until its decision (at most ``CLAIM_DAYS``); its earlier claim is given up.

    Idempotent. Raises Invalid at ``field`` when a live business has the name or another case holds it; of two cases
    that claim at the same moment, the second waits for the first's transaction.
    """
    now = clock.now()
    until = now + timedelta(days=CLAIM_DAYS)
    session.execute(
        delete(NameClaim).where(
            ((NameClaim.case_id == case_id) & (NameClaim.name_key != key))
            | ((NameClaim.name_key == key) & (NameClaim.expires_at <= now))
        )
    )
    statement = insert(NameClaim).values(name_key=key, name=name or key, case_id=case_id, expires_at=until)
    holder = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[NameClaim.name_key],
            set_={"expires_at": until, "name": name or key},
            where=NameClaim.case_id == case_id,
        ).returning(NameClaim.case_id)
    )
    if holder is None or taken(session, key, case_id=case_id):
        raise Invalid(name_taken(field))


def release(session: Session, case_id: int) -> None:
    """Give up what the case holds: it was refused, withdrawn, or became a business."""
    session.execute(delete(NameClaim).where(NameClaim.case_id == case_id))


def name_taken(field: str = "name") -> Problem:
    return Problem(
        _l(
            "A business with this name is already registered, or another application for it is being decided. "
            "Choose a name that differs in more than its legal form, its articles or its punctuation."
        ),
        field,
        "name_taken",
    )
