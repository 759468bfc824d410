"""Finding cases by what somebody typed."""

from sqlalchemy import ColumnElement

from app.cases.models import Case
from app.core import identifiers


def bears(word: str) -> ColumnElement[bool]:
    """Whether a case's reference or title holds ``word``. A whole reference has its own index; by trigram it would drag
    along all that share its series and year."""
    if identifiers.is_checked(word):
        return Case.reference == word.upper()
    return Case.search.contains(word.upper(), autoescape=True)
