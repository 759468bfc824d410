"""The paper itself: archival, readable by people, machines and screen readers, and deaf to what hides in the data."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from app.documents import pdf
from app.documents.codes import shown, tidy

CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23"
DATA: dict[str, Any] = {
    "lead": "This certifies that the goods below may be exported.",
    "validity": {"from": "2026-11-21", "to": "2027-11-20"},
    "sections": [
        {"title": "Holder", "rows": [["Name", "Umurima Coffee Ltd"], ["Address", None], ["Website", ""]]},
        {
            "title": "Goods",
            "table": {
                "head": ["HS code", "Description", "Quantity"],
                "amounts": [2],
                "rows": [["0901.11", "Coffee, not roasted", "19,200 kg"]],
            },
        },
    ],
    "conditions": ["Show this permit on request."],
}
REST: dict[str, Any] = {
    "locale": "en_RW",
    "zone": "Africa/Kigali",
    "kind": "permit",
    "title": "Export licence",
    "number": "RW-EXP-2026-00042",
    "code": CODE,
    "issuer": "National Agricultural Export Development Board",
    "issued_at": "2026-11-21T23:30:00+00:00",
    "place": "Rwanda",
}

# What pikepdf's checker of PDF/A-3b says of a PDF/A-3a file marked as PDF/UA, and nothing else: the label, and the
# standard's own extension schema that declares the mark.
EXPECTED_FINDINGS = (
    "pdfaid:conformance is 'A', expected 'B'",
    "XMP property pdfuaid:part is not permitted",
    "XMP property pdfaExtension:schemas is not permitted",
    "XMP namespace pdfaExtension=http://www.aiim.org/pdfa/ns/extension/ is not permitted",
    "XMP namespace pdfaSchema=http://www.aiim.org/pdfa/ns/schema# is not permitted",
    "XMP namespace pdfaProperty=http://www.aiim.org/pdfa/ns/property# is not permitted",
)


def render(data: dict[str, Any] = DATA, **changes: Any) -> bytes:
    return pdf.render(changes.pop("template", "generic.html"), data, **(REST | changes))


def words(content: bytes) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    before = pdf.settings()
    pdf.configure(base_url="https://kibali.example.rw/", demo=False)
    yield
    pdf.configure(base_url=before.base_url, demo=before.specimen)
    pdf.close()


@pytest.fixture(scope="module")
def paper() -> bytes:
    return render()


def test_it_says_what_it_must(paper: bytes) -> None:
    text = words(paper)
    for expected in (
        "RWANDA", "National Agricultural Export Development Board", "Export licence", "RW-EXP-2026-00042",
        "Umurima Coffee Ltd", "21 November 2026", "20 November 2027", "19,200 kg", "Show this permit on request.",
        "https://kibali.example.rw/verify", shown(CODE), "Page 1/1",
    ):  # fmt: skip
        assert expected in text
    assert "22 November 2026" in text, "the day it was issued is a day in Kigali"
    assert "SPECIMEN" not in text


def test_what_is_missing_is_said_to_be_missing(paper: bytes) -> None:
    lines = words(paper).splitlines()
    for label in ("Address", "Website"):
        assert any(label in line and "not stated" in line for line in lines)


@pytest.mark.parametrize(
    "data", [{}, {"sections": None}, {"sections": [{}]}, {"validity": {}}, {"validity": {"from": "soon"}}]
)
def test_an_old_record_with_less_in_it_still_prints(data: dict[str, Any]) -> None:
    assert "Export licence" in words(render(data))


def test_the_same_record_gives_the_same_bytes_in_any_process(paper: bytes) -> None:
    assert render() == paper
    pdf.close()
    assert render() == paper


def test_it_is_pdf_a(paper: bytes, tmp_path: Path) -> None:
    from pikepdf import pdfa

    path = tmp_path / "record.pdf"
    path.write_bytes(paper)
    report = pdfa.validate_written(path, "3b")
    unexpected = [finding for finding in report.findings if finding.message not in EXPECTED_FINDINGS]
    assert unexpected == []
    assert len(report.findings) == len(EXPECTED_FINDINGS)


def test_it_is_tagged_for_screen_readers(paper: bytes) -> None:
    with pikepdf.open(io.BytesIO(paper)) as document:
        assert document.Root.MarkInfo.Marked
        assert str(document.Root.Lang) == "en"
        assert "pdfuaid" in document.Root.Metadata.read_bytes().decode()
        figures = [
            thing
            for thing in document.objects
            if isinstance(thing, pikepdf.Dictionary) and thing.get("/S") == pikepdf.Name.Figure
        ]
        assert len(figures) == 2
        assert all(str(figure.Alt).strip() for figure in figures)
        kinds = {str(thing.get("/S")) for thing in document.objects if isinstance(thing, pikepdf.Dictionary)}
        assert {"/H1", "/H2", "/Table", "/TH", "/TD"} <= kinds


def test_the_fonts_are_inside_and_the_text_can_be_copied(paper: bytes, tmp_path: Path) -> None:
    path = tmp_path / "record.pdf"
    path.write_bytes(paper)
    listed = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True).stdout
    rows = listed.splitlines()[2:]
    assert rows
    for row in rows:
        assert "Noto" in row
        assert row.split()[-5:-2] == ["yes", "yes", "yes"], "embedded, a subset, with Unicode"


def test_machines_find_the_same_facts_inside(paper: bytes) -> None:
    with pikepdf.open(io.BytesIO(paper)) as document:
        assert list(document.attachments) == ["record.json"]
        attached = document.attachments["record.json"]
        content = attached.get_file().read_bytes()
        assert attached.relationship == pikepdf.Name.Data
        assert len(document.Root.AF) == 1
    facts = json.loads(content)
    assert facts["data"] == DATA
    assert facts["number"] == "RW-EXP-2026-00042"
    assert facts["verify"] == f"https://kibali.example.rw/verify/{CODE}"
    assert hashlib.sha256(content).hexdigest() in words(paper), "the paper shows the hash of what is inside"


def test_the_qr_code_leads_to_the_public_check(paper: bytes, tmp_path: Path) -> None:
    path = tmp_path / "record.pdf"
    path.write_bytes(paper)
    subprocess.run(["pdftoppm", "-r", "110", "-gray", "-png", str(path), str(tmp_path / "page")], check=True)
    with Image.open(next(tmp_path.glob("page*.png"))) as page:
        found = zxingcpp.read_barcodes(page)
    assert [code.text for code in found] == [f"https://kibali.example.rw/verify/{CODE}"]


@pytest.mark.parametrize("typed", [shown(CODE), shown(CODE).lower(), f"  {CODE[:13]} {CODE[13:]} "])
def test_a_code_may_be_typed_as_it_is_printed(typed: str) -> None:
    assert tidy(typed) == CODE


class _Listener(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *arguments: Any) -> None: ...


def test_nothing_is_fetched_or_read_whatever_the_data_says() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/stolen"
    hostile = (
        f'"><img src="{address}"><link rel=stylesheet href="{address}"><link rel=attachment href="file:///etc/passwd">'
        f"<iframe src='file:///etc/passwd'></iframe><object data='file:///etc/passwd'></object>"
        f"<style>@import url({address});body{{background:url(file:///etc/passwd)}}</style>"
        f"<svg><image href='{address}'/></svg><script>1</script>"
        "{{ 7 * 7 }}{% include '/etc/passwd' %}"
    )
    data = {
        "lead": hostile,
        "validity": {"from": hostile, "to": hostile},
        "sections": [
            {
                "title": hostile,
                "text": hostile,
                "rows": [[hostile, hostile]],
                "table": {"head": [hostile], "rows": [[hostile]], "amounts": [0]},
            }
        ],
        "conditions": [hostile],
        "note": hostile,
    }
    try:
        content = render(data, title=hostile, number=hostile, issuer=hostile, place=hostile)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert _Listener.asked == []
    text = words(content)
    assert "root:" not in text
    assert "<img" in text, "it is printed as the text it is"
    assert "{{ 7 * 7 }}" in text
    with pikepdf.open(io.BytesIO(content)) as document:
        assert list(document.attachments) == ["record.json"]
        assert b"root:" not in b"".join(
            thing.read_bytes()
            for thing in document.objects
            if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") != pikepdf.Name.Image
        )


def test_the_fetcher_itself_refuses_every_address() -> None:
    program = (
        "from app.documents.pdf_child import NothingFetcher; import sys\n"
        "for url in ('file:///etc/passwd', 'http://127.0.0.1:9/', 'data:text/plain,x', 'ftp://h/'):\n"
        "    try: NothingFetcher()(url)\n"
        "    except ValueError: continue\n"
        "    sys.exit(url)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=pdf.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("fr_CG", "21 novembre 2026"), ("fr_RW", "20 novembre 2027"), ("en_RW", "21 November 2026")],
)
def test_it_speaks_the_language_of_the_record(locale: str, expected: str) -> None:
    assert expected in words(render(locale=locale))


def test_other_scripts_have_their_signs() -> None:
    text = words(render({"sections": [{"rows": [["中文", "咖啡出口许可证"], ["العربية", "رخصة تصدير"]]}]}))
    assert "咖啡出口许可证" in text


def test_a_narrow_space_does_not_become_a_box() -> None:
    assert "1\u202f500" not in words(render({"lead": "1\u202f500\u202fXAF"}))


def test_a_demonstration_system_says_so_on_every_page() -> None:
    pdf.configure(base_url="https://kibali.example.rw", demo=True)
    try:
        rows = [[str(number), "x"] for number in range(120)]
        pages = words(render({"sections": [{"rows": rows}]})).split("\f")[:-1]
    finally:
        pdf.configure(base_url="https://kibali.example.rw", demo=False)
    assert len(pages) > 2
    assert all("SPECIMEN" in page for page in pages)
    assert f"Page 2/{len(pages)}" in pages[1]


def test_a_mistake_in_a_template_is_an_error_and_the_next_record_prints(paper: bytes) -> None:
    with pytest.raises(pdf.PdfError, match="TemplateNotFound"):
        render(template="nowhere/at_all.html")
    assert render() == paper


CHILD = """
import json, os, struct, sys, time
def answer(sign, content=b''):
    sys.stdout.buffer.write(sign + struct.pack('>I', len(content)) + content); sys.stdout.buffer.flush()
answer(b'R')
while True:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4: break
    sheet = json.loads(sys.stdin.buffer.read(struct.unpack('>I', head)[0]))
    if sheet['title'] == 'slow': time.sleep(60)
    if sheet['title'] == 'die': os.kill(os.getpid(), 9)
    answer(b'P', str(os.getpid()).encode())
"""


@pytest.fixture
def child() -> Iterator[pdf.Child]:
    made = pdf.Child([sys.executable, "-c", CHILD], seconds=0.5)
    yield made
    made.close()


def sheet(title: str = "") -> pdf.Sheet:
    return pdf.Sheet(
        template="", data={}, locale="en_RW", zone="UTC", kind="", title=title, number="", code="", issuer="",
        issued_at="", place="", base_url="",
    )  # fmt: skip


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(("title", "error"), [("slow", pdf.PdfTimeout), ("die", pdf.PdfCrashed)])
def test_a_child_that_hangs_or_dies_is_replaced(child: pdf.Child, title: str, error: type[Exception]) -> None:
    first = child.render(sheet())
    assert child.render(sheet()) == first, "it is kept between records"
    with pytest.raises(error):
        child.render(sheet(title))
    assert gone(int(first))
    assert child.render(sheet()) != first


def test_a_child_killed_between_two_records_costs_nothing(child: pdf.Child) -> None:
    first = int(child.render(sheet()))
    os.kill(first, 9)
    deadline = time.monotonic() + 5
    while child._process is not None and child._process.poll() is None and time.monotonic() < deadline:
        pass
    assert int(child.render(sheet())) != first


def test_a_child_that_is_late_to_start_answers_for_no_other_record() -> None:
    late = CHILD.replace("answer(b'R')", "sys.stdin.buffer.read(1); answer(b'R')")
    made = pdf.Child([sys.executable, "-c", late], seconds=0.5, starting=0.2)
    for _ in range(2):
        with pytest.raises(pdf.PdfTimeout):
            made.render(sheet())
        assert made.pid is None, "what it says when it is ready at last is nobody's answer"


@pytest.mark.slow
def test_a_page_of_absurd_size_is_stopped_and_the_worker_lives(paper: bytes) -> None:
    rows = [[f"{number}", "x" * 200] for number in range(60_000)]
    small = pdf.Child(seconds=6)
    with pytest.raises(pdf.PdfError):
        small.render(
            pdf.Sheet(**(REST | {"template": "generic.html", "data": {"sections": [{"rows": rows}]}, "base_url": ""}))
        )
    small.close()
    assert render() == paper
