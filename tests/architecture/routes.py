"""Reading the map of routes: what the tests of access share."""

import re
from collections.abc import Mapping

from flask import Flask
from werkzeug.routing import Rule

# Well formed, and of nothing that exists.
MISSING = {
    "reference": "BR-2026-99999-K",
    "number": "XX-0000-999999",
    "code": "no-such-code-0000000000000000000",
    "token": "no-such-token-000000000000000000",
    "service": "no-such-service",
    "uid": "00000000-0000-4000-8000-000000000000",
}


def key(rule: Rule) -> str:
    methods = " ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    return f"{methods} {rule.rule}"


def declared(portal: Flask, rule: Rule) -> str | None:
    """The permission of a route, as its view states it."""
    permission = getattr(portal.view_functions[rule.endpoint], "permission", None)
    return str(permission) if permission is not None else None


def rules(portal: Flask) -> list[Rule]:
    return sorted((rule for rule in portal.url_map.iter_rules() if rule.endpoint != "static"), key=key)


def address(rule: Rule, values: Mapping[str, str] | None = None) -> str:
    """The route's path with ``values`` in it, or without them the path of a record that does not exist."""

    def value(found: re.Match[str]) -> str:
        converter, _, name = found.group(1).rpartition(":")
        if values and name in values:
            return values[name]
        if converter.startswith("int"):
            return "999999999"
        if converter.startswith("uuid"):
            return MISSING["uid"]
        return MISSING.get(name, f"no-such-{name}")

    return re.sub(r"<([^>]+)>", value, rule.rule)
