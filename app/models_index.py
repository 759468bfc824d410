"""Imports every ``models`` module, so that the metadata is whole (alembic and the tests start here)."""

from importlib import import_module
from importlib.util import find_spec

PACKAGES = (
    "identity",
    "jobs",
    "audit",
    "outbox",
    "fees",
    "documents",
    "notifications",
    "cases",
    "businesses",
    "permits",
    "statistics",
    "api",
    "services.registration",
    "services.export_licence",
    "services.customs",
    "trade",
)


def import_models() -> None:
    for package in PACKAGES:
        name = f"app.{package}.models"
        if find_spec(name) is not None:
            import_module(name)
