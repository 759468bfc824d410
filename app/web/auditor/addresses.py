"""Reading the query of an address."""

from flask import request

HIGHEST = 2**63 - 1  # what the database's ids can be


def row_id(name: str) -> int | None:
    """The id in the query under ``name``; None when there is none that a row could have."""
    found = request.args.get(name, type=int)
    return found if found is not None and 0 < found <= HIGHEST else None
