"""The applicant's pages: starting, filling in, sending, following; and what they refuse."""

import re
from io import BytesIO

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cases.models import Case
from app.cases.workflow import Action
from app.identity.models import User
from tests.factories import cases
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.web.conftest import SignIn, csrf_token

KEY = "a-key-of-the-start-page"


def post(client: FlaskClient, path: str, **fields: object):  # type: ignore[no-untyped-def]
    return client.post(path, data={"csrf_token": csrf_token(client), **fields}, content_type="multipart/form-data")


def trader(session: Session) -> User:
    user = make_user(session)
    make_business(session, owner=user)
    return user


def test_the_first_page_of_someone_new_says_how_to_begin(sign_in: SignIn, session: Session) -> None:
    page = sign_in(make_user(session, name="Josiane Ishimwe")).get("/").text
    assert "Welcome, Josiane Ishimwe" in page
    assert page.count("/start/registration") == 1, "one way to begin, not two"


def test_starting_twice_with_one_key_is_one_draft(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    first = post(client, "/start/registration", key=KEY)
    second = post(client, "/start/registration", key=KEY)
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert session.scalar(select(func.count()).where(Case.applicant_id == user.id)) == 1


def test_a_service_for_businesses_is_not_started_without_one(sign_in: SignIn, session: Session) -> None:
    answer = post(sign_in(make_user(session)), "/start/export_licence", key=KEY)
    assert answer.status_code == 422
    assert "Register your business first" in answer.text


def test_what_does_not_exist_is_not_started(sign_in: SignIn, session: Session) -> None:
    assert post(sign_in(make_user(session)), "/start/no_such_service", key=KEY).status_code == 404


def test_the_readiness_pages_answers_are_in_the_draft(sign_in: SignIn, session: Session) -> None:
    user = trader(session)
    client = sign_in(user, business_id=cases.acting(session, user).business_id)
    answer = post(client, "/start/export_licence", key=KEY, hs="090111", destination="CN", kind="coffee-export")
    page = client.get(f"{answer.location}/step/product").text
    assert 'value="0901.11"' in page
    assert '<option selected value="CN">' in page


def test_a_step_keeps_what_was_wrong_and_leads_on_when_it_is_right(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    path = post(client, "/start/registration", key=KEY).location
    wrong = post(client, f"{path}/step/address", street="KG 11 Avenue 4", phone="12")
    assert wrong.status_code == 422
    assert "<title>Error: Address and contact" in wrong.text
    assert 'href="#unit"' in wrong.text
    assert 'value="12"' in client.get(f"{path}/step/address").text
    saved = post(client, f"{path}/step/address", street="", save_later="1")
    assert (saved.status_code, saved.location) == (303, path)
    right = post(client, f"{path}/step/legal_form", entity_type="individual")
    assert right.location == f"{path}/step/name"


def test_a_step_that_does_not_apply_is_not_there(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    path = post(client, "/start/registration", key=KEY).location
    post(client, f"{path}/step/legal_form", entity_type="individual")
    assert client.get(f"{path}/step/capital").status_code == 404
    post(client, f"{path}/step/legal_form", entity_type="ltd")
    assert client.get(f"{path}/step/capital").status_code == 200


def test_a_change_from_the_check_page_leads_back_to_it(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    case = cases.drafted(session, cases.acting(session, user))
    page = client.get(f"/cases/{case.reference}/check").text
    assert f"/cases/{case.reference}/step/legal_form?from=check#entity_type" in page
    answer = post(client, f"/cases/{case.reference}/step/legal_form?from=check", entity_type="individual")
    assert answer.location == f"/cases/{case.reference}/check"


def shown(client: FlaskClient, case: Case) -> str:
    """What the check page says it shows."""
    found = re.search(r'name="shown" value="([0-9a-f]+)"', client.get(f"/cases/{case.reference}/check").text)
    return found.group(1) if found else ""


def test_what_another_window_changed_is_not_sent_unseen(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    case = cases.drafted(session, cases.acting(session, user))
    before = shown(client, case)
    cases.fill(session, case, cases.registration("Changed Elsewhere"))
    session.commit()
    answer = post(client, f"/cases/{case.reference}/check", version=case.version, declared="y", shown=before)
    assert answer.status_code == 422
    assert "another window" in answer.text
    assert "Changed Elsewhere" in answer.text
    assert session.get_one(Case, case.id).state == "draft"


def test_sending_without_declaring_is_refused_with_a_way_to_the_box(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    case = cases.drafted(session, cases.acting(session, user))
    answer = post(client, f"/cases/{case.reference}/check", version=case.version, shown=shown(client, case))
    assert answer.status_code == 422
    assert 'href="#declared"' in answer.text
    assert session.get_one(Case, case.id).state == "draft"


def test_what_is_missing_is_listed_with_the_page_that_mends_it(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    path = post(client, "/start/registration", key=KEY).location
    case = session.scalars(select(Case).where(Case.applicant_id == user.id)).one()
    answer = post(client, f"{path}/check", version=case.version, declared="y", shown=shown(client, case))
    assert answer.status_code == 422
    assert f'href="{path}/step/legal_form?from=check"' in answer.text


def test_sending_again_what_was_sent_ends_at_the_confirmation(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    case = cases.drafted(session, cases.acting(session, user))
    version = case.version
    seen = shown(client, case)
    for _click in range(2):
        answer = post(client, f"/cases/{case.reference}/check", version=version, declared="y", shown=seen)
        assert (answer.status_code, answer.location) == (303, f"/cases/{case.reference}/sent")
    assert session.get_one(Case, case.id).version == version + 1


def test_a_withdrawn_case_is_never_called_sent(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    case = cases.drafted(session, cases.acting(session, user))
    version = case.version
    post(client, f"/cases/{case.reference}/withdraw", version=version)
    answer = post(client, f"/cases/{case.reference}/check", version=version, declared="y")
    assert answer.location == f"/cases/{case.reference}"
    assert client.get(f"/cases/{case.reference}/sent").location == f"/cases/{case.reference}"


def test_files_are_examined_each_at_its_own_field(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    client = sign_in(user)
    path = post(client, "/start/registration", key=KEY).location
    bad = post(client, f"{path}/documents", identity=(BytesIO(b"MZ not a picture"), "me.jpg"))
    assert bad.status_code == 422
    assert 'href="#identity"' in bad.text
    good = post(client, f"{path}/documents", identity=(cases.photo(), "me.png"))
    assert good.location == f"{path}/documents"
    page = client.get(f"{path}/documents").text
    assert "me.png" in page
    other = post(client, f"{path}/documents", no_such_code=(cases.photo(), "sneaked.png"))
    assert other.status_code == 303
    assert "sneaked.png" not in client.get(f"{path}/documents").text


def test_a_removed_file_is_gone_and_only_ones_own_can_be_removed(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    actor = cases.acting(session, user)
    case, other = cases.drafted(session, actor), cases.drafted(session, cases.acting(session, make_user(session)))
    mine, foreign = cases.attach(session, case, "identity"), cases.attach(session, other, "identity")
    client = sign_in(user)
    assert post(client, f"/cases/{case.reference}/documents/{foreign.id}/remove").status_code == 404
    assert post(client, f"/cases/{case.reference}/documents/{mine.id}/remove").status_code == 303
    page = client.get(f"/cases/{case.reference}/documents").text
    assert f"/files/{mine.id}" not in page


def test_the_case_page_tells_the_applicant_what_happened_and_no_more(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    case = cases.submitted(session, cases.acting(session, user))
    clerk = cases.acting(session, make_user(session, role="clerk", agencies=["RDB"]))
    from app.cases import engine

    engine.perform(session, case, Action.TAKE, clerk, version=case.version)
    engine.perform(session, case, Action.RELEASE_CASE, clerk, version=case.version)
    engine.add_note(session, case, clerk, "Between ourselves.")
    page = sign_in(user).get(f"/cases/{case.reference}").text
    assert "Application sent" in page
    assert "Taken up for review" in page
    assert "Between ourselves" not in page
    assert "put back into the queue" not in page
    assert clerk.name not in page
