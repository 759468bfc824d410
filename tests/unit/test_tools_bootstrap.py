"""What a fresh machine is told and given; no package manager is run here."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import bootstrap


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone without anything installed, and a note of every command that would have been run."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "log")
    (tmp_path / "requirements.txt").write_text("flask==3.1.3 \\\n    --hash=sha256:00\n")
    (tmp_path / "requirements-dev.txt").write_text("flask==3.1.3 \\\n    --hash=sha256:00\npytest==9.2.0\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    seen: list[list[str]] = []

    def run(command: list[str], log: str, failure: str, **options: Any) -> None:
        seen.append(command)

    monkeypatch.setattr(bootstrap, "run", run)
    return seen


def _lacking(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr(bootstrap, "missing_packages", lambda purpose: list(packages))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")


def test_the_second_time_nothing_is_done(
    house: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "works", lambda python: (house / ".venv").exists())
    (house / ".venv").mkdir()
    bootstrap.python_packages("run")
    assert len(commands) == 1
    bootstrap.python_packages("run")
    assert len(commands) == 1


def test_a_changed_lock_installs_again(house: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    (house / ".venv").mkdir()
    bootstrap.python_packages("test")
    (house / "requirements-dev.txt").write_text("flask==3.1.4\n")
    bootstrap.python_packages("test")
    assert len(commands) == 2


def test_packages_for_tests_serve_for_running(
    house: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    (house / ".venv").mkdir()
    bootstrap.python_packages("test")
    bootstrap.python_packages("run")
    assert len(commands) == 1
    (house / "requirements.txt").write_text("flask==3.1.4\n")
    (house / "requirements-dev.txt").write_text("flask==3.1.4\n")
    bootstrap.python_packages("run")
    assert len(commands) == 2


def test_every_file_is_checked_against_its_hash(
    house: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    (house / ".venv").mkdir()
    bootstrap.python_packages("run")
    assert {"--require-hashes", "--no-deps"} <= set(commands[0])


def test_root_installs_what_is_missing(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _lacking(monkeypatch, "qpdf", "chromium")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    bootstrap.system_packages("test")
    assert commands[0] == ["apt-get", "update"]
    assert commands[1][:2] == ["apt-get", "install"]
    assert commands[1][-2:] == ["qpdf", "chromium"]


def test_nothing_missing_means_no_package_manager(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _lacking(monkeypatch)
    bootstrap.system_packages("test")
    assert commands == []


def test_without_rights_the_exact_command_is_told(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _lacking(monkeypatch, "libpango-1.0-0")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *args, **kwargs: subprocess.CompletedProcess(args, 1))
    with pytest.raises(bootstrap.Problem, match=r"sudo apt-get install --no-install-recommends libpango-1\.0-0"):
        bootstrap.system_packages("run")
    assert commands == []


def test_a_failed_command_shows_the_end_of_its_log(house: Path) -> None:
    with pytest.raises(bootstrap.Problem, match=r"(?s)It did not work\. .*log/step\.log.*no network here"):
        bootstrap.run(["sh", "-c", "echo no network here; exit 3"], "step.log", "It did not work.")


def test_what_pip_tried_again_is_not_what_went_wrong(house: Path) -> None:
    said = "printf 'WARNING: Retrying (Retry(total=0))\nERROR: No matching distribution\n'; exit 1"
    with pytest.raises(bootstrap.Problem) as told:
        bootstrap.run(["sh", "-c", said], "pip.log", "It did not work.")
    assert "No matching distribution" in str(told.value)
    assert "    WARNING" not in str(told.value)


def test_going_back_to_an_older_lock_installs_again(
    house: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    (house / ".venv").mkdir()
    bootstrap.python_packages("run")
    older = (house / "requirements.txt").read_bytes()
    (house / "requirements.txt").write_text("flask==3.1.4\n")
    (house / "requirements-dev.txt").write_text("flask==3.1.4\n")
    bootstrap.python_packages("test")
    (house / "requirements.txt").write_bytes(older)
    (house / "requirements-dev.txt").write_bytes(older)
    bootstrap.python_packages("run")
    assert len(commands) == 3


def test_an_old_python_without_a_newer_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.Problem, match=r"needs Python 3\.11 or newer"):
        bootstrap.newer_python()
