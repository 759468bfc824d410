"""A provider of texts for tests: the stand-in over HTTP on loopback, or one that does what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from app.core import clock
from app.identity.models import User
from app.notifications import sms
from app.notifications.sms import Provider, Report
from app.notifications.sms.models import PhoneNumber
from tools.standins.sms import StandIn, serve

NUMBER = "+250788123001"


@contextmanager
def using(provider: Provider | None) -> Iterator[None]:
    before = sms.current()
    sms.configure(provider)
    try:
        yield
    finally:
        sms.configure(before)


@contextmanager
def stand_in() -> Iterator[tuple[StandIn, str]]:
    """The stand-in's state and address; it reports nothing by itself."""
    state = StandIn(callbacks=False)
    server = serve(state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Told:
    """A provider that raises what ``fails`` holds, and otherwise keeps what it was given."""

    code: str = "africastalking"
    tells: bool = False
    fails: Exception | None = None
    known: Report | None = None
    taken: list[tuple[str, str, UUID]] = field(default_factory=list)
    asked: int = 0

    def send(self, number: str, text: str, reference: UUID, *, minutes: int) -> str:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        self.taken.append((number, text, reference))
        return f"id-{len(self.taken)}" if not self.tells else str(reference)

    def enquire(self, reference: UUID) -> Report | None:
        return self.known


def with_phone(session: Session, user: User, number: str = NUMBER, *, wanted: bool = True) -> PhoneNumber:
    row = PhoneNumber(user_id=user.id, number=number, confirmed_at=clock.now(), wanted=wanted)
    session.add(row)
    session.flush()
    return row
