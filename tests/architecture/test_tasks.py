"""A worker must know every task: a module that registers one is in the index."""

import re
from pathlib import Path

from app import tasks_index

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
