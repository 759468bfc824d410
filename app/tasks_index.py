"""Imports every module that registers background tasks, or what those tasks call back, so that a worker knows them."""

from importlib import import_module

MODULES = (
    "app.audit.checking",
    "app.businesses.retention",  # until when a file is needed
    "app.audit.sequencer",
    "app.cases.answers",
    "app.cases.copies_making",
    "app.cases.escalation",
    "app.cases.silence",
    "app.cases.tasks",
    "app.cases.rerouting",
    "app.cases.waiting",
    "app.cases.findings_notices",
    "app.cases.engine",  # a settled bill hands its case to the agency
    "app.documents.tasks",
    "app.fees.tasks",
    "app.notifications.sms.reports",
    "app.notifications.sms.tasks",
    "app.notifications.tasks",
    "app.outbox.housekeeping",
    "app.outbox.tasks",
    "app.permits.retention",
    "app.permits.tasks",
    "app.statistics.tasks",
    "app.trade.tasks",
    "app.web.accounts.tasks",
    "app.web.auditor.log_alarm",
    "app.web.auditor.tasks",
    "app.web.payments",  # what a settled bill sets off: receipt, message, audit entry
)


def import_tasks() -> None:
    for name in MODULES:
        import_module(name)
