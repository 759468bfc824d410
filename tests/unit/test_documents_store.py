"""The store gives back exactly what it was given, or says that it cannot."""

import hashlib
import io
import os
import shutil
import stat
import threading
from collections import namedtuple
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.documents import store as store_module
from app.documents.store import Damaged, DiskFull, FolderStore

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def kept(store: FolderStore) -> list[Path]:
    return list(store.folder.glob("*/*/*"))


def age(path: Path, days: float) -> None:
    moment = (clock.now() - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))


@given(content=st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_bytes_come_back_as_they_were(store: FolderStore, content: bytes) -> None:
    sha256 = store.put(content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert store.has(sha256)
    assert store.get(sha256) == content


def test_the_same_bytes_are_kept_once_and_nobody_may_write_them(store: FolderStore) -> None:
    first, second = store.put(b"paper"), store.put(b"paper")
    assert first == second
    files = kept(store)
    assert files == [store.folder / first[:2] / first[2:4] / first]
    assert stat.S_IMODE(files[0].stat().st_mode) & 0o222 == 0


def test_changed_bytes_are_noticed(store: FolderStore) -> None:
    sha256 = store.put(b"paper")
    store.path(sha256).chmod(0o600)
    store.path(sha256).write_bytes(b"forged")
    with pytest.raises(Damaged):
        store.get(sha256)


def test_lost_bytes_are_noticed(store: FolderStore) -> None:
    with pytest.raises(Damaged):
        store.get("0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "", "0" * 63, "0" * 64 + "\n"])
def test_only_hashes_are_names(store: FolderStore, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(name)


def test_a_write_that_fails_leaves_nothing(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        store.put(b"paper")
    assert kept(store) == []
    assert list(store.folder.glob(".draft-*")) == []


@pytest.mark.parametrize(("used", "refused"), [(84, False), (85, False), (86, True)])
def test_uploads_are_refused_before_the_disk_is_full(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, used: int, refused: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, used, 100 - used))
    if refused:
        with pytest.raises(DiskFull) as caught:
            store.check_room()
        assert caught.value.status == 503
    else:
        store.check_room()


def test_bytes_that_rotted_are_made_good_by_putting_them_again(store: FolderStore) -> None:
    sha256 = store.put(b"paper")
    store.path(sha256).chmod(0o600)
    store.path(sha256).write_bytes(b"pap3r")
    assert store.put(b"paper") == sha256
    assert store.get(sha256) == b"paper"


def test_only_what_was_put_long_ago_is_old(store: FolderStore) -> None:
    yesterday = clock.now() - timedelta(days=1)
    old, new, again = store.put(b"old"), store.put(b"new"), store.put(b"again")
    half, fresh = store.folder / ".draft-half", store.folder / ".draft-fresh"
    for path in (half, fresh):
        path.write_bytes(b"ha")
    for path in (store.path(old), store.path(again), half):
        age(path, days=2)
    store.put_file(io.BytesIO(b"again"))
    assert list(store.older(yesterday)) == [old]
    assert (half.exists(), fresh.exists()) == (False, True)
    assert store.discard_older(old, yesterday)
    assert not store.has(old)
    assert not store.discard_older(old, yesterday), "it is gone already"
    assert not store.discard_older(new, yesterday)
    assert store.has(new)


def test_what_is_put_while_it_is_being_forgotten_is_there_afterwards(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = store.put(b"paper")
    age(store.path(sha256), days=2)
    putting = threading.Thread(target=store.put, args=(b"paper",))
    look = store_module._put_before

    def look_then_let_the_other_in(path: Path, than: datetime) -> bool:
        old = look(path, than)
        putting.start()
        putting.join(0.3)
        return old

    monkeypatch.setattr(store_module, "_put_before", look_then_let_the_other_in)
    assert store.discard_older(sha256, clock.now() - timedelta(days=1))
    putting.join()
    assert store.get(sha256) == b"paper"
