"""Keys in a hardware module: SoftHSM speaks PKCS #11 as the real ones do."""

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.documents import pdf, seals, signing
from tests.support.seals import Office, judged, open_office
from tests.unit.test_pdf import DATA, REST

TOKEN, PIN = "kibali-test", "246810"
MODULES = ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm", "/usr/lib64")


@dataclass
class KeyStore:
    office: Office
    setting: str

    def configure(self, pin: str = PIN) -> None:
        self.close()
        self.office.configure(self.setting, pin=pin)

    def close(self) -> None:
        """As the end of a worker does: a process logs in to a token once."""
        if signing._signer is not None and isinstance(signing._signer._keys, seals.Pkcs11Keys):
            signing._signer._keys.close()


@pytest.fixture(scope="module")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyStore]:
    """A token with the keys of two agencies; the files they came from are gone."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # read when the module is loaded, once in the process
    _softhsm("--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "13579")
    with open_office(folder / "seal") as office:
        for number, code in enumerate(("NAEB", "RRA"), start=1):
            key = office.folder / f"{code}.key"
            given = ("--label", f"seal-{code}", "--id", f"0{number}", "--pin", PIN, "--token", TOKEN)
            _softhsm("--import", str(key), *given)
            key.unlink()
        module = next(path for name in MODULES if (path := Path(name) / "libsofthsm2.so").exists())
        query = f"token={TOKEN}&label=seal-{{agency}}&certificates={office.folder}"
        made = KeyStore(office, f"pkcs11:{module}?{query}")
        yield made
        made.close()
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def _softhsm(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], capture_output=True, check=True)


@pytest.fixture(scope="module")
def paper() -> Iterator[bytes]:
    yield pdf.render("generic.html", DATA, **REST)
    pdf.close()


def test_the_key_store_signs_as_a_file_does(key_store: KeyStore, paper: bytes) -> None:
    key_store.configure()
    for code in ("NAEB", "RRA"):
        made = signing.sign(paper, seal=code, reason="Issued")
        assert judged(made.content, key_store.office.folder).bottom_line
        assert made.fingerprint == seals.fingerprint(seals.load(key_store.office.folder, code).certificate)


def test_threads_share_its_one_session(key_store: KeyStore, paper: bytes) -> None:
    key_store.configure()
    found: list[bool] = []

    def work(code: str) -> None:
        for _ in range(2):
            made = signing.sign(paper, seal=code, reason="Issued")
            found.append(judged(made.content, key_store.office.folder).bottom_line)

    threads = [threading.Thread(target=work, args=(code,)) for code in ("NAEB", "RRA", "NAEB", "RRA")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_a_wrong_pin_or_a_missing_key_is_an_error_and_the_next_try_may_work(key_store: KeyStore, paper: bytes) -> None:
    key_store.configure(pin="000000")
    with pytest.raises(seals.KeyAway, match="PinIncorrect"):
        signing.sign(paper, seal="NAEB", reason="Issued")
    key_store.configure()
    with pytest.raises(seals.KeyAway, match="NoSuchKey"):
        signing.sign(paper, seal="RDB", reason="Issued")
    assert signing.sign(paper, seal="NAEB", reason="Issued").level == signing.B_LT


def test_a_session_that_was_lost_is_opened_again(key_store: KeyStore, paper: bytes) -> None:
    key_store.configure()
    signing.sign(paper, seal="NAEB", reason="Issued")
    assert signing._signer is not None
    keys = signing._signer._keys
    assert isinstance(keys, seals.Pkcs11Keys)
    keys._session.close()
    with pytest.raises(seals.KeyAway):
        signing.sign(paper, seal="NAEB", reason="Issued")
    assert signing.sign(paper, seal="NAEB", reason="Issued").level == signing.B_LT


def test_a_key_store_that_is_not_there_is_an_error(key_store: KeyStore, paper: bytes) -> None:
    key_store.close()
    module = key_store.setting.replace("libsofthsm2.so", "nothing.so")
    key_store.office.configure(module, pin=PIN)
    with pytest.raises(seals.KeyAway):
        signing.sign(paper, seal="NAEB", reason="Issued")
