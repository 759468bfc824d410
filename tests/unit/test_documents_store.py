"""The store gives back exactly what it was given, or says that it cannot."""

import hashlib
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.documents.store import Damaged, DiskFull, FolderStore

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


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
    files = [path for path in store.folder.rglob("*") if path.is_file()]
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
    assert not [path for path in store.folder.rglob("*") if path.is_file()]


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
