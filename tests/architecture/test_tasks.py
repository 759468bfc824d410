"""A worker must know every task: a module that registers one is in the index."""

import re
from pathlib import Path

from app import tasks_index
from app.cases import bundles, copies
from app.documents import records
from app.fees import payments
from app.jobs import queue
from app.notifications import sending
from app.notifications.sms import tasks as texts
from app.outbox import tasks as outbox

APP = Path(tasks_index.__file__).parent
REGISTERS = re.compile(r"^@(?:queue\.)?task\(", re.MULTILINE)
BY_THE_WORKER = {"app.jobs.worker"}


def test_every_module_with_a_task_is_in_the_index() -> None:
    registering = {
        ".".join(path.relative_to(APP.parent).with_suffix("").parts)
        for path in APP.rglob("*.py")
        if REGISTERS.search(path.read_text())
    }
    assert registering - BY_THE_WORKER - set(tasks_index.MODULES) == set()


def test_the_index_names_modules_that_exist() -> None:
    tasks_index.import_tasks()


def test_every_task_is_in_a_queue_and_what_waits_for_others_in_one_of_its_own() -> None:
    tasks_index.import_tasks()
    assert {task.queue for task in queue.tasks.values()} == set(queue.QUEUES)
    apart = {
        "mails": {sending.SEND},
        "texts": {texts.SEND, texts.CHECK, texts.HEARD},
        "webhooks": {outbox.DELIVER},
        "payments": {payments.REQUEST, payments.CHECK},
        "papers": {records.RENDER, copies.MAKE},
    }
    for name, tasks in apart.items():
        assert {task.name for task in queue.tasks.values() if task.queue == name} == tasks
    assert queue.tasks[bundles.BUILD].queue == "bulk"
