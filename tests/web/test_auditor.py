"""Auditors search, read and print; they change nothing, and what they look at is written down."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine
from app.cases.models import Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import clock
from app.documents.models import Record
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor import search
from app.web.auditor.search import CaseFilters
from tests.factories.businesses import make_business
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.factories.permits import make_permit
from tests.services.conftest import cast
from tests.support.statements import counted
from tests.web.conftest import post

SignIn = Callable[..., FlaskClient]
MANY = 20_000


@pytest.fixture
def auditor(session: Session, app: object) -> User:
    return make_user(session, role=Role.AUDITOR, name="Agnes Auditor")


@pytest.fixture
def reader(sign_in: SignIn, auditor: User) -> FlaskClient:
    return sign_in(auditor)


@pytest.fixture
def licensed(session: Session, app: object) -> Case:
    """An approved export licence of two submissions."""
    owner = make_user(session, name="Claudine Mukamana")
    make_business(session, owner=owner, name="Umusozi Coffee Ltd")
    exporter, naeb = acting(session, owner), cast(session, "NAEB")
    case = submitted(session, exporter, "export_licence", licence("19200"))
    pay(session, case, exporter)

    def move(action: Action, who: object, reason: str = "", payload: Payload | None = None) -> None:
        engine.perform(session, case, action, who, version=case.version, reason=reason, payload=payload)  # type: ignore[arg-type]

    move(Action.TAKE, naeb.registrar)
    asked = Payload(fields=(AskedField("quantity", "quantity.quantity", "Quantity"),))
    move(Action.ASK, naeb.registrar, "Is the quantity right?", asked)
    kept = case.draft["quantity"]
    case.draft = {**case.draft, "quantity": {**kept, "raw": {**kept["raw"], "quantity": ["12000"]}}}
    move(Action.SUBMIT, exporter, "", Payload(declared=True))
    engine.add_note(session, case, naeb.registrar, "Telephoned the exporter.")
    move(Action.RECOMMEND, naeb.registrar, "Papers are in order.", Payload(outcome=Outcome.APPROVE))
    move(Action.APPROVE, naeb.supervisor, "Granted for the season.")
    session.commit()
    return case


def entries_of(session: Session, user: User, verb: str) -> list[Entry]:
    wanted = select(Entry).where(Entry.actor_id == user.id, Entry.actor_kind == "user", Entry.verb == verb)
    return list(session.scalars(wanted.order_by(Entry.id)))


# --- search -----------------------------------------------------------------------------------------------------------


def test_one_box_finds_every_kind_of_thing(session: Session, reader: FlaskClient, licensed: Case) -> None:
    permit = make_permit(session, make_business(session, name="Inzira Crafts Ltd"))
    session.commit()
    queue.run_pending(session)
    record = session.scalars(select(Record).where(Record.case_id == licensed.id).order_by(Record.id)).first()
    assert record is not None
    for words, expected in (
        (licensed.reference, f"/audit/{licensed.reference}"),
        (licensed.reference[3:-3].lower(), f"/audit/{licensed.reference}"),
        ("umusozi", "/audit/businesses/"),
        ("inzira", "Inzira Crafts Ltd"),
        (permit.number[2:], f"/audit/permits/{permit.number}"),
        (record.number, f"/records/{record.code}"),
        (record.code, f"/records/{record.code}"),
        ("mukamana", "Claudine Mukamana"),
    ):
        page = reader.get("/audit", query_string={"q": words})
        assert page.status_code == 200
        assert expected in page.text, words


def test_the_number_of_a_declaration_is_found(session: Session, reader: FlaskClient, licensed: Case) -> None:
    case = session.get_one(Case, licensed.id)
    case.search = f"{case.search} 2026 KGLAIR E 17"  # as the declaration writes it when it is lodged
    session.commit()
    assert f"/audit/{case.reference}" in reader.get("/audit?q=kglair+e+17").text


def test_filters_are_in_the_address_and_narrow_to_cases(reader: FlaskClient, licensed: Case) -> None:
    day = clock.today(load.current().zone).isoformat()
    inside = reader.get(f"/audit?service=export_licence&state=approved&agency=NAEB&since={day}&until={day}")
    assert licensed.reference in inside.text
    for outside in ("service=customs", "state=refused", "agency=RDB", "until=2020-01-01", "since=2090-01-01"):
        page = reader.get(f"/audit?{outside}&q=umusozi")
        assert page.status_code == 200
        assert licensed.reference not in page.text
        assert "Businesses" not in page.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/audit?q=ab", 422),
        ("/audit?since=rubbish", 422),
        ("/audit?since=2026-02-02&until=2026-02-01", 422),
        ("/audit?state=nonsense", 422),
        ("/audit?until=9999-12-31", 200),
        ("/audit?since=0001-01-01", 200),
        ("/audit?after=rubbish&before=rubbish&q=ikawa", 200),
        ("/audit?endpoint=x&_external=1&_anchor=y&q=ikawa", 200),
        ("/audit?q=%25%25%25", 200),
        ("/audit?q=%00%00%00", 200),
        ("/audit?kind=people&q=person&before=99999999999999999999999", 200),
        ("/audit/log?after=rubbish", 422),
        ("/audit/log?since=rubbish", 422),
        ("/audit/log?person=999999999999999999999999&endpoint=y", 200),
        ("/audit/log?until=9999-12-31&since=0001-01-01", 200),
        ("/audit/log?q=%00&actor=%00&reference=%00", 200),
        ("/audit/bundles?before=99999999999999999999999", 200),
    ],
)
def test_a_strange_address_is_an_answer_and_never_a_fault(reader: FlaskClient, address: str, status: int) -> None:
    assert reader.get(address).status_code == status


def test_the_cases_of_a_business_are_one_step_from_it(session: Session, reader: FlaskClient, licensed: Case) -> None:
    found = reader.get("/audit?q=umusozi")
    assert licensed.reference not in found.text, "its title is about coffee"
    onward = re.search(r'href="(/audit\?business=[^"]+)"', found.text)
    assert onward is not None
    assert licensed.reference in reader.get(onward.group(1)).text
    assert licensed.reference not in reader.get("/audit?business=RW-RDB-2026-99999-9").text


def test_a_wrong_filter_is_said_above_the_page_and_in_the_title(reader: FlaskClient) -> None:
    page = reader.get("/audit?q=ab")
    assert "<title>Error:" in page.text
    assert "at least three characters" in page.text


def test_pages_of_cases_follow_each_other_without_gaps(
    session: Session, reader: FlaskClient, licensed: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(session, licensed.applicant_id, 60)
    seen: list[str] = []
    pack, after = load.current(), None
    while True:
        found = search.cases(session, pack, CaseFilters(query="sesame"), after=after, limit=7)
        seen += [case.reference for case in found.rows]
        if not found.more:
            break
        after = (found.rows[-1].updated_at, found.rows[-1].id)
    assert len(seen) == len(set(seen)) == 60
    page = reader.get("/audit?q=sesame")
    assert 'rel="next"' in page.text


def many(session: Session, applicant: int, count: int) -> None:
    """Withdrawn cases about sesame, the way a bulk load writes them, ten to each moment."""
    session.execute(
        text(
            "INSERT INTO cases (reference, service, title, search, state, version, applicant_id, idempotency_key,"
            " arguments, draft, created_at, updated_at)"
            " SELECT 'BR-2031-' || n, 'registration', 'Sesame ' || n, 'BR-2031-' || n || ' SESAME ' || md5(n::text),"
            " 'withdrawn', 1, :applicant, 'bulk-' || n, '{}', '{}', now(),"
            " now() - make_interval(secs => n / 10) FROM generate_series(1, :count) AS n"
        ),
        {"applicant": applicant, "count": count},
    )
    session.commit()


def test_search_takes_eight_statements_at_most_however_many_cases(
    session: Session, reader: FlaskClient, licensed: Case
) -> None:
    addresses = ("/audit", "/audit?q=umusozi", "/audit?q=sesame", f"/audit?q={licensed.reference}", "/audit?q=person")
    many(session, licensed.applicant_id, 100)
    few = {}
    for address in addresses:
        reader.get(address)  # the first look of a session is noted
        with counted(session) as said:
            assert reader.get(address).status_code == 200
        few[address] = len(said)
    session.execute(text("DELETE FROM cases WHERE idempotency_key LIKE 'bulk-%'"))
    many(session, licensed.applicant_id, MANY)
    for address in addresses:
        with counted(session) as said:
            reader.get(address)
        assert len(said) == few[address] <= 8, address


def test_no_search_reads_the_whole_table(session: Session, licensed: Case) -> None:
    """The plans at twenty thousand rows, for a word of one case, of all, of none, and for each of the other kinds."""
    many(session, licensed.applicant_id, MANY)
    session.execute(
        text(
            "INSERT INTO users (email, name, role, locale, created_at)"
            " SELECT 'bulk' || n || '@test.example', 'Bulk ' || md5(n::text), 'entrepreneur', 'en_RW', now()"
            " FROM generate_series(1, :count) AS n"
        ),
        {"count": MANY},
    )
    for index in ("ix_cases_search", "ix_users_name_trgm"):  # as autovacuum does: the plan is of a table at rest
        session.execute(text(f"SELECT gin_clean_pending_list('{index}')"))
    session.execute(text("ANALYZE cases"))
    session.execute(text("ANALYZE users"))
    pack = load.current()
    day = clock.today(pack.zone)
    for filters in (
        CaseFilters(query="sesame"),
        CaseFilters(query="ses"),
        CaseFilters(query="umusozi"),
        CaseFilters(query="no such words"),
        CaseFilters(query=licensed.reference),
        CaseFilters(query="sesame", service="registration", state="withdrawn"),
        CaseFilters(query="sesame", state="refused"),
        CaseFilters(agency="NAEB"),
        CaseFilters(query="sesame", business="RW-RDB-2026-00001-2"),
        CaseFilters(query="sesame", since=day - timedelta(days=3), until=day),
        CaseFilters(),
    ):
        plan = _plan(session, lambda filters=filters: search.cases(session, pack, filters))
        assert "Seq Scan on cases" not in plan, f"{filters}\n{plan}"
    everyone = _plan(session, lambda: search.people(session, "mukamana"))
    assert "Seq Scan on users" not in everyone, everyone


def _plan(session: Session, run: Callable[[], object]) -> str:
    """What the server does for the one statement that ``run`` sends."""
    sent: list[tuple[str, object]] = []

    def note(connection: object, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        sent.append((statement, parameters))

    server = session.get_bind().engine
    event.listen(server, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(server, "before_cursor_execute", note)
    [(statement, parameters)] = sent
    cursor = session.connection().connection.cursor()
    cursor.execute(f"EXPLAIN {statement}", parameters)
    return "\n".join(row[0] for row in cursor.fetchall())


# --- the case file ----------------------------------------------------------------------------------------------------


def test_the_page_shows_the_whole_case_and_offers_nothing_to_change_it(reader: FlaskClient, licensed: Case) -> None:
    page = reader.get(f"/audit/{licensed.reference.lower()}")
    assert page.status_code == 200
    for words in (
        "Papers are in order.", "Granted for the season.", "Is the quantity right?", "Telephoned the exporter.",
        "version 1", "What changed since version 1", "19,200", "12,000", "Ledger", "Permits issued", "Messages sent",
        "Claudine Mukamana", "Umusozi Coffee Ltd", "Agnes Auditor",
    ):  # fmt: skip
        assert words in page.text, words
    assert set(re.findall(r'method="post" action="([^"]+)"', page.text)) == {
        "/sign-out", "/audit/bundles", f"/audit/{licensed.reference}/case-file",
    }  # fmt: skip
    assert "/decide" not in page.text
    assert "/notes" not in page.text


def test_every_opening_is_an_entry_and_a_page_that_looks_again_is_not(
    session: Session, reader: FlaskClient, auditor: User, licensed: Case
) -> None:
    address = f"/audit/{licensed.reference}"
    reader.get(f"{address}?look=1")
    assert len(entries_of(session, auditor, "case.viewed")) == 1, "nothing was opened before: this is the opening"
    reader.get(f"{address}?look=1")
    assert len(entries_of(session, auditor, "case.viewed")) == 1
    reader.get(address)
    assert len(entries_of(session, auditor, "case.viewed")) == 2
    with clock.at(clock.now() + timedelta(minutes=16)):
        reader.get(f"{address}?look=1")
    assert len(entries_of(session, auditor, "case.viewed")) == 3


def test_the_page_takes_as_many_statements_after_a_long_history(
    session: Session, reader: FlaskClient, licensed: Case
) -> None:
    address = f"/audit/{licensed.reference}"
    reader.get(address)
    with counted(session) as few:
        reader.get(address)
    for number in range(30):
        engine.add_note(session, licensed, cast(session, "NAEB").registrar, f"Note {number}")
    session.commit()
    reader.get(address)
    with counted(session) as many_:
        page = reader.get(address)
    assert len(many_) <= len(few) <= 8
    assert 'rel="next"' in page.text
    assert "Application started" in _last_page(reader, page.text)


def _last_page(reader: FlaskClient, page: str) -> str:
    while found := re.search(r'rel="next" href="([^"]+)"', page):
        page = reader.get(html.unescape(found.group(1))).text
    return page


def test_printing_gives_a_numbered_record_that_only_auditors_can_read(
    session: Session, reader: FlaskClient, auditor: User, licensed: Case, sign_in: SignIn, app: object
) -> None:
    answer = post(reader, f"/audit/{licensed.reference}/case-file")
    assert answer.status_code == 303
    page = reader.get(answer.headers["Location"])
    assert "Being prepared" in page.text
    assert "Refresh" in page.headers
    queue.run_pending(session)
    session.commit()
    page = reader.get(f"/audit/{licensed.reference}")
    assert "Refresh" not in page.headers
    record = session.scalars(select(Record).where(Record.kind == "case_file")).one()
    assert f"/records/{record.code}.pdf" in page.text
    content = reader.get(f"/records/{record.code}.pdf")
    assert content.data.startswith(b"%PDF")
    assert entries_of(session, auditor, "case_file.requested")[0].case_id == licensed.id
    assert len(entries_of(session, auditor, "record.downloaded")) == 1
    applicant = sign_in(session.get_one(User, licensed.applicant_id), browser=app.test_client())  # type: ignore[attr-defined]
    assert applicant.get(f"/records/{record.code}.pdf").status_code == 404
    assert record.number not in applicant.get(f"/cases/{licensed.reference}").text


def test_a_case_that_does_not_exist_is_not_found(reader: FlaskClient) -> None:
    assert reader.get("/audit/BR-2026-99999-K").status_code == 404
    assert post(reader, "/audit/BR-2026-99999-K/case-file").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_nobody_else_comes_in(session: Session, sign_in: SignIn, licensed: Case, role: Role) -> None:
    other = sign_in(make_user(session, role=role, agencies=("NAEB",) if role.official else ()))
    for address in ("/audit", f"/audit/{licensed.reference}", "/audit/bundles", "/audit/bundles/x.zip", "/audit/log"):
        assert other.get(address).status_code == 403, address
    for address in (f"/audit/{licensed.reference}/case-file", "/audit/bundles", "/audit/bundles/x/retry"):
        assert post(other, address).status_code == 403, address


def test_auditors_cannot_act(reader: FlaskClient, licensed: Case) -> None:
    for address in ("/desk", f"/desk/{licensed.reference}", f"/cases/{licensed.reference}", "/admin"):
        assert reader.get(address).status_code in {403, 404}, address
    for address in ("/desk/next", f"/desk/{licensed.reference}/decide", f"/desk/{licensed.reference}/notes"):
        assert post(reader, address).status_code in {403, 404}, address


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_says_in_words_who_did_what_and_leads_to_the_case(reader: FlaskClient, licensed: Case) -> None:
    page = reader.get(f"/audit/log?reference={licensed.reference.lower()}")
    assert "Approved" in page.text
    assert f'href="/audit/{licensed.reference}"' in page.text
    only = reader.get(f"/audit/log?reference={licensed.reference}&verb=case.approve")
    assert only.text.count("<tr role") == 2, "the head and one entry"
    assert "No entry matches" in reader.get("/audit/log?verb=case.approve&until=2020-01-01").text


def test_the_log_of_one_person_and_its_pages(session: Session, reader: FlaskClient, licensed: Case) -> None:
    page = reader.get(f"/audit/log?person={licensed.applicant_id}")
    assert "Only what Claudine Mukamana did." in page.text
    assert "Approved" not in page.text.partition("<tbody")[2], "that was somebody else"
    assert "Claudine Mukamana" in reader.get("/audit/log?actor=mukam").text
    for _view in range(55):
        reader.get(f"/audit/{licensed.reference}")
    first = reader.get("/audit/log?actor=agnes")
    assert 'rel="next"' in first.text
    assert "Case opened" in _last_page(reader, first.text)


def test_the_log_takes_few_statements(session: Session, reader: FlaskClient, licensed: Case) -> None:
    reader.get("/audit/log")
    with counted(session) as said:
        reader.get("/audit/log?q=umusozi")
    assert len(said) <= 5


def test_everything_is_in_french_too(reader: FlaskClient, licensed: Case) -> None:
    for address in ("/audit", f"/audit/{licensed.reference}", "/audit/log", "/audit/bundles"):
        assert '<html lang="fr"' in reader.get(f"{address}?lang=fr").text
