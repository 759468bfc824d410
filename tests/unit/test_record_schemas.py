"""Every kind of record says in a published, frozen JSON Schema what its data means, and its data is that."""

import hashlib
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pikepdf
import pytest
from pydantic import Field
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.record_data import RecordData
from app.documents import failures, pdf, records, schema_models, schemas, store
from app.documents.models import Record
from app.documents.schema_models import Schema
from app.jobs import queue
from app.jurisdictions import load
from tests.support.record_data import fitting
from tests.unit.test_pdf import EXPECTED_FINDINGS
from tools import record_schemas

record_schemas.load()
KINDS = sorted(schema_models.registered())

# Records name these files for ever. A line is only ever added: whoever changes a model raises its version and runs
# ``python -m tools.record_schemas``.
PUBLISHED = {
    "appeal_decision/1": "0d4ebdf97f4a3501c0c592d9e0a84caeacca85bc2948d1dcfeff89ea8afe5027",
    "bundle_index/1": "207ffbc0a27bc28b71ba2f5c6b2248e20ad211bb63d87da3f175eeaa041506c7",
    "case_file/1": "7ada3e7d95b5910e75dce30a35d8e9609e3b237fc8df5a3dca98b80944206474",
    "certified_copy/1": "8eed4ab6d8a3956099895bf18f18a374efd27174dad08fe4dbde4f12c659e562",
    "disposal_certificate/1": "0a54956404e13a6974de6632c15fc5152e4d3a4039faf3991ec62f43669047a6",
    "export_declaration/1": "e4db23610561d0e18b71c4d39f5b4d3ec0fd91ab55bd4c42aa6ad7b5b9b37efc",
    "inspection_report/1": "f16fa6a3d80926f3d937ceb89b1c50aa72020cd104e3749b261d4a5fa5604c6a",
    "permit/1": "2c0e7ad2a461a554297b0c98855f69456d9a281d27d750ce0a91109151b8f5e6",
    "receipt/1": "d24e5161d60485b07595cd9b6c168f0e62b39873b1cd96f82f2bedc35c4a35c2",
    "registration_certificate/1": "13eb30b30268283166f5d7459617efa87b849f592b09fec556e99d0cf6d9a09b",
}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path) -> Iterator[None]:
    before = store._current
    store.configure(tmp_path / "store")
    load.configure("RW")
    yield
    store._current = before


@pytest.fixture
def in_service() -> Iterator[None]:
    schema_models.configure(strict=False)
    yield
    schema_models.configure(strict=True)


def ask(session: Session, data: dict[str, Any] | None = None) -> Record:
    return records.request(
        session, kind="permit", template="export_licence/licence.html", title="Licence",
        data=data or fitting("permit", number="L-1"), locale="en_RW", subject="permit:1", issuer="NAEB",
    )  # fmt: skip


def attached(session: Session, record: Record) -> dict[str, Any]:
    queue.run_pending(session)
    session.refresh(record)
    with pikepdf.open(io.BytesIO(records.open_bytes(record))) as document:
        return {
            name: (each.get_file().read_bytes(), each.relationship, each.get_file().mime_type)
            for name, each in document.attachments.items()
        }


def test_every_kind_that_is_issued_has_a_schema() -> None:
    issued = {code for code, kind in records._kinds.items() if not code.startswith("test")}
    assert len(issued) >= 9
    assert issued <= set(KINDS)
    assert "bundle_index" in KINDS


def test_no_published_schema_ever_changes() -> None:
    found = {
        f"{path.parent.name}/{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in schemas.PUBLISHED.glob("*/*.json")
    }
    assert found == PUBLISHED


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_schema_is_what_the_data_is_checked_against(kind: str) -> None:
    version = schema_models.registered()[kind].version
    assert schemas.published(kind, version) == record_schemas.text(kind), "raise the version of a model that changed"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema_that_explains_itself(kind: str) -> None:
    schema = json.loads(schemas.published(kind, 1))
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == schema_models.DIALECT

    def explained(part: Any) -> bool:
        named = part.get("description") or schema["$defs"].get(part.get("$ref", "")[8:], {}).get("description")
        return bool(named)

    for name, part in schema["$defs"].items():
        for key, each in part.get("properties", {}).items():
            assert explained(each), f"{name}.{key}"
        assert part.get("type") != "object" or part["additionalProperties"] is False
    assert jsonschema_rs.validator_for(schema["$defs"]["Data"] | {"$defs": schema["$defs"]}).is_valid(fitting(kind))


def test_a_record_carries_its_schema_beside_its_data(session: Session, tmp_path: Path) -> None:
    from pikepdf import pdfa

    record = ask(session)
    assert (record.schema_version, record.schema_fault) == (1, None)
    inside = attached(session, record)
    assert list(inside) == ["record.json", "record.schema.json"]
    content, relationship, media_type = inside["record.schema.json"]
    assert content.decode() == schemas.published("permit", 1)
    assert (relationship, media_type) == (pikepdf.Name.Supplement, "application/json")
    facts = json.loads(inside["record.json"][0])
    assert facts["$schema"] == f"{pdf.settings().base_url}/schemas/records/permit/1.json"
    validator = jsonschema_rs.validator_for(json.loads(content), validate_formats=True)
    validator.validate(facts)
    for wrong in (
        facts | {"record": "receipt"},
        facts | {"data": facts["data"] | {"number": None}},
        facts | {"data": facts["data"] | {"colour": "green"}},
        {name: each for name, each in facts.items() if name != "code"},
    ):
        assert not validator.is_valid(wrong)
    path = tmp_path / "record.pdf"
    path.write_bytes(records.open_bytes(record))
    assert sorted(each.message for each in pdfa.validate_written(path, "3b").findings) == sorted(EXPECTED_FINDINGS)


@pytest.mark.parametrize(
    "data",
    [{"number": "L-1"}, {"lines": "many"}, {"colour": "green"}, {"validity": {"from": "soon", "to": "2026-11-21"}}],
)
def test_a_mistake_is_loud_where_it_is_looked_for(session: Session, data: dict[str, Any]) -> None:
    given = data if len(data) == 1 and "number" in data else fitting("permit") | data
    with pytest.raises(schema_models.Misfit, match="permit/1"):
        ask(session, data=given)


@pytest.mark.usefixtures("in_service")
def test_in_service_a_mistake_costs_nobody_their_paper(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    data = fitting("permit", number="L-1", consignee=7, secret_name="Jane Doe")
    with caplog.at_level(logging.ERROR):
        record = ask(session, data=data)
    assert record.schema_version is None
    assert record.schema_fault == "consignee: string_type; secret_name: extra_forbidden"
    assert "Jane Doe" not in record.schema_fault
    assert "does not fit its schema" in caplog.text
    inside = attached(session, record)
    assert list(inside) == ["record.json"]
    assert "$schema" not in json.loads(inside["record.json"][0])
    assert [each.id for each in failures.unfit(session)] == [record.id]


def test_a_record_keeps_the_version_it_was_issued_with(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    record = ask(session)

    class Later(RecordData):
        """The model of a later release."""

        colour: str = Field(description="Colour")

    monkeypatch.setitem(schema_models._schemas, "permit", Schema(Later, 2))
    inside = attached(session, record)
    assert inside["record.schema.json"][0].decode() == schemas.published("permit", 1)
    with pytest.raises(LookupError):
        pdf.render("generic.html", {}, locale="en_RW", kind="permit", schema_version=2)


def test_a_kind_without_schema_is_issued_as_before(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(schema_models._schemas, "permit")
    record = ask(session, data={"anything": 1})
    assert (record.schema_version, record.schema_fault) == (None, None)
    assert list(attached(session, record)) == ["record.json"]


def test_a_record_does_not_both_name_a_schema_and_miss_it(session: Session) -> None:
    record = ask(session)
    with pytest.raises(IntegrityError):
        session.execute(update(Record).where(Record.id == record.id).values(schema_fault="number: missing"))


@pytest.mark.parametrize("name", ["../records/permit", "permit/..", "", "Permit", "own_data"])
def test_only_what_is_published_is_read(name: str) -> None:
    with pytest.raises(LookupError):
        schemas.published(name, 1)
