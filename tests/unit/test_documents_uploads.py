"""What people attach: taken when harmless, refused with advice when not, and named safely."""

import io
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.core.errors import Invalid
from app.documents import uploads
from app.documents.scanner import Scanner, Unreachable
from tests.support import papers


def refused(content: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        uploads.examine(content, field="identity")
    (problem,) = caught.value.problems
    assert problem.field == "identity", "the error stands at the field"
    assert len(str(problem.message)) > 30, "it says what to do"
    return problem.code


def test_a_pdf_is_kept_as_it_is() -> None:
    content = papers.pdf(pages=3)
    assert uploads.examine(content, field="x") == uploads.Clean(content, "application/pdf", 3)


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/jpeg")])
def test_pictures_are_drawn_again(kind: str, media_type: str) -> None:
    clean = uploads.examine(papers.picture(kind) + b"<script>alert(1)</script>", field="x")
    assert clean.media_type == media_type
    assert b"script" not in clean.content
    with Image.open(io.BytesIO(clean.content)) as drawn:
        assert drawn.size == (40, 20)


def test_a_photo_stands_upright_and_does_not_tell_where_it_was_taken() -> None:
    clean = uploads.examine(papers.rotated_photo(), field="x")
    with Image.open(io.BytesIO(clean.content)) as drawn:
        assert drawn.size == (20, 40)
        assert not drawn.getexif()
    assert b"telephone" not in clean.content


def test_large_scans_are_made_smaller() -> None:
    clean = uploads.examine(papers.picture(size=(5000, 3000)), field="x")
    with Image.open(io.BytesIO(clean.content)) as drawn:
        assert drawn.size == (4000, 2400)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (papers.gif_that_is_a_page(), "wrong_kind"),
        (b"<html><script>alert(1)</script></html>", "wrong_kind"),
        (b"MZ\x90\x00", "wrong_kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "wrong_kind"),
        (b"\n%PDF-1.7 not at the start", "wrong_kind"),
        (b"%PDF-1.7\nnothing more", "damaged_pdf"),
        (b"\xff\xd8\xff<script>alert(1)</script>", "damaged_image"),
        (papers.picture("PNG")[:60], "damaged_image"),
        (papers.animation(), "animated"),
        (papers.bomb(), "too_many_pixels"),
        (papers.pdf_with_script(), "active_content"),
        (papers.pdf_with_hidden_script(), "active_content"),
        (papers.pdf_that_launches(), "active_content"),
        (papers.pdf_with_file_inside(), "embedded_files"),
        (papers.pdf_with_password(), "encrypted"),
        (papers.pdf_with_owner_password(), "encrypted"),
        (papers.pdf(pages=301), "too_many_pages"),
        (b"%PDF-" + b"x" * uploads.MOST_BYTES, "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_do_harm_is_refused_with_advice(content: bytes, reason: str) -> None:
    assert refused(content) == reason


def test_a_bookmark_that_opens_the_second_page_is_harmless() -> None:
    document = pikepdf.open(io.BytesIO(papers.pdf(pages=2)))
    document.Root.OpenAction = pikepdf.Dictionary(
        S=pikepdf.Name.GoTo, D=pikepdf.Array([document.pages[1].obj, pikepdf.Name.Fit])
    )
    out = io.BytesIO()
    document.save(out)
    assert uploads.examine(out.getvalue(), field="x").pages == 2


def test_the_examiner_may_neither_write_files_nor_take_all_the_memory() -> None:
    program = (
        f"import runpy, resource; module = runpy.run_path({str(uploads.EXAMINER)!r}); module['limit']();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(768 << 20), "0"]


def test_the_examiner_stands_alone() -> None:
    """It has nothing of the portal in it: no settings, no database."""
    program = (
        f"import sys, runpy, json; runpy.run_path({str(uploads.EXAMINER)!r});"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('app', 'sqlalchemy', 'config')]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("Statuts de la société.PDF", "Statuts de la société.pdf"),
        ("C:\\Users\\Jane\\scan.pdf", "scan.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie_ x.pdf"),
        ("<img src=x onerror=alert(1)>.pdf", "_img src=x onerror=alert(1)_.pdf"),
        ("...", "document.pdf"),
        ("", "document.pdf"),
        ("x" * 300 + ".pdf", "x" * 80 + ".pdf"),
    ],
)
def test_names_are_made_safe(given_name: str, shown: str) -> None:
    assert uploads.shown_name(given_name, "application/pdf") == shown


@given(st.text())
def test_no_name_has_a_path_or_an_invisible_sign(name: str) -> None:
    shown = uploads.shown_name(name, "image/png")
    assert shown.endswith(".png")
    assert len(shown) <= 84
    assert "/" not in shown
    assert "\\" not in shown
    assert shown.isprintable()


class Clamd:
    """Answers INSTREAM as clamd does."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.path, self.answer, self.received = str(path), answer, b""
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen()
        self.server.settimeout(10)  # nobody asks: the test fails instead of waiting for ever
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.server.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while length := struct.unpack(">I", stream.read(4))[0]:
                self.received += stream.read(length)
            connection.sendall(self.answer + b"\0")

    def close(self) -> None:
        self.thread.join()
        self.server.close()


@pytest.fixture
def no_scanner_afterwards() -> Iterator[None]:
    yield
    uploads.configure("")


@pytest.mark.usefixtures("no_scanner_afterwards")
@pytest.mark.parametrize(("answer", "reason"), [(b"stream: OK", None), (b"stream: Eicar FOUND", "infected")])
def test_a_virus_scanner_is_asked_where_there_is_one(tmp_path: Path, answer: bytes, reason: str | None) -> None:
    clamd = Clamd(tmp_path / "clamd", answer)
    uploads.configure(clamd.path)
    content = papers.pdf()
    if reason is None:
        assert uploads.examine(content, field="x").pages == 1
    else:
        assert refused(content) == reason
    clamd.close()
    assert clamd.received == content


@pytest.mark.usefixtures("no_scanner_afterwards")
def test_nothing_is_taken_while_the_scanner_is_away(tmp_path: Path) -> None:
    uploads.configure(str(tmp_path / "nobody"))
    with pytest.raises(uploads.ScannerAway) as caught:
        uploads.examine(papers.pdf(), field="x")
    assert caught.value.status == 503


def test_an_odd_answer_of_the_scanner_is_no_permission(tmp_path: Path) -> None:
    clamd = Clamd(tmp_path / "clamd", b"INSTREAM size limit exceeded. ERROR")
    with pytest.raises(Unreachable):
        Scanner(clamd.path).clean(b"x")
    clamd.close()
