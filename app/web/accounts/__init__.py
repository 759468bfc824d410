"""Accounts: signing up and in, passwords, the second factor, sessions, and who acts for a business."""

from importlib import import_module

from flask import Blueprint

blueprint = Blueprint("accounts", __name__)

# Each module adds its routes to the blueprint.
_MODULES = "verbs sign_in sign_up passwords second_factor account details own_data members phone"
for _name in _MODULES.split():
    import_module(f"{__name__}.{_name}")
