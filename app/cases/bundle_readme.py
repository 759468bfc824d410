"""What a bundle says to the person who opens it, in their language."""

from typing import Any

from app.cases import bundle_contents, bundle_samples, measures, registry
from app.cases.models import Bundle
from app.cases.workflow import State
from app.core import i18n
from app.core.i18n import gettext as _
from app.core.i18n import ngettext
from app.jurisdictions.model import Pack


def text(pack: Pack, bundle: Bundle, by: str, log: dict[str, Any]) -> str:
    """``README.txt``; ``log`` is what ``bundle_proofs.write`` returned."""
    lines = (
        i18n.pick(pack.portal_name),
        bundle.title,
        "",
        _("Asked for by %(name)s on %(date)s.", name=by, date=i18n.format_datetime(bundle.created_at)),
        ngettext("This bundle holds %(num)s case.", "This bundle holds %(num)s cases.", bundle.total),
        "",
        _("WHAT IS IN IT"),
        _("index.pdf and index.csv list the cases, one on each line."),
        _("cases/ has a folder for each case: case.pdf is the case file for reading, case.json everything the portal "
          "holds about the case, documents/ what the applicant attached."),
        _("records/ are the documents that were issued, each under the code that is printed on it; records.json lists "
          "them."),
        _("log/ has every entry of the audit log about these cases, and the way from each to the signed head of the "
          "log."),
        _("manifest.json lists every file with its size and SHA-256, and what could not be put in."),
        *_sample(bundle),
        "",
        _("HOW TO CHECK IT, WITHOUT THE PORTAL AND WITHOUT A NETWORK"),
        _("You need Python 3.9 or newer, with its package “cryptography”. Open a terminal where "
          "the ZIP is and run:"),
        "    python3 verify.py bundle.zip",
        _("The program is verify.py in the ZIP. Whoever trusts nobody uses a copy of their own instead. It checks "
          "every file, every signature and every entry, and names the first that is wrong."),
        _("Keep log/head.json of this bundle where nobody of the portal can write: with it the program also finds a "
          "log that was written anew. Ask for the next bundle with it and run:"),
        "    python3 verify.py bundle.zip --head kept-head.json",
        *_since(log),
        _("To check only that no file was changed, unpack the ZIP and run there:"),
        "    sha256sum --check SHA256SUMS",
        _("The SHA-256 of the whole ZIP is on the portal's page of this bundle."),
        *_waiting(log),
        "",
        _("The bundle holds personal data. Keep it as the law asks, and delete it when you no longer need it."),
        "",
    )  # fmt: skip
    return "\r\n".join(lines)


def _sample(bundle: Bundle) -> tuple[str, ...]:
    facts = sample_facts(bundle)
    if not facts:
        return ()
    return (
        "",
        _("HOW THE CASES WERE DRAWN"),
        *(f"{label}: {value}" for label, value in facts),
        _("population.csv lists what they were drawn from, sample.json what was drawn. To draw the sample again, "
          "unpack the ZIP and run there:"),
        "    python3 sample.py",
    )  # fmt: skip


def _since(log: dict[str, Any]) -> tuple[str, ...]:
    if log["since"] is None:
        return ()
    return (
        ngettext(
            "This bundle has the proof for the head of %(num)s entry.",
            "This bundle has the proof for the head of %(num)s entries.",
            log["since"],
        ),
    )


def _waiting(log: dict[str, Any]) -> tuple[str, ...]:
    if not log["waiting"]:
        return ()
    return (
        "",
        ngettext(
            "%(num)s entry was so new that the log had not yet signed it. A later bundle has its proof.",
            "%(num)s entries were so new that the log had not yet signed them. A later bundle has their proofs.",
            log["waiting"],
        ),
    )


def sample_facts(bundle: Bundle) -> list[tuple[str, str]]:
    """Label and value of what fixes the sample; empty for a bundle of all that was chosen."""
    if bundle.population_sha256 is None:
        return []
    by = bundle.selection["sample"]["by"]
    facts = [(_("Method"), str(bundle_samples.METHODS[bundle.method]))]
    if by:
        facts.append((_("By"), str((measures.layers() | measures.amounts()).get(by, by))))
    return [
        *facts,
        (_("Asked for"), i18n.format_number(bundle.selection["sample"]["size"])),
        (_("Drawn"), i18n.format_number(bundle.total)),
        (_("Out of"), i18n.format_number(bundle.population)),
        (_("Seed"), bundle.seed),
        (_("SHA-256 of the population's references"), bundle.population_sha256),
    ]


def index_line(pack: Pack, line: list[str]) -> list[str]:
    """A line of the index as people read it: reference, about, service, business, received, state."""
    row = dict(zip(bundle_contents.INDEX, line, strict=True))
    definition = registry.service(row["service"])
    business = f"{row['business_name']} ({row['business_number']})" if row["business_number"] else "–"
    return [
        row["reference"],
        row["title"],
        str(definition.noun),
        business,
        row["submitted_at"],
        str(definition.workflow.official_title(State(row["state"]))),
    ]
