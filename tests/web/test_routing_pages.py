"""Flags and teams on pages: the case, the lists, the supervisor's and the administrator's pages, the auditor's."""

import io

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.cases import flags
from app.cases.models import Case
from app.identity import teams
from app.identity.models import User
from app.jurisdictions import load
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.services.test_routing import worth
from tests.support.statements import counted
from tests.web.conftest import SignIn, csrf_token, post


@pytest.fixture
def people(app: Flask, session: Session) -> dict[str, User]:
    return {
        **{role: make_user(session, role=role, agencies=["NAEB"]) for role in ("clerk", "supervisor")},
        **{role: make_user(session, role=role) for role in ("administrator", "auditor")},
    }


@pytest.fixture
def flagged(app: Flask, session: Session) -> Case:
    owner = make_user(session)
    make_business(session, owner=owner)
    exporter = cases.acting(session, owner)
    case = cases.submitted(session, exporter, "export_licence", worth("700000"))
    cases.pay(session, case, exporter)
    return case


def test_flags_are_seen_cleared_and_kept(
    sign_in: SignIn, session: Session, people: dict[str, User], flagged: Case
) -> None:
    client, address = sign_in(people["supervisor"]), f"/desk/{flagged.reference}"
    page = client.get(address).text
    assert "Declared value of RWF 1 billion or more" in page
    assert "cannot be approved while this flag stands" in page
    assert "Coffee and tea" in page
    assert "Blocked by a flag" in client.get("/desk").text
    flag = next(each for each in flags.of_case(session, flagged.id) if each.code == "very-high-value")
    assert "What to look at" in client.get(f"{address}/flags/{flag.id}").text
    assert post(client, f"{address}/flags/{flag.id}", {"reason": "x"}).status_code == 422
    answer = post(client, f"{address}/flags/{flag.id}", {"reason": "The contract was seen."})
    assert answer.status_code == 303
    assert "The contract was seen." in client.get(address).text
    assert post(client, f"{address}/flags/{flag.id}", {"reason": "And once more."}).status_code in {303, 404}
    assert client.get(f"{address}/flags/{flag.id}").status_code == 404, "there is nothing to clear"
    auditor = sign_in(people["auditor"]).get(f"/audit/{flagged.reference}").text
    assert "The contract was seen." in auditor
    assert load.current().version in auditor


def test_a_clerk_is_not_offered_a_supervisors_flag(
    sign_in: SignIn, session: Session, people: dict[str, User], flagged: Case
) -> None:
    client = sign_in(people["clerk"])
    for flag in flags.of_case(session, flagged.id):
        assert client.get(f"/desk/{flagged.reference}/flags/{flag.id}").status_code == 404
    assert client.get(f"/desk/{flagged.reference}/team").status_code == 403


def test_a_case_goes_to_another_team(sign_in: SignIn, session: Session, people: dict[str, User], flagged: Case) -> None:
    client, address = sign_in(people["supervisor"]), f"/desk/{flagged.reference}/team"
    assert "Horticulture" in client.get(address).text
    values = {"team": "naeb-horticulture", "reason": "Coffee has too many.", "seen": "naeb-coffee-tea"}
    assert post(client, address, {**values, "reason": ""}).status_code == 422
    assert post(client, address, values).status_code == 303
    session.expire_all()
    assert (flagged.team, flagged.team_by) == ("naeb-horticulture", "person")
    assert post(client, address, values).status_code == 303, "sent twice"
    history = client.get(f"/desk/{flagged.reference}").text.partition('<ol class="timeline">')[2]
    assert history.count("Moved to the team “Horticulture”") == 1
    assert "Coffee has too many." in history
    assert "Moved to the team “Coffee and tea”" not in history, "where the rules put it at first is no move"
    auditor = sign_in(people["auditor"], browser=client.application.test_client())
    assert "Moved to the team “Horticulture”" in auditor.get(f"/audit/{flagged.reference}").text
    page = client.get("/desk/team").text
    assert "By team" in page


def test_my_teams_view(sign_in: SignIn, session: Session, people: dict[str, User], flagged: Case) -> None:
    clerk = people["clerk"]
    client = sign_in(clerk)
    teams.set_teams(session, clerk.id, ["naeb-horticulture"])
    assert flagged.reference not in client.get("/desk?team=1").text
    assert flagged.reference in client.get("/desk").text
    teams.set_teams(session, clerk.id, ["naeb-coffee-tea"])
    with counted(session) as statements:
        assert flagged.reference in client.get("/desk?team=1").text
    assert len(statements) <= 8
    assert flagged.reference in client.get("/desk?team=1&group=new").text


def test_an_administrator_puts_officials_into_teams(sign_in: SignIn, session: Session, people: dict[str, User]) -> None:
    client, address = sign_in(people["administrator"]), f"/admin/users/{people['clerk'].id}/teams"
    assert "Coffee and tea" in client.get(address).text
    assert post(client, address, {"teams": ["rra-origin"]}).status_code == 422, "of another agency"
    assert post(client, address, {"teams": ["naeb-coffee-tea"]}).status_code == 303
    assert teams.of_user(session, people["clerk"].id) == {"naeb-coffee-tea"}
    assert client.get(f"/admin/users/{people['auditor'].id}/teams").status_code == 404


def test_changed_rules_are_tried_out(sign_in: SignIn, people: dict[str, User], flagged: Case) -> None:
    client, address = sign_in(people["administrator"]), "/admin/rules/preview"
    rules = client.get("/admin/rules").text
    assert "Which cases are flagged" in rules
    assert address in rules
    text = (load.FOLDER / "rw" / "routing.toml").read_text(encoding="utf-8")

    def sent(content: str) -> tuple[int, str]:
        form = {"csrf_token": csrf_token(client), "file": (io.BytesIO(content.encode()), "routing.toml")}
        answer = client.post(address, data=form, content_type="multipart/form-data")
        return answer.status_code, answer.text

    changed = text.replace('team = "naeb-coffee-tea"', 'team = "naeb-horticulture"', 1)
    status, page = sent(changed)
    assert status == 200
    assert "Coffee and tea → Horticulture: 1" in page
    assert flagged.reference in page
    assert "administrators do not open cases" in page
    status, page = sent(text)
    assert (status, "Nothing would change." in page) == (200, True)
    status, page = sent(text.replace('team = "naeb-coffee-tea"', 'team = "nobody"', 1))
    assert status == 422
    assert "routing row 1 (naeb-coffee-tea), field team" in page
    status, page = sent("".join(f"a{number} = 1\n" for number in range(60)))
    assert (status, page.count("is not looked at here"), "And 10 more." in page) == (422, 50, True)
    assert [sent(content)[0] for content in ("", "x = " + "[\n" * 9000, 'timezone = "../x"')] == [422, 422, 422]
    assert flagged.team == "naeb-coffee-tea"
