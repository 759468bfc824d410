"""What the verifier makes of single things: canonical JSON, proofs, signatures, dishonest ZIPs, its command line."""

import ast
import base64
import io
import json
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app.audit import canonical, merkle, verifier
from app.audit.verifier import Options, Wrong
from tests.support.sound_bundle import (
    EPOCH,
    Authorities,
    Log,
    Parts,
    certificate,
    consistency,
    inclusion,
    jcs,
    leaf,
    make,
    paper,
    pem,
    revocation_list,
    root,
)

SOURCE = Path(verifier.__file__)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    return Authorities()


@pytest.fixture(scope="module")
def sound(authorities: Authorities) -> Parts:
    return make(authorities, kept=7)


@pytest.fixture(scope="module")
def keys(authorities: Authorities) -> verifier.Keys:
    return verifier.Keys({"log": [], "issuers": pem(authorities.root[0]), "tsa": pem(authorities.stamp_root[0])})


def _checked(content: bytes, **options: object) -> verifier.Report:
    return verifier.check(io.BytesIO(content), Options(**options))  # type: ignore[arg-type]


def test_it_is_one_file_that_needs_only_cryptography() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 9))
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


# RFC 8785, appendix B
@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"), ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"), ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"), ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"), ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"), ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"), ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555557", "333333333.33333343"), ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_rfc_says(bits: str, text: str) -> None:
    assert verifier.number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_names_are_ordered_by_utf16() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]  # RFC 8785 §3.2.3
    assert list(json.loads(verifier.canonical(dict.fromkeys(names, 0)))) == ordered


@given(VALUES)
def test_the_portal_and_the_verifier_write_the_same(value: object) -> None:
    try:
        expected = canonical.encode(value)
    except canonical.NotCanonical:
        with pytest.raises(Wrong):
            verifier.canonical(value)
    else:
        assert verifier.canonical(value) == expected


@pytest.mark.parametrize(
    "content", [b'{"a":1,"a":2}', b"NaN", b'{"a"', b"\xff", b"[" * 100_000, b"[" * 65 + b"]" * 65, b'"\\ud800"', b""]
)
def test_dishonest_json_is_refused(content: bytes) -> None:
    with pytest.raises(Wrong):
        verifier.canonical(verifier.parse(content))


@pytest.mark.parametrize("size", range(1, 34))
def test_proofs_of_every_place_hold_and_no_others(size: int) -> None:
    leaves = [leaf({"n": number}) for number in range(size)]
    tree = verifier.Growing()
    for at, each in enumerate(leaves):
        tree.add(each)
        assert tree.root() == root(leaves[: at + 1]) == merkle.root(leaves[: at + 1])
        path = inclusion(at, leaves)
        assert verifier.root_by_inclusion(each, at, size, path) == root(leaves)
        with pytest.raises(Wrong):
            verifier.root_by_inclusion(each, at, size, [*path, each])
        for first in range(1, at + 2):
            proof = consistency(first, leaves[: at + 1])
            older, newer = root(leaves[:first]), root(leaves[: at + 1])
            assert verifier.consistent(first, older, at + 1, newer, proof)
            assert not verifier.consistent(first, newer[::-1], at + 1, newer, proof)
            assert not verifier.consistent(first, older, at + 1, older[::-1], proof)
            assert not verifier.consistent(first, older, at + 1, newer, [*proof, older])


# --- part of a log --------------------------------------------------------------------------------------------------


def _part(sound: Parts) -> Parts:
    parts = sound.copy()
    parts.extra = {}
    parts.rows = [parts.rows[at] for at in (0, 4, 9, 22)]
    return parts


def test_part_of_a_log_holds_with_its_proofs(sound: Parts) -> None:
    report = _checked(_part(sound).packed(), kept=sound.log.head(7))
    assert report.exit_code == 0, report.as_text()


def test_a_rewritten_beginning_shows_in_the_proof_of_consistency(sound: Parts) -> None:
    kept = Log(7, sound.log.key, flavour=" once").head()
    report = _checked(_part(sound).packed(), kept=kept)
    assert report.exit_code == 1
    assert "history was rewritten" in report.first["head"]["what"]


def test_without_a_proof_for_the_kept_head_it_says_so(sound: Parts) -> None:
    report = _checked(_part(sound).packed(), kept=sound.log.head(8))
    assert report.exit_code == 2
    assert "8 entries" in report.unable


def test_a_part_that_should_be_the_whole_is_found_wanting(sound: Parts) -> None:
    assert _checked(_part(sound).packed(), whole_log=True).first["entry"]["sequence"] == 1


def test_an_erased_name_is_counted_and_no_fault(sound: Parts) -> None:
    parts = sound.copy()
    rows = parts.rows
    rows[3]["personal"] = rows[3]["salt"] = None
    parts.rows = rows
    report = _checked(parts.packed())
    assert report.exit_code == 0, report.as_text()
    assert report.counts["with personal data erased"] == 1


def test_time_that_runs_backwards_is_a_note_unless_asked_for() -> None:
    log = Log(3)
    log.rows[2]["document"]["at"] = "2020-01-01T00:00:00.000000Z"
    log.prove()
    parts = make(Authorities(), entries=0, records=0)
    parts.files["log/head.json"] = jcs(log.head())
    key = {"id": log.key_id, "public": base64.b64encode(log.public).decode()}
    parts.change("log/keys.json", lambda keys: keys.update(log=[key]))
    parts.rows = log.rows
    report = _checked(parts.packed())
    assert report.exit_code == 0, report.as_text()
    assert any("entry 2" in remark for remark in report.remarks)
    assert _checked(parts.packed(), tolerance=60).first["entry"]["sequence"] == 2


def test_keys_of_the_readers_own_are_the_only_ones_believed(sound: Parts) -> None:
    theirs = sound.document("log/keys.json")
    assert _checked(sound.packed(), keys=theirs).exit_code == 0
    report = _checked(sound.packed(), keys=theirs | {"log": []})
    assert "not among the trusted ones" in report.first["head"]["what"]
    report = _checked(sound.packed(), keys=theirs | {"issuers": []})
    assert "does not lead to a trusted root" in report.first["record"]["what"]


def test_an_entry_the_case_has_and_the_log_has_not_is_missed(sound: Parts) -> None:
    parts = _part(sound)
    path = "cases/EXP-2026-000001/case.json"
    parts.change(path, lambda case: case.update(audit=[{"id": 104}, {"id": 105}]))
    report = _checked(parts.packed())
    assert report.first["case"]["where"] == "EXP-2026-000001"
    assert "105" in report.first["case"]["what"]


# --- signatures -----------------------------------------------------------------------------------------------------


def _foreign(authorities: Authorities) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return authorities.sign(paper("C", "1"), signer=certificate("Permit Office", key), key=key)


def _below_one_that_issues_none(authorities: Authorities) -> bytes:
    below = certificate("Desk of the office", authorities.key, (authorities.signer, authorities.key))
    return authorities.sign(paper("C", "1"), signer=below)


def _over(authorities: Authorities) -> bytes:
    signer = certificate("Permit Office", authorities.key, authorities.root, end=EPOCH - timedelta(days=1))
    return authorities.sign(paper("C", "1"), signer=signer)


def _revoked(authorities: Authorities, since: timedelta) -> bytes:
    lists = [revocation_list(authorities.root, (authorities.signer, EPOCH + since))]
    return authorities.sign(paper("C", "1"), lists=lists)


def _stamped_by_the_signer(authorities: Authorities) -> bytes:
    plain = certificate("Time Office", authorities.stamp_key, authorities.stamp_root)
    return authorities.sign(paper("C", "1"), stamper=plain)


@pytest.mark.parametrize(
    ("make_one", "what"),
    [
        (lambda a: paper("C", "1"), "it is not signed"),
        (_foreign, "does not lead to a trusted root"),
        (_below_one_that_issues_none, "is not allowed to issue certificates"),
        (_over, "was not in force"),
        (lambda a: _revoked(a, -timedelta(days=2)), "was revoked on 2026-02-27"),
        (_stamped_by_the_signer, "its certificate is not for time-stamps"),
        (lambda a: a.sign(paper("C", "1"), at=None), "has no time-stamp"),
        (lambda a: a.sign(paper("C", "1")) + b"\n%more", "does not cover the whole file"),
    ],
)
def test_signatures_that_do_not_hold(
    authorities: Authorities, keys: verifier.Keys, make_one: Callable[[Authorities], bytes], what: str
) -> None:
    with pytest.raises(Wrong, match=what):
        verifier.check_pdf(make_one(authorities), keys, EPOCH)


def test_a_sound_signature_says_who_and_when(authorities: Authorities, keys: verifier.Keys) -> None:
    found = verifier.check_pdf(authorities.sign(paper("C", "1")), keys, EPOCH)
    assert (found.signer, found.at, found.revocation_checked) == (authorities.signer, EPOCH, True)


def test_a_certificate_revoked_later_was_good_at_the_time(authorities: Authorities, keys: verifier.Keys) -> None:
    found = verifier.check_pdf(_revoked(authorities, timedelta(days=2)), keys, EPOCH)
    assert not found.revocation_checked  # nothing in it speaks for the time-stamp's certificate


def test_a_false_byte_range_in_the_text_does_not_mislead(authorities: Authorities, keys: verifier.Keys) -> None:
    plain = paper("C", "1").replace(b"%PDF-1.", b"%PDF-1.", 1)
    signed = authorities.sign(plain + b"\n% /ByteRange [0 5 6 7] /ByteRange [0 1 99999999 1]\n")
    assert verifier.check_pdf(signed, keys, EPOCH).at == EPOCH


@given(st.binary(max_size=60))
def test_der_never_reads_beyond_its_end(blob: bytes) -> None:
    with pytest.raises(Wrong):
        verifier.Cms(blob)


# --- ZIPs -----------------------------------------------------------------------------------------------------------


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ((("a.txt", b"1"), ("a.txt", b"2")), "twice"),
        ((("a.txt", b"1"), ("A.TXT", b"2")), "twice"),
        ((("../a.txt", b"1"),), "not an honest one"),
        ((("/etc/passwd", b"1"),), "not an honest one"),
        ((("a/../../b", b"1"),), "not an honest one"),
        ((("C:/a", b"1"),), "not an honest one"),
        ((("a\\..\\b", b"1"),), "not an honest one"),
        ((("a/", b""),), "not an honest one"),
        ((("a\x1b[2J", b"1"),), "not an honest one"),
        ((("a.txt", b"1"),), "has no manifest.json"),
        ((("manifest.json", b"{}"),), "is not of the format"),
        ((("manifest.json", b"[" * 99999),), "not well-formed"),
    ],
)
def test_dishonest_zips_are_refused(members: tuple[tuple[str, bytes], ...], what: str) -> None:
    report = _checked(_zip(*members))
    assert report.exit_code == 1
    assert what in report.first["bundle"]["what"]
    assert report.as_text().isprintable() or "\x1b" not in report.as_text()


def test_a_link_is_not_followed() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        link = zipfile.ZipInfo("manifest.json")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        target.writestr(link, "/etc/passwd")
    assert "not a plain file" in _checked(out.getvalue()).first["bundle"]["what"]


def test_what_unpacks_to_more_than_was_said_is_not_read_to_its_end(sound: Parts) -> None:
    parts = sound.copy()
    manifest = parts.manifest()
    parts.files["cases/EXP-2026-000000/documents/paper.pdf"] = bytes(200 << 20)
    report = _checked(parts.packed(manifest))
    assert "larger than manifest.json says" in report.first["file"]["what"]


def test_a_huge_list_is_refused_before_it_is_in_memory() -> None:
    report = _checked(_zip(("manifest.json", b" " * (65 << 20))))
    assert "larger than 64 MB" in report.first["bundle"]["what"]


# --- the command ----------------------------------------------------------------------------------------------------


def test_as_a_file_of_its_own_it_ends_with_0_1_or_2(sound: Parts, tmp_path: Path) -> None:
    script = tmp_path / "verify.py"
    script.write_bytes(SOURCE.read_bytes())
    (tmp_path / "sound.zip").write_bytes(sound.packed())
    (tmp_path / "kept.json").write_bytes(jcs(sound.log.head(7)))
    spoilt = sound.copy()
    spoilt.rows = spoilt.rows[:5]
    (tmp_path / "spoilt.zip").write_bytes(spoilt.packed())

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-I", str(script), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    sound_one = run("sound.zip", "--head", "kept.json", "--json")
    assert (sound_one.returncode, json.loads(sound_one.stdout)["verdict"]) == (0, "sound"), sound_one.stderr
    spoilt_one = run("spoilt.zip")
    assert spoilt_one.returncode == 1
    assert "WRONG, first entry of the log: entry 5: it is missing" in spoilt_one.stdout
    for arguments in (["none.zip"], ["sound.zip", "--head", "none.json"], ["sound.zip", "--head", "sound.zip"]):
        nothing = run(*arguments)
        assert nothing.returncode == 2
        assert "COULD NOT BE CHECKED" in nothing.stdout
        assert "Traceback" not in nothing.stderr
