"""What is told when something breaks: enough to find it, nothing of the people it is about."""

import io
import json
import logging as standard

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import logging


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


def test_a_failed_statement_does_not_log_its_values(session: Session, lines: io.StringIO) -> None:
    before = standard.getLogger().handlers[:], standard.getLogger().level
    try:
        logging.configure(json=True, stream=lines)
        try:
            session.execute(
                text("INSERT INTO users (email, name, role, locale) VALUES ('x@test.example', :name, 'king', 'en')"),
                {"name": "Claudine Mukamana 1199070000000001"},
            )
        except DBAPIError:
            standard.getLogger("kibali.web").exception("failed")
    finally:
        standard.getLogger().handlers[:], standard.getLogger().level = before
    (line,) = (json.loads(each) for each in lines.getvalue().splitlines())
    assert "CheckViolation" in line["exception"]
    assert "Mukamana" not in lines.getvalue()
    assert "11990" not in lines.getvalue()


def test_a_log_line_cannot_be_forged(lines: io.StringIO) -> None:
    before = standard.getLogger().handlers[:], standard.getLogger().level
    try:
        logging.configure(json=True, stream=lines)
        standard.getLogger("kibali").warning("asked for %s", 'x\n{"event": "all is well"}\r\nx')
    finally:
        standard.getLogger().handlers[:], standard.getLogger().level = before
    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.parametrize("received", ["a b", "x\ny", "", "short", "x" * 65, "<script>alert(1)</script>"])
def test_a_request_id_from_outside_is_taken_only_if_it_looks_like_one(received: str) -> None:
    assert logging.bind_request(received) != received
    logging.unbind_request()
