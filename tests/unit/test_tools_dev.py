"""``make run``'s caretaker: one sentence when something is wrong, and nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import dev

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    " print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def demo(tmp_path: Path) -> dev.Demo:
    return dev.Demo("RW", 8000, tmp_path, dict(os.environ))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((dev.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def _said(part: dev.Part) -> str:
    while not part.log.read_text().endswith("\n"):
        assert part.process.poll() is None
        threading.Event().wait(0.01)
    return part.log.read_text().strip()


def test_a_port_in_use_is_one_sentence_with_the_way_out(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(dev.Problem, match=rf"Port {taken} is already in use .* PORT=\d+ make run"):
        dev._check_port(taken)


def test_a_port_for_root_alone_is_not_said_to_be_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(port: int) -> int:
        raise PermissionError

    monkeypatch.setattr(dev, "_bind", refuse)
    with pytest.raises(dev.Problem, match="Only root may use port 80"):
        dev._check_port(80)


def test_a_second_start_is_told_where_the_first_is(tmp_path: Path) -> None:
    with dev._alone(tmp_path, "RW", 8010):
        with (
            pytest.raises(dev.Problem, match=r"already running .* http://127\.0\.0\.1:8010\. .* COUNTRY=CG"),
            dev._alone(tmp_path, "RW", 8020),
        ):
            pass
        (tmp_path / "cg").mkdir()
        with dev._alone(tmp_path / "cg", "CG", 8020):
            pass
    with dev._alone(tmp_path, "RW", 8030):
        assert (tmp_path / "running").read_text() == "http://127.0.0.1:8030"


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("PORT", "0"), ("PORT", "70000"), ("COUNTRY", "FR")])
def test_a_wrong_choice_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(dev.Problem, match=name):
        dev._choices()


def test_a_stand_in_moves_when_its_port_is_taken(taken: int) -> None:
    assert dev._port(taken) != taken


def test_a_stand_in_leaves_the_portal_its_port(taken: int) -> None:
    free = dev._port(taken)
    assert dev._port(free) == free
    assert dev._port(free, free) not in {free, taken}


def test_a_full_disk_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dev, "LOCAL", tmp_path)
    monkeypatch.setattr(dev, "LEAST_SPACE", 1 << 62)
    with pytest.raises(dev.Problem, match="Make room"):
        dev._enough_space()


def test_a_missing_library_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(dev.ctypes, "CDLL", refuse)
    with pytest.raises(dev.Problem, match="apt-get install libpango"):
        dev._libraries()


def test_a_step_that_fails_gives_its_own_last_words(demo: dev.Demo) -> None:
    with pytest.raises(dev.Problem, match=r"The database is away\.\nThis was the step 'migrate'"):
        demo.run("migrate", "-c", "import sys; sys.exit('The database is away.')")


def test_a_step_stops_when_asked(demo: dev.Demo) -> None:
    demo.stopping.set()
    with pytest.raises(KeyboardInterrupt):
        demo.run("migrate", "-c", "import time; time.sleep(60)")


def test_a_part_that_ended_is_found_and_named(demo: dev.Demo) -> None:
    demo.start("worker", "-c", "import sys; sys.exit('no queue')")
    demo.parts[0].process.wait()
    with pytest.raises(dev.Problem, match="The worker ended at once: no queue"):
        demo.wait_until_ready("http://127.0.0.1:9")


def test_the_refusal_is_told_and_not_the_servers_remark_on_it(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("Kibali cannot start. KIBALI_SECRET_KEY is missing.\n[ERROR] Unexpected exit from worker-1\n")
    assert dev._story(log) == "Kibali cannot start. KIBALI_SECRET_KEY is missing."
    log.write_text("[ERROR] Unexpected exit from worker-1\n")
    assert dev._story(log) == "[ERROR] Unexpected exit from worker-1"
    log.write_text("")
    assert dev._story(log) == "it said nothing."


def test_nothing_is_left_not_even_grandchildren(demo: dev.Demo) -> None:
    demo.start("web", "-c", PARENT)
    grandchild = int(_said(demo.parts[0]))
    assert _alive(grandchild)
    demo.stop()
    assert demo.parts[0].process.returncode == -signal.SIGTERM
    while _alive(grandchild):  # killed; the kernel may take a moment to say so
        threading.Event().wait(0.01)


def test_nothing_is_left_when_the_terminal_is_gone(demo: dev.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*words: object, **options: object) -> None:
        raise OSError(5, "Input/output error")

    demo.start("web", "-c", "import time; time.sleep(60)")
    monkeypatch.setattr("builtins.print", gone)
    demo.stop()
    assert demo.parts[0].process.returncode == -signal.SIGTERM


def test_a_part_that_will_not_end_is_killed_after_the_grace(demo: dev.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "GRACE", 0.2)
    demo.start("web", "-c", STUBBORN)
    _said(demo.parts[0])
    demo.stop()
    assert demo.parts[0].process.returncode == -signal.SIGKILL


def test_parts_end_when_the_caretaker_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib; from tools import dev\n"
        f"demo = dev.Demo('RW', 8000, pathlib.Path({str(tmp_path)!r}), dict(os.environ))\n"
        "demo.start('web', '-c', 'import time; time.sleep(60)')\n"
        "print(demo.parts[0].process.pid, flush=True)\n"
        "demo.parts[0].process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=dev.ROOT) as caretaker:
        assert caretaker.stdout is not None
        part = int(caretaker.stdout.readline())
        assert _alive(part)
        caretaker.kill()
    while _alive(part):
        threading.Event().wait(0.01)
