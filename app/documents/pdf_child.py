"""The rendering process: reads sheets from standard input, writes PDF/A-3 to standard output, fetches nothing.

A message in is a length and JSON (``pdf.Sheet``); one out is a sign (``R`` ready, ``P`` PDF, ``E`` error), a length
and the bytes.
"""

import base64
import gc
import json
import os
import resource
import struct
import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pydyf
from weasyprint import CSS, HTML, Attachment
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from app.documents import pdf_page, schemas
from app.documents.pdf import Enclosed, Sheet

MEMORY = 1 << 30
CPU_SECONDS = 40  # for one record
VARIANT = "pdf/a-3a"
STYLE = pdf_page.TEMPLATES / "pdf" / "record.css"

# PDF/UA-1's mark, and the description of it that PDF/A-3 asks for (ISO 19005-3, 6.6.2.3).
_UA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" pdfuaid:part="1"/>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Indicates, which part of ISO 14289 standard is followed</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""


class NothingFetcher(URLFetcher):  # type: ignore[misc]
    """Refuses every address: no file, no network, not even ``data:``."""

    def fetch(self, url: str, headers: Any = None) -> Any:
        raise ValueError("a record loads nothing from outside")


def _finish(document: Any, pdf: pydyf.PDF) -> None:
    """Mark the file as PDF/UA and drop the empty resource dictionaries that strict PDF/A checkers dislike."""
    for thing in pdf.objects:
        if isinstance(thing, pydyf.Stream) and thing.extra.get("Type") == "/Metadata":
            xmp = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in thing.stream)
            thing.stream[:] = [xmp.replace(b"</rdf:RDF>", _UA + b"</rdf:RDF>")]
        for holder in (thing, getattr(thing, "extra", None)):
            if isinstance(holder, dict):
                _drop_empty(holder)
                inner = holder.get("Resources")
                if isinstance(inner, dict):
                    _drop_empty(inner)
    # WeasyPrint names an attachment twice in the list of associated files.
    associated = pdf.catalog.get("AF")
    if associated is not None:
        associated[:] = list(dict.fromkeys(associated))


def _drop_empty(resources: dict[str, Any]) -> None:
    for name in ("Pattern", "Shading", "XObject", "ExtGState", "Properties"):
        if name in resources and isinstance(resources[name], dict) and not resources[name]:
            del resources[name]


class Press:
    """Fonts, style and templates, read once."""

    def __init__(self) -> None:
        self.fonts = FontConfiguration()
        self.fetcher = NothingFetcher()
        self.style = CSS(string=STYLE.read_text(), font_config=self.fonts, url_fetcher=self.fetcher)
        self.pages = pdf_page.environment()

    def print(self, sheet: Sheet) -> bytes:
        text, content = pdf_page.html(self.pages, sheet)
        issued = datetime.fromisoformat(sheet.issued_at)
        attachment = Attachment(
            string=content,
            name="record.json",
            description=f"{sheet.title} {sheet.number}".strip(),
            created=issued,
            modified=issued,
            relationship="Data",
            url_fetcher=self.fetcher,
        )
        attachments = [attachment]
        if sheet.schema:
            attachments.append(self._schema(sheet, issued))
        if sheet.original is not None:
            attachments.append(self._original(sheet.original))
        made: bytes = HTML(string=text, url_fetcher=self.fetcher, base_url=None).write_pdf(
            stylesheets=[self.style],
            font_config=self.fonts,
            pdf_variant=VARIANT,
            pdf_tags=True,
            attachments=attachments,
            finisher=_finish,
        )
        return made

    def _schema(self, sheet: Sheet, issued: datetime) -> Attachment:
        return Attachment(
            string=sheet.schema,
            name=schemas.FILE,
            description=f"JSON Schema of record.json: {sheet.schema_url}",
            created=issued,
            modified=issued,
            relationship="Supplement",  # PDF/A-3 knows no closer word; "Schema" came with PDF 2.0
            url_fetcher=self.fetcher,
        )

    def _original(self, original: Enclosed) -> Attachment:
        issued = datetime.fromisoformat(original.issued_at)
        return Attachment(
            string=base64.b64decode(original.content),
            name=original.name,
            description=original.title,
            created=issued,
            modified=issued,
            relationship="Source",
            url_fetcher=self.fetcher,
        )


def _sheet(content: bytes) -> Sheet:
    given = json.loads(content)
    original = given.pop("original")
    return Sheet(**given, original=Enclosed(**original) if original else None)


def _why(error: Exception) -> str:
    """The error's kind and the innermost place in a template or in our code."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/templates/" in frame.filename or "/app/documents/" in frame.filename
    ]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _allow_more_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _take(source: BinaryIO, size: int) -> bytes:
    content = source.read(size)
    if len(content) != size:
        raise SystemExit(0)  # the worker is gone
    return content


def main() -> None:
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not part of the conversation
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def answer(sign: bytes, content: bytes) -> None:
        target.write(sign + struct.pack(">I", len(content)) + content)
        target.flush()

    press = Press()
    # The boxes of a page point at each other in circles: looking for garbage among them while they are made costs a
    # tenth of the time and finds none. It is looked for between two records, when it is all of them.
    gc.collect()
    gc.freeze()
    gc.disable()
    answer(b"R", b"")
    while True:
        (length,) = struct.unpack(">I", _take(source, 4))
        sheet = _sheet(_take(source, length))
        _allow_more_time()
        try:
            made = press.print(sheet)
        except MemoryError:
            raise SystemExit(1) from None
        except Exception as error:
            answer(b"E", _why(error).encode())
        else:
            answer(b"P", made)
        gc.collect()


if __name__ == "__main__":
    main()
