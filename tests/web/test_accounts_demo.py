"""The demonstration's sign-in page shows its accounts; no other does."""

import re
from dataclasses import replace

from app.identity.actor import Role
from app.web.accounts import demo
from tests.factories.people import PASSWORD, make_user
from tests.web.conftest import post


def make_demo(session):
    users = [
        make_user(session, email="clerk@demo.example", role=Role.CLERK),
        make_user(session, email="e@demo.example"),
    ]
    for user in users:
        user.is_demo = True
    make_user(session, email="real@person.example")
    session.flush()
    return users


def test_the_accounts_and_their_codes(app, client, session, monkeypatch):
    make_demo(session)
    assert "clerk@demo.example" not in client.get("/sign-in").text
    monkeypatch.setitem(app.config, "KIBALI", replace(app.config["KIBALI"], mode="demo"))
    page = client.get("/sign-in").text
    assert demo.PASSWORD in page
    assert page.index("e@demo.example") < page.index("clerk@demo.example")
    assert "real@person.example" not in page
    code = re.search(r'clerk@demo\.example.*?class="ref">(\d{6})<', page, re.S).group(1)
    prefilled = client.get("/sign-in?email=clerk@demo.example").text
    assert 'value="clerk@demo.example"' in prefilled
    post(client, "/sign-in", {"email": "clerk@demo.example", "password": PASSWORD})
    assert code in client.get("/sign-in/code").text
    assert post(client, "/sign-in/code", {"one_time_code": code}).location == "/desk"
