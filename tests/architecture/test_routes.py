"""Who may enter what: every route has a row in the matrix, and is tried as every role and as nobody."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.identity.actor import Actor, Role
from app.identity.policy import Permission, may_enter
from tests.architecture.route_matrix import ROUTES
from tests.architecture.routes import address, declared, key, rules
from tests.factories.people import make_user

ROLES: tuple[Role | None, ...] = (None, *Role)


def test_every_route_declares_its_permission(portal: Flask) -> None:
    assert [key(rule) for rule in rules(portal) if declared(portal, rule) is None] == []


def test_every_route_has_its_row_in_the_matrix_and_nothing_else_has(portal: Flask) -> None:
    found = {key(rule): str(declared(portal, rule)) for rule in rules(portal)}
    different = {route: value for route, value in found.items() if ROUTES.get(route) != value}
    assert different == {}, "these need a row in route_matrix.py:\n" + "\n".join(
        f'    "{route}": "{value}",' for route, value in different.items()
    )
    assert set(ROUTES) - set(found) == set(), "these rows have no route"


def test_every_permission_is_one_that_exists() -> None:
    known = {permission.value for permission in Permission}
    assert {value for value in ROUTES.values() if not value.startswith("scope:")} - known == set()


@pytest.fixture
def enter(session: Session, sign_in: Callable[..., FlaskClient], client: FlaskClient) -> Callable[..., FlaskClient]:
    """A browser in which somebody of the role, a stranger to every record, is signed in; nobody for None."""

    def as_role(role: Role | None) -> FlaskClient:
        if role is None:
            return client
        agencies = ("RDB",) if role.official else ()
        return sign_in(make_user(session, role=role, agencies=agencies))

    return as_role


def _may(role: Role | None, permission: str) -> bool:
    actor = Actor(kind="user", name="", user_id=1, role=role, second_factor=True) if role else None
    return may_enter(actor, Permission(permission))


def _is_sign_in(location: str) -> bool:
    return "/sign-in" in location


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.value if role else "nobody")
def test_each_role_enters_what_it_may_and_nothing_more(
    portal: Flask,
    enter: Callable[..., FlaskClient],
    role: Role | None,
) -> None:
    """Every GET route, with the address of a record that does not exist."""
    browser = enter(role)
    wrong: list[str] = []
    for rule in rules(portal):
        permission = declared(portal, rule) or ""
        if "GET" not in (rule.methods or set()) or permission.startswith("scope:"):
            continue
        answer = browser.get(address(rule))
        target = answer.headers.get("Location", "")
        entered = answer.status_code < 400 and not _is_sign_in(target)
        described = f"{key(rule)} answered {answer.status_code} {target}"
        if answer.status_code >= 500:
            wrong.append(f"{described}: an error of ours")
        elif _may(role, permission):
            # Its own door is open: 404 because the record is not there, never "not allowed" or "sign in".
            if answer.status_code == 403 or (
                permission != "public" and _is_sign_in(answer.headers.get("Location", ""))
            ):
                wrong.append(f"{described}: {role} may enter")
            if rule.arguments and permission != "public" and answer.status_code == 200:
                wrong.append(f"{described}: there is no such record")
        elif entered:
            wrong.append(f"{described}: {role} may not enter")
        elif role is None and not _is_sign_in(target):
            wrong.append(f"{described}: nobody is signed in, so it leads to signing in")
        elif role is not None and answer.status_code != 403:
            wrong.append(f"{described}: a closed door says 403")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.value if role else "nobody")
def test_no_unsafe_request_passes_without_its_token(
    portal: Flask,
    enter: Callable[..., FlaskClient],
    role: Role | None,
) -> None:
    """Every other method: without a CSRF token nothing is done, whoever asks."""
    browser = enter(role)
    wrong: list[str] = []
    for rule in rules(portal):
        permission = declared(portal, rule) or ""
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            answer = browser.open(address(rule), method=method)
            described = f"{method} {rule.rule} as {role} answered {answer.status_code}"
            if permission.startswith("scope:"):
                if answer.status_code != 401:
                    wrong.append(f"{described}: a session opens no door of the API")
            elif rule.endpoint in WITHOUT_SESSION:
                if answer.status_code not in WITHOUT_SESSION[rule.endpoint]:
                    wrong.append(described)
            elif role is None and permission != "public":
                if not _is_sign_in(answer.headers.get("Location", "")):
                    wrong.append(f"{described}: nobody is signed in, so it leads to signing in")
            elif not _may(role, permission):
                if answer.status_code != 403:
                    wrong.append(f"{described}: a closed door says 403")
            elif answer.status_code not in {400, 404}:
                wrong.append(f"{described}: it passed without a token")
    assert wrong == [], "\n".join(wrong)


# Called by machines that hold no session, and what they are told when they bring nothing.
WITHOUT_SESSION: dict[str, set[int]] = {"api.token": {400, 401}, "payments.mtn_callback": {202, 400, 404}}


def test_an_api_operation_is_closed_without_a_token(portal: Flask, client: FlaskClient) -> None:
    open_doors = [
        key(rule)
        for rule in rules(portal)
        if str(declared(portal, rule)).startswith("scope:")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if client.open(address(rule), method=method).status_code != 401
    ]
    assert open_doors == []


def test_a_route_without_a_permission_is_closed_to_everyone(app: Flask, enter: Callable[..., FlaskClient]) -> None:
    """The door, not the test above, is what keeps a forgotten declaration from being a hole."""
    name = "operations.alive"
    view = app.view_functions[name]

    def forgotten() -> str:
        return "secret"

    app.view_functions[name] = forgotten
    try:
        for role in (None, Role.ADMINISTRATOR):
            answer = enter(role).get("/healthz")
            assert answer.status_code == 403
            assert b"secret" not in answer.data
    finally:
        app.view_functions[name] = view
