"""Logs say what happened and nobody's secrets."""

import io
import json
import logging as standard
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.core import logging
from app.core.logging import REDACTED


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logging.configure(json=True, stream=stream)
    yield stream
    logging.unbind_request()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_request(lines: io.StringIO) -> None:
    request_id = logging.bind_request()
    structlog.get_logger("kibali.test").info("case submitted", reference="BR-2026-00042-K", count=3)
    (event,) = _events(lines)
    assert event["event"] == "case submitted"
    assert event["reference"] == "BR-2026-00042-K"
    assert event["count"] == 3
    assert event["level"] == "info"
    assert event["request_id"] == request_id == logging.request_id()
    assert event["at"].endswith("Z")


def test_the_standard_library_goes_the_same_way(lines: io.StringIO) -> None:
    standard.getLogger("anything").warning("slow: %s", "query", extra={"password": "hunter2"})
    (event,) = _events(lines)
    assert event["event"] == "slow: query"
    assert event["password"] == REDACTED
    assert "hunter2" not in lines.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "secret_key",
        "csrf_token",
        "Cookie",
        "Authorization",
        "api_key",
        "totp_secret",
        "email",
    ],
)
def test_values_under_a_secret_name_never_show(lines: io.StringIO, name: str) -> None:
    structlog.get_logger().info("form", **{name: "Tr0ub4dor"}, nested={"deep": [{name: "Tr0ub4dor"}]})
    assert "Tr0ub4dor" not in lines.getvalue()
    assert _events(lines)[0][name] == REDACTED


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connect to postgresql://kibali:s3cret@db/kibali failed", "s3cret"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("mail to Aline.Uwase+trade@example.rw bounced", "Uwase"),
        ("token=abc123def&next=/", "abc123def"),
        ("got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl back", "eyJzdWIi"),
        ("signing with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"),
    ],
)
def test_secrets_inside_a_text_never_show(text: str, secret: str) -> None:
    assert secret not in logging.redact_text(text)


def test_a_traceback_is_kept_without_its_secrets(lines: io.StringIO) -> None:
    try:
        raise ValueError("no account for aline@example.rw")
    except ValueError:
        structlog.get_logger().exception("sign-in failed")
    (event,) = _events(lines)
    assert "ValueError" in event["exception"]
    assert "aline@example.rw" not in lines.getvalue()


def test_references_and_numbers_stay_readable() -> None:
    value = {"reference": "EL-2026-00007-M", "rule": "/cases/<reference>", "ms": 12.5, "ok": True, "none": None}
    assert logging.redact(value) == value


@pytest.mark.parametrize("received", ["a-good-request-id", "0123456789abcdef"])
def test_a_request_id_of_the_proxy_is_kept(received: str) -> None:
    assert logging.bind_request(received) == received
    logging.unbind_request()


@pytest.mark.parametrize("received", [None, "", "short", "x" * 65, "with space in it", "new\nline-injected"])
def test_anything_else_is_replaced(received: str | None) -> None:
    assert logging.bind_request(received) not in {received, ""}
    logging.unbind_request()
    assert logging.request_id() == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=20,
    )
)
def test_whatever_is_logged_comes_out_as_json_and_redacting_again_changes_nothing(value: Any) -> None:
    once = logging.redact(value)
    json.dumps(once)
    assert logging.redact(once) == once
