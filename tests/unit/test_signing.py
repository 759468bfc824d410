"""Seals: valid for every checker without a network, gone with one changed byte, and the paper beneath as it was."""

import io
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec
from pikepdf import pdfa
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.general import CMSExtractionError, SigningError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel

from app import _configure_seals
from app.documents import pdf, revocation, seals, signing
from app.documents.seals import PORTAL, SealError
from app.jurisdictions import load
from config import ROOT, Settings, SettingsError
from tests.support.seals import Office, earnest, judged, judged_by_etsi, open_office
from tests.unit.test_config import DEMO
from tests.unit.test_pdf import DATA, EXPECTED_FINDINGS, REST
from tools.standins import demo_seals

NAEB = "National Agricultural Export Development Board"

# What the checker of PDF/A says of a signature: it knows none of these, and what hangs on an unknown catalogue (the
# attachment's description and its bytes, which it accepts in the unsigned file) it does not look at.
SIGNATURE_FINDINGS = (
    "interactive forms (/AcroForm) are not supported",
    "permissions (/Perms) are not supported",
    "unrecognized key(s) /DSS are not checked",
    "embedded files are not supported",
    "embedded files are not supported",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office") / "seal") as made:
        yield made


@pytest.fixture(autouse=True)
def _as_set_up(office: Office) -> Iterator[None]:
    yield
    office.state.broken = office.state.refusing = False
    office.state.slow = 0.0
    office.configure()


@pytest.fixture(scope="module")
def paper() -> Iterator[bytes]:
    yield pdf.render("generic.html", DATA, **REST)
    pdf.close()


@pytest.fixture(scope="module")
def signed(office: Office, paper: bytes) -> signing.Signed:
    office.configure()
    return signing.sign(paper, seal="NAEB", reason="Issued")


def test_a_checker_with_the_root_alone_finds_it_valid(signed: signing.Signed, office: Office) -> None:
    verdict = judged(signed.content, office.folder)
    assert verdict.bottom_line
    assert verdict.trusted
    assert verdict.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert verdict.timestamp_validity.trusted
    assert verdict.timestamp_validity.timestamp == signed.at
    assert signed.level == signing.B_LT
    assert judged_by_etsi(signed.content, office.folder).ades_subindic is AdESPassed.OK


def test_somebody_elses_root_does_not_make_it_valid(signed: signing.Signed, tmp_path: Path) -> None:
    demo_seals.ensure(tmp_path, "RW")
    assert not judged(signed.content, tmp_path).bottom_line


def test_it_names_the_agency_and_certifies_that_nothing_may_change(signed: signing.Signed, office: Office) -> None:
    verdict = judged(signed.content, office.folder)
    assert signed.by == NAEB
    assert verdict.signing_cert.subject.native["organization_name"] == NAEB
    assert verdict.signing_cert.sha256.hex() == signed.fingerprint
    with pikepdf.open(io.BytesIO(signed.content)) as document:
        signature = document.Root.AcroForm.Fields[0].V
        assert str(signature.SubFilter) == "/ETSI.CAdES.detached"
        assert int(signature.Reference[0].TransformParams.P) == MDPPerm.NO_CHANGES.value
        assert document.Root.Perms.DocMDP.objgen == signature.objgen


def _pdfsig(content: bytes, folder: Path) -> str:
    path = folder / "signed.pdf"
    path.write_bytes(content)
    done = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False)
    return done.stdout


def test_poppler_agrees(signed: signing.Signed, tmp_path: Path) -> None:
    said = _pdfsig(signed.content, tmp_path)
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert f"Signer Certificate Common Name: {NAEB}" in said
    assert "ETSI.CAdES.detached" in said


def test_any_changed_byte_is_found(signed: signing.Signed, office: Office, tmp_path: Path) -> None:
    """Anywhere in the document, and in the signature's own value."""
    content = signed.content
    first = content.rindex(b"/Contents <")
    last = content.index(b">", first)
    chance = random.Random(20261122)
    outside = [place for place in chance.sample(range(len(content)), 45) if not first <= place <= last]
    value = bytes.fromhex(content[first + 11 : last].decode())
    (info,) = cms.ContentInfo.load(value)["content"]["signer_infos"]
    inside = first + 11 + 2 * value.index(info["signature"].native)
    assert len(outside) > 20
    for place in (*outside, 0, len(content) - 2, inside + 31, inside + 120):
        changed = content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]
        assert not _accepted(changed, office.folder), place
    changed = content[:3000] + bytes([content[3000] ^ 0x01]) + content[3001:]
    assert "Signature is Valid." not in _pdfsig(changed, tmp_path)


def _accepted(content: bytes, folder: Path) -> bool:
    try:
        return bool(judged(content, folder).bottom_line)
    except (PdfReadError, SignatureValidationError, CMSExtractionError, SigningError, ValueError, TypeError, KeyError):
        return False  # no longer a signed PDF at all


def test_the_paper_beneath_is_as_it_was(signed: signing.Signed, paper: bytes, tmp_path: Path) -> None:
    assert signed.content.startswith(paper)
    with pikepdf.open(io.BytesIO(signed.content)) as after, pikepdf.open(io.BytesIO(paper)) as before:
        assert after.pdf_version == before.pdf_version == "1.7"
        assert "/Version" not in after.Root
        assert [page.Contents.read_bytes() for page in after.pages] == [
            page.Contents.read_bytes() for page in before.pages
        ]
        assert list(after.attachments) == ["record.json"]


def test_it_is_still_pdf_a(signed: signing.Signed, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed.content)
    messages = sorted(finding.message for finding in pdfa.validate_written(path, "3b").findings)
    assert messages == sorted((*EXPECTED_FINDINGS, *SIGNATURE_FINDINGS))


def test_screen_readers_meet_no_field(signed: signing.Signed) -> None:
    """PDF/UA excuses from the tags what lies outside the page."""
    with pikepdf.open(io.BytesIO(signed.content)) as document:
        field = document.Root.AcroForm.Fields[0]
        assert all(float(side) < 0 for side in field.Rect)
        assert int(field.F) & 0b100, "PDF/A wants it printable"


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"broken": True}, signing.StampAway), ({"refusing": True}, signing.StampAway)],
)
def test_a_time_stamp_that_cannot_be_had_is_an_error(
    office: Office, paper: bytes, fault: dict[str, bool], error: type[Exception]
) -> None:
    for name, value in fault.items():
        setattr(office.state, name, value)
    with pytest.raises(error, match=office.url):
        signing.sign(paper, seal="NAEB", reason="Issued")


def test_an_authority_that_never_answers_is_given_up(
    office: Office, paper: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.documents import stamps

    monkeypatch.setattr(stamps, "SECONDS", 0.2)
    office.state.slow = 5.0
    with pytest.raises(signing.StampAway):
        signing.sign(paper, seal="NAEB", reason="Issued")
    office.state.pause.set()
    office.state.pause = type(office.state.pause)()


def test_a_time_stamp_of_an_authority_we_do_not_trust_is_refused(office: Office, paper: bytes, tmp_path: Path) -> None:
    with open_office(tmp_path / "other") as other:
        office.configure(tsa_url=other.url)
        with pytest.raises(SealError, match="No trusted root"):
            signing.sign(paper, seal="NAEB", reason="Issued")


def test_an_authority_may_change_its_certificate(office: Office, paper: bytes) -> None:
    signing.sign(paper, seal="NAEB", reason="Issued")
    before = office.state.certificate
    root = demo_seals.authority(office.folder, demo_seals.ROOT)
    name = demo_seals.subject("RW", "Another", "DEMONSTRATION other time stamps")
    office.state.certificate = demo_seals.certify(name, office.state.key, root, stamps=True)
    try:
        made = signing.sign(paper, seal="NAEB", reason="Issued")
        assert judged(made.content, office.folder).bottom_line
    finally:
        office.state.certificate = before


def test_a_withdrawn_certificate_signs_no_more(office: Office, paper: bytes) -> None:
    number = seals.load(office.folder, "NAEB").certificate.serial_number
    issuing = office.state.authorities[demo_seals.ISSUING]
    issuing.revoked.add(number)
    try:
        with pytest.raises(SealError, match=f"certificate of {NAEB} was revoked"):
            signing.sign(paper, seal="NAEB", reason="Issued")
    finally:
        issuing.revoked.clear()


def test_lists_that_cannot_be_had_are_an_error_and_fresh_ones_are_kept(office: Office, paper: bytes) -> None:
    office.configure(crl_url=f"{office.url}/nowhere")
    with pytest.raises(revocation.ListAway):
        signing.sign(paper, seal="NAEB", reason="Issued")
    office.configure()
    signing.sign(paper, seal="NAEB", reason="Issued")
    asked = office.state.asked
    signing.sign(paper, seal="NAEB", reason="Issued")
    assert office.state.asked == asked + 1, "one time stamp, and no list again"


def test_a_key_that_is_not_the_certificates_makes_no_signature(paper: bytes, tmp_path: Path) -> None:
    with open_office(tmp_path / "seal") as office:
        demo_seals.write_key(office.folder / "NAEB.key", ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(SealError, match="not the one in its certificate"):
            signing.sign(paper, seal="NAEB", reason="Issued")


def test_a_key_others_can_read_is_refused(paper: bytes, tmp_path: Path) -> None:
    with open_office(tmp_path / "seal") as office:
        assert (office.folder / "NAEB.key").stat().st_mode & 0o777 == 0o600
        (office.folder / "NAEB.key").chmod(0o644)
        with pytest.raises(SealError, match="chmod 600"):
            signing.sign(paper, seal="NAEB", reason="Issued")


def test_without_a_time_stamp_authority_the_level_says_so(office: Office, paper: bytes) -> None:
    office.configure(tsa_url="")
    made = signing.sign(paper, seal="NAEB", reason="Issued")
    assert made.level == signing.B_B


def test_every_agency_has_a_seal_in_its_own_name(office: Office) -> None:
    for pack in (load.load("RW"),):
        for agency in pack.agencies:
            seal = seals.load(office.folder, agency.code)
            assert seal.name == agency.names["en"]
            assert all(seals.is_demonstration(each) for each in (seal.certificate, *seal.chain))
            assert seal.certificate.not_valid_after_utc.year - seal.certificate.not_valid_before_utc.year == 10
    assert seals.load(office.folder, PORTAL).certificate


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_issuer_on_the_paper_decides_whose_seal_it_bears(language: str) -> None:
    pack = load.load("RW")
    assert signing.seal_of(pack, next(each for each in pack.agencies if each.code == "RRA").names[language]) == "RRA"
    assert signing.seal_of(pack, pack.portal_name[language]) == PORTAL


def test_the_demonstration_is_made_once(tmp_path: Path) -> None:
    demo_seals.ensure(tmp_path, "CG")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    demo_seals.ensure(tmp_path, "CG")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert "DGDDI.key" in before


@pytest.mark.parametrize(
    "setting", ["hello", "file:", "pkcs11:/module.so", "pkcs11:/m?token=t&label=x&certificates=/c"]
)
def test_a_setting_nobody_can_read_stops_the_start(setting: str) -> None:
    with pytest.raises(SealError, match="KIBALI_SEAL"):
        seals.Place.read(setting)


def test_production_refuses_the_demonstration_and_a_seal_that_is_not_whole(office: Office, tmp_path: Path) -> None:
    codes = [agency.code for agency in load.load("RW").agencies]
    with pytest.raises(SealError, match="demonstration certificate"):
        signing.check(codes)
    (tmp_path / "seal").mkdir()
    office.configure(f"file:{tmp_path / 'seal'}")
    with pytest.raises(SealError, match="cannot be read"):
        signing.check(codes)


def test_production_does_not_start_with_the_demonstration(office: Office, tmp_path: Path) -> None:
    setting = Settings(seal=f"file:{office.folder}", tsa_url=office.url)
    with pytest.raises(SettingsError, match="demonstration certificate"):
        _configure_seals(setting)
    _configure_seals(replace(setting, mode="demo"))
    _configure_seals(replace(setting, seal=earnest(tmp_path)))


def test_web_processes_do_not_load_the_signing_library(office: Office) -> None:
    program = (
        "import sys; from app import create_app; from config import load; create_app(load());"
        "from app.documents import signing; assert signing.trust().issuers;"
        "print([name for name in sys.modules if name.split('.')[0] in {'pyhanko', 'pkcs11', 'aiohttp'}])"
    )
    environment = DEMO | {"KIBALI_SEAL": f"file:{office.folder}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr
