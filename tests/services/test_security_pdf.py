"""Texts made to stop a record from being printed: a page that takes longer than its time is never printed at all."""

import subprocess
from pathlib import Path

import pytest

from app.documents import pdf

SENTENCE = "The moisture of the beans is above what the standard allows and the lot must be dried again. "
LONGEST = (SENTENCE * 50)[:4000]


def _printed(seat: str, people: int = 1, name: str = "Aline Uwase") -> bytes:
    """Raises PdfTimeout after ``pdf.SECONDS``."""
    data = {
        "number": "RW-1",
        "name": "Agaseke",
        "seat": seat,
        "people": [{"name": name, "role": "Owner", "shares": 1}] * people,
        "activities": ["1629 Baskets"],
    }
    return pdf.render("registration/certificate.html", data, locale="en_RW", title="Certificate", number="RW-1")


@pytest.mark.parametrize(
    ("seat", "people", "name"),
    [
        (LONGEST, 20, "Aline Uwase"),
        ("x" * 4000, 1, "Aline Uwase"),
        ("Kigali", 99, "x" * 300),
        ("Kigali", 99, "x" * 120),
        ("Kigali", 50, SENTENCE * 3),
        ("\u202eilagiK " * 300, 1, "e\u0301" * 150),
        ("🎉" * 1000, 1, "Ж" * 300),
        ("<img src='file:///etc/passwd'>" * 100, 1, "{{ 7 * 7 }}<script>"),
    ],
    ids=["prose", "one word", "long names", "names", "sentences", "turned", "pictures", "markup"],
)
def test_it_is_printed_in_time(seat: str, people: int, name: str) -> None:
    assert _printed(seat, people, name).startswith(b"%PDF-")


@pytest.mark.parametrize("word", ["x" * 64, "x" * 120, "x" * 300])
def test_a_long_word_stays_on_the_page(word: str, tmp_path: Path) -> None:
    (tmp_path / "made.pdf").write_bytes(_printed(word, name=word))
    boxes = subprocess.run(
        ["pdftotext", "-bbox", tmp_path / "made.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    right = [float(line.split('xMax="')[1].split('"')[0]) for line in boxes.splitlines() if "<word" in line]
    assert right
    assert max(right) < 595  # points: the width of A4
