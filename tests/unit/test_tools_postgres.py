"""The private PostgreSQL: adopted when it still runs, shared, stopped by the last, and honest about a broken folder."""

import os
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tools.postgres import PostgresError, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    server = Server(tmp_path_factory.mktemp("server"), fast=True)
    yield server
    server.remove()


def _answers(url: str) -> bool:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_last_to_leave_stops_it(server: Server) -> None:
    with server.in_use() as first:
        with Server(server.root, fast=True).in_use() as second:
            assert _answers(second)
        assert server.ready()
        assert _answers(first)
    assert not server.running()


def test_a_server_left_running_is_adopted_and_stopped(server: Server) -> None:
    server.start()  # as a run that was killed leaves it
    with server.in_use() as url:
        assert _answers(url)
    assert not server.running()


def test_each_country_has_its_own_database(server: Server) -> None:
    with server.in_use() as url:
        other = server.create_database("kibali_cg")
        assert server.create_database("kibali_cg") == other
        assert other != url
        assert _answers(other)


def test_an_interrupted_initialisation_is_begun_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", fast=True)
    try:
        (server.root / "pgdata.new").mkdir()
        (server.root / "pgdata.new" / "half").touch()
        with server.in_use() as url:
            assert _answers(url)
    finally:
        server.remove()


def test_a_folder_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", fast=True)
    server.data.mkdir(parents=True)
    (server.data / "notes.txt").write_text("mine")
    with pytest.raises(PostgresError, match="not a whole PostgreSQL database"):
        server.start()
    assert (server.data / "notes.txt").read_text() == "mine"
    server.remove()


def test_a_database_of_another_version_is_named(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", fast=True)
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 9"):
        server.start()
    server.remove()


def test_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", fast=True)
    with server.in_use():
        assert server.data.exists()
    server.remove()
    assert not server.data.exists()
    assert not server.root.exists()
    assert not server.socket.exists()


def test_a_server_that_somebody_shares_is_left_running(server: Server) -> None:
    with server.share(), server.in_use() as url:
        pass
    assert _answers(url)
    server.stop()


def test_ctrl_c_does_not_reach_the_commands(server: Server) -> None:
    """They are in no group of ours: an initdb that Ctrl-C kills would be told as a full disk."""
    told = server.root / "session"
    told.touch(mode=0o666)
    told.chmod(0o666)
    script = server.root / "ask"
    script.write_text(f"#!/bin/sh\ncut -d' ' -f6 /proc/$$/stat > {told}\n")
    script.chmod(0o755)
    kept, server.bin = server.bin, server.root
    try:
        server._run("ask")
    finally:
        server.bin = kept
    assert int(told.read_text()) != os.getsid(0)
