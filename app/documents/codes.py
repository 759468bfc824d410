"""The public code of a record, as it is stored and as people read and type it."""


def tidy(typed: str) -> str:
    """What was typed, without spaces and hyphens, in capitals; empty when it cannot be a code."""
    plain = "".join(sign for sign in typed.upper() if sign.isalnum())
    return plain if 26 <= len(plain) <= 64 and plain.isascii() else ""


def shown(code: str) -> str:
    """In groups of five, the last of five or six, as it is printed for people to type."""
    groups = [code[start : start + 5] for start in range(0, len(code), 5)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return "-".join(groups)
