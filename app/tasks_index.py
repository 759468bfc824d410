"""Imports every module that registers background tasks, so that a worker knows them all."""

from importlib import import_module

MODULES = (
    "app.documents.tasks",
    "app.fees.tasks",
    "app.notifications.tasks",
    "app.outbox.tasks",
    "app.permits.tasks",
)


def import_tasks() -> None:
    for name in MODULES:
        import_module(name)
