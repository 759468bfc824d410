"""Building a bundle, a step at a time: each step is a job and a transaction of its own.

A step puts some cases into a part, which the store keeps; when all are there, one lets the log catch up with their
entries, and the last joins the parts. So the page sees how far it
is, other jobs get their turn between two steps, and a bundle whose job was killed goes on after the last whole part.
Nothing is seen of the bundle until it is whole.
"""

import csv
import inspect
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import verifier
from app.cases import bundle_contents, bundle_proofs, bundle_readme, bundles, sampling
from app.cases.bundle_contents import Found
from app.cases.case_file import Neighbours
from app.cases.models import Bundle, BundlePart, BundleState
from app.cases.record_data import BundleIndex
from app.core import clock, i18n
from app.documents import pdf, schema_models, store
from app.documents.bundles import Archive
from app.identity import people
from app.identity.actor import Actor
from app.jurisdictions.model import Pack

FORMAT = "kibali-bundle/1"
PART = 20  # cases
LINES = 100  # of index.pdf; a longer list goes on in index-2.pdf and so on: a longer page run takes more memory
INDEX_TEMPLATE = "cases/bundle_index.html"
INDEX_KIND = "bundle_index"
schema_models.register(INDEX_KIND, schema_models.Schema(BundleIndex, 1))


def step(session: Session, pack: Pack, bundle_id: int, neighbours: Neighbours) -> bool:
    """Make the next part, or the whole when all parts are there; whether another step is needed.

    A bundle that is ready or expired stays as it is. Raises store.DiskFull.
    """
    bundle = bundles.lock(session, bundle_id)
    if bundle.state not in bundles.UNFINISHED:
        return False
    store.current().check_room()
    with i18n.use_locale(bundle.locale, pack.zone):
        if bundle.done < bundle.total:
            _part(session, pack, bundle, neighbours)
            return True
        if bundle_proofs.advance(session, bundle.selection["cases"]):
            return True
        _whole(session, pack, bundle)
        return False


def _part(session: Session, pack: Pack, bundle: Bundle, neighbours: Neighbours) -> None:
    """The number of a part is that of its first case, from 0."""
    first = bundle.done
    ids = bundle.selection["cases"][first : first + PART]
    with store.current().scratch() as file:
        with Archive(file, bundle.created_at) as archive:
            asker = _asker(session, bundle)
            found = bundle_contents.write(session, pack, bundle, asker, ids, neighbours, archive)
        sha256, _size = store.current().put_file(file)
    session.add(BundlePart(bundle_id=bundle.id, number=first, sha256=sha256, found=found.document()))
    bundle.state, bundle.done = BundleState.BUILDING.value, first + len(ids)
    session.flush()


def _whole(session: Session, pack: Pack, bundle: Bundle) -> None:
    with store.current().scratch() as file:
        with Archive(file, bundle.created_at) as archive:
            bundle.log_size = _join(session, pack, bundle, archive)
        sha256, size = store.current().put_file(file)
    now = clock.now()
    bundle.state, bundle.missing, bundle.error = BundleState.READY.value, len(archive.gaps), ""
    bundle.sha256, bundle.size, bundle.finished_at, bundle.expires_at = sha256, size, now, now + bundles.KEPT
    bundles.forget_parts(session, bundle.id)


def _join(session: Session, pack: Pack, bundle: Bundle, archive: Archive) -> int:
    """Returns the size of the head the proofs are for."""
    asker = _asker(session, bundle)
    lines, records = _parts(session, bundle, archive)
    archive.add("records.json", _json(records))
    archive.add("index.csv", _csv(lines))
    _print_index(pack, bundle, lines, archive)
    selection = {"cases": bundle.total, "chosen": bundle.selection["chosen"], "sample": None}
    if bundle.population_file_sha256 is not None:
        sample = bundle.selection["sample"]
        selection["sample"] = {name: sample[name] for name in ("method", "by", "seed", "size", "population_sha256")}
        archive.add("sample.json", _json(sample))
        archive.add("population.csv", store.current().get(bundle.population_file_sha256))
        archive.add("sample.py", inspect.getsource(sampling).encode())
    log = bundle_proofs.write(session, bundle.selection["cases"], archive, since=bundle.selection.get("head"))
    whole = not log["waiting"] and log["entries"] == log["size"]
    archive.add("verify.py", inspect.getsource(verifier).encode())
    archive.add("README.txt", bundle_readme.text(pack, bundle, asker.name, log).encode())
    archive.finish(
        {
            "format": FORMAT,
            "made_at": clock.now().isoformat(timespec="seconds"),
            "selection": selection,
            "bundle": bundle.code,
            "title": bundle.title,
            "portal": i18n.pick(pack.portal_name),
            "country": pack.country,
            "asked_by": asker.name,
            "asked_at": bundle.created_at.isoformat(timespec="seconds"),
            "log": log,
            "whole_log": whole,  # else the entries are those of the cases, a selection
        }
    )
    return int(log["size"])


def _parts(session: Session, bundle: Bundle, archive: Archive) -> tuple[list[list[str]], list[dict[str, Any]]]:
    lines: list[list[str]] = []
    records: list[dict[str, Any]] = []
    wanted = select(BundlePart.sha256, BundlePart.found).where(BundlePart.bundle_id == bundle.id)
    for sha256, kept in session.execute(wanted.order_by(BundlePart.number).execution_options(yield_per=10)):
        found = Found.of(kept)
        lines += found.index
        records += found.records
        with _opened(sha256) as part:
            archive.join(part, found.members, found.gaps)
    return lines, records


@contextmanager
def _opened(sha256: str) -> Iterator[IO[bytes]]:
    """A file out of the store, whole and with its hash. Raises store.Damaged."""
    with store.current().scratch() as file:
        for piece in store.current().stream(sha256):
            file.write(piece)
        file.seek(0)
        yield file


def _csv(lines: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    index = csv.writer(text)
    index.writerow(bundle_contents.INDEX)
    index.writerows(lines)
    return text.getvalue().encode("utf-8-sig")  # spreadsheets read UTF-8 by its mark


def _print_index(pack: Pack, bundle: Bundle, lines: list[list[str]], archive: Archive) -> None:
    """``index.pdf``, and when the list is long ``index-2.pdf`` and on: no page run takes too long."""
    pieces = [lines[start : start + LINES] for start in range(0, len(lines), LINES)]
    for number, piece in enumerate(pieces, start=1):
        data = {
            "first": (number - 1) * LINES + 1,
            "of": len(pieces),
            "part": number,
            "total": bundle.total,
            "lines": [bundle_readme.index_line(pack, line) for line in piece],
            "sample": bundle_readme.sample_facts(bundle),
        }
        content = pdf.render(
            INDEX_TEMPLATE,
            data,
            locale=bundle.locale,
            zone=pack.timezone,
            kind=INDEX_KIND,
            schema_version=schema_models.examine(INDEX_KIND, data).version,
            title=bundle.title,
            issuer=i18n.pick(pack.portal_name),
            issued_at=bundle.created_at.isoformat(timespec="seconds"),
            place=pack.state_name,
        )
        archive.add("index.pdf" if number == 1 else f"index-{number}.pdf", content, packed=False)


def _asker(session: Session, bundle: Bundle) -> Actor:
    name = people.names(session, [bundle.requested_by]).get(bundle.requested_by, "")
    return Actor(kind="user", name=name, user_id=bundle.requested_by)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
