"""What changed between two submissions, in words a reviewer reads."""

import io

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import registry, summary
from app.cases.models import Submission
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.documents import uploads
from app.jurisdictions import load
from tests.factories.cases import submitted
from tests.services.conftest import People, move


def test_a_changed_document_is_named_as_people_name_it(rwanda: Session, people: People) -> None:
    case = submitted(rwanda, people.applicant)
    move(rwanda, case, Action.TAKE, people.registrar)
    asked = Payload(fields=(AskedField("documents", "documents.identity", "Identity document"),))
    move(rwanda, case, Action.ASK, people.registrar, payload=asked)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "black").save(picture, "PNG")
    picture.seek(0)
    uploads.accept(
        rwanda, stream=picture, filename="sharper.png", case_id=case.id, code="identity",
        uploaded_by=case.applicant_id,
    )  # fmt: skip
    move(rwanda, case, Action.SUBMIT, people.applicant, payload=Payload(declared=True))
    first, second = rwanda.scalars(select(Submission).where(Submission.case_id == case.id).order_by(Submission.number))
    definition, pack = registry.service(case.service), load.current()
    found = summary.differences(
        definition,
        pack,
        *(summary.Sent(each, summary.sections(rwanda, definition, pack, case, each.data)) for each in (first, second)),
    )
    title = next(str(paper.title) for paper in definition.documents(pack, second.data) if paper.code == "identity")
    assert title != "identity"
    assert {each.label for each in found} == {title}
    assert {(each.before, each.after) for each in found} == {("identity.png", ""), ("", "sharper.png")}
