"""What must hold at submission, and what the registrar is shown."""

from app.businesses import names, ownership
from app.cases.registry import CaseContext, Check
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.services.registration import facts, tax_numbers


def rules(context: CaseContext) -> list[Problem]:
    """The name is free (and held from now on), and the shares add up."""
    name = facts.legal_name(context.pack, context.data)
    found: list[Problem] = []
    try:
        names.claim(context.session, context.case.id, names.key(context.pack, name), name=name, field="name.name")
    except Invalid as error:
        found += error.problems
    register_facts = facts.from_answers(context.pack, context.data)
    if register_facts.shares_issued is not None:
        try:
            ownership.check_shares(
                (person.shares for person in register_facts.people), register_facts.shares_issued, field="people.people"
            )
        except Invalid as error:
            found += error.problems
    return found


def checks(context: CaseContext) -> list[Check]:
    pack, data = context.pack, context.data
    name = facts.legal_name(pack, data)
    near = names.similar(context.session, pack, name, case_id=context.case.id)
    same = [candidate.name for candidate in near if candidate.same]
    similar = [f"{candidate.name} ({candidate.score:.0%})" for candidate in near if not candidate.same]
    forbidden = names.restricted(pack, name)
    kind = facts.legal_form(pack, data)
    found = [
        Check(
            _("The name is free"),
            not same,
            ", ".join(same) if same else _("No live business or other application has it."),
            "name.unique",
        ),
        Check(
            _("No similar name is registered"),
            None if similar else True,
            ", ".join(similar),
            "name.similar",
        ),
        Check(
            _("No restricted word in the name"),
            None if forbidden else True,
            ", ".join(forbidden),
            "name.restricted",
        ),
    ]
    register_facts = facts.from_answers(pack, data)
    if register_facts.tax_number:
        others = tax_numbers.others(
            context.session, context.case.service, register_facts.tax_number, case_id=context.case.id
        )
        found.append(
            Check(
                _("No other business or application has the tax number"),
                None if others else True,
                ", ".join(others),
                "tax_number.unique",
            )
        )
    if kind is not None and kind.has_shares:
        shares = [person.shares or 0 for person in register_facts.people if person.shares]
        percentages = ownership.percentages(shares)
        owners = [person.name for person in register_facts.people if person.shares]
        detail = "; ".join(f"{owner}: {percent}\u00a0%" for owner, percent in zip(owners, percentages, strict=True))
        found.append(
            Check(_("The shares add up to those issued"), sum(shares) == register_facts.shares_issued, detail, "shares")
        )
    return found
