"""What failed for good, as the administrator sees it and acts on it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app import notifications
from app.audit.models import Entry
from app.core import clock, identifiers
from app.documents import failures as failed_documents
from app.documents import records
from app.documents.models import Record, RecordState
from app.documents.tasks import note_failure
from app.identity.actor import Role
from app.identity.models import ApiClient
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.models import MailState
from app.outbox import endpoints, events
from app.outbox.models import Delivery, DeliveryState
from app.web.admin import failures, words
from tests.factories.people import make_user
from tests.support.record_data import fitting
from tests.web.conftest import post

PAGE = "/admin/failures"
CHANGED = "permit.state_changed"
DATA = {
    "number": "RW-EXP-2026-000001",
    "kind": "coffee_export",
    "state": "suspended",
    "previous_state": "active",
    "holder_number": "RW-BUS-2026-000001",
    "valid_to": "2026-12-31",
    "occurred_at": "2026-11-21T10:42:00+00:00",
    "reason_code": "inspection",
}


@pytest.fixture
def admin(session, sign_in):
    load.configure("RW")
    user = make_user(session, role=Role.ADMINISTRATOR)
    sign_in(user)
    # What the person's own making asked for is not what the test is about.
    forget_waiting(session)
    return user


def forget_waiting(session):
    session.execute(text("DELETE FROM procrastinate_jobs WHERE status = 'todo'"))


def verbs(session):
    return [verb for verb in session.scalars(select(Entry.verb).order_by(Entry.id)) if verb.startswith("failure.")]


def a_failed_job(session, name="permits.expire", error="KeyError at app/permits/lifecycle.py:12", **arguments):
    number = queue.enqueue(session, name, **arguments)
    session.execute(
        text("UPDATE procrastinate_jobs SET status = 'failed', attempts = 6 WHERE id = :id"), {"id": number}
    )
    session.execute(
        text("INSERT INTO job_errors (job_id, error, at) VALUES (:id, :error, :at)"),
        {"id": number, "error": error, "at": clock.now()},
    )
    return number


def a_failed_mail(session, error="gaierror at app/notifications/tasks.py:75"):
    message = notifications.send(session, email="somebody@firm.example", template="case_approved", values={})
    forget_waiting(session)
    message.mail_state, message.error, message.attempts = MailState.FAILED.value, error, 6
    a_failed_job(session, "notifications.send_mail", error, message_id=message.id)
    session.flush()
    return message


def a_failed_record(session):
    record = records.request(
        session,
        kind="receipt",
        template="fees/receipt.html",
        title="Receipt",
        data=fitting("receipt", number="R-1"),
        locale="en_RW",
        subject="charge:1",
        issuer="Treasury",
    )
    forget_waiting(session)
    note_failure(session, queue.Failed("UndefinedError at app/documents/pdf.py:9", 5, final=True), record_id=record.id)
    session.flush()
    return record


def an_endpoint(session, name="Great Market", url="https://market.example/hook"):
    client = ApiClient(
        client_id=identifiers.public_code(60),
        name=name,
        secret_digest=identifiers.digest("secret"),
        scopes=["permits:read", "webhooks:manage"],
        channel="alibaba",
        contact="ops@market.example",
        created_at=clock.now(),
    )
    session.add(client)
    session.flush()
    endpoint, _secret = endpoints.add(session, client.id, url=url, event_types=[CHANGED], known_types=[CHANGED])
    return endpoint


def failed_deliveries(session, endpoint, count=1, **changes):
    values = {"state": DeliveryState.FAILED.value, "attempts": 10, "last_error": "timeout", **changes}
    found = []
    for _number in range(count):
        event = events.emit(session, CHANGED, subject="permit:1", data=DATA, business_id=4)
        delivery = session.scalars(
            select(Delivery).where(Delivery.event_id == event.id, Delivery.endpoint_id == endpoint.id)
        ).one()
        for name, value in values.items():
            setattr(delivery, name, value)
        found.append(delivery)
    forget_waiting(session)
    session.flush()
    return found


def waiting(session):
    rows = session.execute(text("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"))
    return [tuple(row) for row in rows]


def test_nothing_has_failed(client, admin):
    page = client.get(PAGE).text
    assert "Nothing has failed" in page
    assert "<table" not in page
    assert 'class="tag tag--bad"' not in client.get("/admin").text


def test_the_first_page_counts_each_failure_once(client, session, admin):
    a_failed_mail(session)  # with the job that carried it
    a_failed_record(session)
    failed_deliveries(session, an_endpoint(session), 2)
    a_failed_job(session)
    assert failures.count(session) == 5
    assert '<strong class="tag tag--bad">5</strong>' in client.get("/admin").text


def test_a_job_is_told_in_words_and_started_again(client, session, admin):
    number = a_failed_job(session)
    page = client.get(PAGE).text
    assert "Note the permits whose last day is over" in page
    assert "KeyError at app/permits/lifecycle.py:12" in page
    assert "6 times" in page
    assert post(client, f"{PAGE}/jobs/{number}/retry").location == PAGE
    assert waiting(session) == [("permits.expire", {})]
    assert verbs(session) == ["failure.job_retried"]
    assert "Nothing has failed" in client.get(PAGE).text


def test_a_document_that_does_not_fit_its_schema_is_shown_for_a_month(client, session, admin):
    record = a_failed_record(session)
    record.state, record.schema_version, record.schema_fault = "pending", None, "lines.0.name: missing"
    session.flush()
    page = client.get("/admin/failures").text
    assert "1 document has no schema" in page
    assert "lines.0.name: missing" in page
    assert "Nothing has failed" not in page
    with clock.at(clock.now() + timedelta(days=31)):
        assert not failed_documents.unfit(session)


def test_a_mail_goes_out_again_by_the_job_that_failed(client, session, admin):
    message = a_failed_mail(session)
    page = client.get(PAGE).text
    assert "The mail server could not be reached." in page
    assert "somebody@firm.example" in page
    post(client, f"{PAGE}/mails/{message.id}/retry")
    assert message.mail_state == MailState.QUEUED
    assert waiting(session) == [("notifications.send_mail", {"message_id": message.id})]
    queue.run_pending(session)
    assert message.mail_state == MailState.SENT
    assert verbs(session) == ["failure.mail_retried"]


def test_a_document_whose_job_is_gone_gets_a_new_one(client, session, admin):
    record = a_failed_record(session)
    assert "UndefinedError at app/documents/pdf.py:9" in client.get(PAGE).text
    post(client, f"{PAGE}/documents/{record.id}/retry")
    assert record.state == RecordState.PENDING
    assert waiting(session) == [("documents.render_record", {"record_id": record.id})]
    entry = session.scalars(select(Entry).where(Entry.verb == "failure.record_retried")).one()
    assert (entry.subject, entry.reference, entry.actor_id) == (f"record:{record.id}", "R-1", admin.id)


def test_deliveries_stand_under_the_client_they_are_for(client, session, admin):
    one, two = an_endpoint(session), an_endpoint(session, "Other Market", "https://other.example/hook")
    failed_deliveries(session, one, last_error="status 503", last_status=503)
    failed_deliveries(session, two)
    page = client.get(PAGE).text
    assert page.index("Great Market") < page.index("It answered with status 503.") < page.index("Other Market")
    assert page.index("Other Market") < page.index("It did not answer in time.")
    assert "ops@market.example" in page


def test_one_delivery_and_all_of_an_address(client, session, admin):
    endpoint = an_endpoint(session)
    first, *others = failed_deliveries(session, endpoint, 3)
    post(client, f"{PAGE}/deliveries/{first.id}/retry")
    assert (first.state, first.attempts) == ("pending", 0)
    assert [other.state for other in others] == ["failed", "failed"]
    answer = post(client, f"{PAGE}/endpoints/{endpoint.id}/retry", follow_redirects=True)
    assert "2 deliveries are being tried again." in answer.text
    assert {other.state for other in others} == {"pending"}
    assert len(waiting(session)) == 3
    assert verbs(session) == ["failure.delivery_retried", "failure.deliveries_retried"]


def test_a_disabled_address_is_told_nothing_more_and_leaves_the_page(client, session, admin):
    endpoint = an_endpoint(session)
    failed_deliveries(session, endpoint)
    answer = post(client, f"{PAGE}/endpoints/{endpoint.id}/disable", follow_redirects=True)
    assert "Nothing has failed" in answer.text
    assert endpoint.disabled_at is not None
    assert verbs(session) == ["failure.endpoint_disabled"]
    event = events.emit(session, CHANGED, subject="permit:1", data=DATA, business_id=4)
    assert session.scalars(select(Delivery).where(Delivery.event_id == event.id)).all() == []


def test_a_disabled_address_is_listed_and_enabled_again(client, session, admin):
    endpoint, other = an_endpoint(session), an_endpoint(session, "Other Market", "https://other.example/hook")
    (delivery,) = failed_deliveries(session, endpoint)
    endpoints.disable(session, endpoint, "disabled by an administrator")
    endpoints.disable(session, other, endpoints.GONE)
    page = client.get(PAGE).text
    assert "2 disabled addresses" in page
    assert page.index("Other Market") < page.index("status 410") < page.index("Great Market")
    assert page.index("Great Market") < page.index("An administrator disabled it.")
    answer = post(client, f"{PAGE}/endpoints/{endpoint.id}/enable", follow_redirects=True)
    assert "is sent to https://market.example/hook again. Tell Great Market" in answer.text
    assert "1 disabled address<" in answer.text
    assert f"{PAGE}/deliveries/{delivery.id}/retry" in answer.text, "what had failed can be tried again"
    assert verbs(session) == ["failure.endpoint_enabled"]
    event = events.emit(session, CHANGED, subject="permit:1", data=DATA, business_id=4)
    assert session.scalars(select(Delivery.endpoint_id).where(Delivery.event_id == event.id)).all() == [endpoint.id]


def test_an_address_too_many_is_not_enabled(client, session, admin):
    endpoint = an_endpoint(session)
    endpoints.disable(session, endpoint, "disabled by an administrator")
    for number in range(endpoints.MOST):
        url = f"https://market.example/{number}"
        endpoints.add(session, endpoint.client_id, url=url, event_types=[CHANGED], known_types=[CHANGED])
    answer = post(client, f"{PAGE}/endpoints/{endpoint.id}/enable", follow_redirects=True)
    assert "One client may not have more endpoints." in answer.text
    assert verbs(session) == []


@pytest.mark.parametrize(
    "what", ["jobs/999999/retry", "mails/999999/retry", "documents/999999/retry", "deliveries/999999/retry",
             "endpoints/999999/retry", "endpoints/999999/disable", "endpoints/999999/enable"]
)  # fmt: skip
def test_a_second_click_is_told_so_and_does_nothing(client, session, admin, what):
    answer = post(client, f"{PAGE}/{what}", follow_redirects=True)
    assert "That is no longer among the failures." in answer.text
    assert verbs(session) == []


@pytest.mark.parametrize("what", ["jobs/1/disable", "people/1/retry", f"jobs/{2**63}/retry"])
def test_an_action_that_does_not_exist_is_not_found(client, admin, what):
    assert post(client, f"{PAGE}/{what}").status_code == 404


def test_each_list_is_paged_by_its_own_key(client, session, admin):
    numbers = [a_failed_job(session) for _number in range(failures.PAGE + 3)]
    message = a_failed_mail_beside(session)
    page = client.get(PAGE).text
    assert f"?jobs={numbers[3]}#jobs" in page
    assert page.count(f'action="{PAGE}/jobs/') == failures.PAGE
    older = client.get(f"{PAGE}?jobs={numbers[3]}").text
    assert older.count(f'action="{PAGE}/jobs/') == 3
    assert f"/mails/{message.id}/retry" in older
    assert "Back to the newest" in older


def a_failed_mail_beside(session):
    message = notifications.send(session, email="somebody@firm.example", template="case_approved", values={})
    message.mail_state = MailState.FAILED.value
    session.flush()
    return message


@pytest.mark.parametrize("cursor", ["0", "-1", str(2**63), "9" * 40, "x"])
def test_a_spoilt_cursor_means_the_first_page(client, session, admin, cursor):
    a_failed_job(session)
    answer = client.get(f"{PAGE}?jobs={cursor}&mails={cursor}&deliveries={cursor}&documents={cursor}")
    assert answer.status_code == 200
    assert answer.text.count(f'action="{PAGE}/jobs/') == 1


def test_every_job_the_portal_knows_has_words(app):
    known = {name for name in queue.tasks if not name.startswith("test.")}
    assert known - set(words.TASKS) == set(), "give these words in app/web/admin/words.py"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("SMTPRecipientsRefused at app/notifications/tasks.py:80", "does not take mail for this address"),
        ("SMTPAuthenticationError at app/notifications/tasks.py:78", "does not let the portal send"),
        ("ConnectionRefusedError at app/notifications/tasks.py:70", "could not be reached"),
        ("SMTPDataError", "did not take the mail"),
        ("", "did not take the mail"),
    ],
)
def test_what_is_said_of_a_mail(error, said):
    assert said in str(words.mail_problem(error).title)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (500, "status 500", "status 500"),
        (None, "timeout", "in time"),
        (None, "tls: CERTIFICATE_VERIFY_FAILED", "certificate"),
        (None, "refused: the name cannot be resolved", "cannot be found"),
        (None, "answer: BadStatusLine", "could not be read"),
        (None, "connection: Connection refused", "could not be reached"),
        (None, None, "could not be reached"),
    ],
)
def test_what_is_said_of_a_delivery(status, error, said):
    assert said in words.delivery_problem(Delivery(last_status=status, last_error=error))


def test_a_record_that_succeeded_is_not_among_them(client, session, admin):
    record = a_failed_record(session)
    session.get(Record, record.id).state = RecordState.PENDING.value
    session.commit()
    assert "Nothing has failed" in client.get(PAGE).text
