"""Every page of officials and auditors that needs no case: looked at on a telephone and on a desk."""

import pytest

from app.jurisdictions import load
from tests.browser.conftest import Enter
from tests.browser.house import House
from tests.factories.people import make_user

pytestmark = pytest.mark.browser

PAGES = {
    "supervisor": (
        "/desk", "/desk/team", "/desk/absences", "/desk/together", "/desk/findings", "/desk/shortcuts",
        "/desk/appeals", "/desk/advice", "/retention/disposals",
    ),
    "auditor": (
        "/audit", "/audit/findings", "/audit/patterns", "/audit/bundles", "/audit/bundles/new", "/audit/log",
        "/audit/log/proof", "/retention", "/retention/holds", "/retention/holds/new",
    ),
    "administrator": (
        "/admin", "/admin/failures", "/admin/rules", "/admin/rules/preview", "/admin/privacy", "/account",
        "/account/data", "/account/erase", "/service-standards", "/privacy", "/privacy/request",
    ),
}  # fmt: skip


@pytest.mark.parametrize("size", ["phone", "desk"])
@pytest.mark.parametrize("role", PAGES)
def test_pages_of_officials(house: House, entrance: Enter, role: str, size: str) -> None:
    """The supervisor works for every agency, as in a small ministry: the header must bear that."""
    agencies = [agency.code for agency in load.load("RW").agencies] if role == "supervisor" else []
    with house.session() as session:
        user = make_user(session, email=f"{role}.{size}@pages.example", role=role, agencies=agencies)
    visitor = entrance(house, size=size, javascript=False, name=f"{role}-{size}")
    visitor.sign_in_at_once(user)
    for path in PAGES[role]:
        visitor.go(path)
    visitor.go("/seal")
