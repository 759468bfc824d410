"""``/webhook-endpoints``: where a platform wants to be told."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.guards import bearer, client_actor, scope
from app.api.kit import PREFIX
from app.api.operations import Reply, operation
from app.api.schemas import Document
from app.audit import entries, verbs
from app.core import db
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.outbox import endpoints, events
from app.outbox.models import Endpoint

ADDED = verbs.register("webhook.endpoint_added", _l("Webhook address added"))
REMOVED = verbs.register("webhook.endpoint_removed", _l("Webhook address removed"))


class NewEndpoint(Document):
    """An address to be told at."""

    url: str = Field(
        max_length=2000,
        description=_("A public https address that answers with a 2xx status within 15 seconds."),
        examples=["https://market.example/hooks/kibali"],
    )
    event_types: list[str] = Field(
        min_length=1, max_length=50, description=_("What you want to hear."), examples=[["permit.state_changed"]]
    )
    description: str = Field(default="", max_length=200, description=_("A note for yourself."), examples=["Production"])


class EndpointAnswer(BaseModel):
    """A registered address."""

    id: str = Field(examples=["we_7XQ2M9KHT4ABCDEFGHJKLMNPQR"])
    url: str = Field(examples=["https://market.example/hooks/kibali"])
    event_types: list[str] = Field(examples=[["permit.state_changed"]])
    description: str = Field(examples=["Production"])
    created_at: datetime
    disabled_at: datetime | None = Field(description=_("Since when nothing is sent there; null while it is in use."))
    disabled_reason: str | None = Field(examples=["410 Gone"])


class AddedEndpoint(EndpointAnswer):
    """A registered address and its secret."""

    secret: str = Field(
        description=_("The key of the signatures (Standard Webhooks). Keep it now: it is never shown again."),
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class EndpointList(BaseModel):
    """All addresses of the client."""

    items: list[EndpointAnswer]


class TestSent(BaseModel):
    """The message that is on its way."""

    event_id: str = Field(description=_("Its webhook-id."), examples=["evt_9KHT4ABCDEFGHJKLMNPQR7XQ2M"])


@scope("webhooks:manage")
@operation(summary=_l("List your webhook addresses"), tag="webhooks", response=EndpointList)
def list_webhook_endpoints() -> EndpointList:
    found = endpoints.of_client(db.session(), bearer().client.id)
    return EndpointList(items=[EndpointAnswer.model_validate(_told(endpoint)) for endpoint in found])


@scope("webhooks:manage")
@operation(
    summary=_l("Add a webhook address"),
    description=_l(
        "Messages are signed as Standard Webhooks 1.0 says and sent up to ten times over three days, until you answer "
        "with a 2xx status. Answer 410 to be told nothing more."
    ),
    tag="webhooks",
    body=NewEndpoint,
    response=AddedEndpoint,
    status=201,
)
def add_webhook_endpoint(body: NewEndpoint) -> Reply:
    session = db.session()
    asker = bearer()
    endpoint, secret = endpoints.add(
        session,
        asker.client.id,
        url=body.url,
        event_types=body.event_types,
        known_types=[code for code, kind in events.types().items() if kind.scope in asker.scopes],
        description=body.description,
    )
    entries.record(session, client_actor(), ADDED, subject=f"endpoint:{endpoint.uid}", detail={"url": body.url})
    answer = AddedEndpoint.model_validate(_told(endpoint) | {"secret": secret})
    session.commit()
    return Reply(answer, {"Location": f"{PREFIX}/webhook-endpoints/{endpoint.uid}"})


@scope("webhooks:manage")
@operation(summary=_l("Remove a webhook address"), tag="webhooks", errors=(404,))
def remove_webhook_endpoint(endpoint_id: str) -> None:
    session = db.session()
    endpoint = endpoints.get(session, bearer().client.id, endpoint_id)
    entries.record(session, client_actor(), REMOVED, subject=f"endpoint:{endpoint.uid}", detail={"url": endpoint.url})
    endpoints.remove(session, endpoint)
    session.commit()


@scope("webhooks:manage")
@operation(
    summary=_l("Send a test message"),
    description=_l("A “webhook.test” is sent to this address at once, signed like the others."),
    tag="webhooks",
    response=TestSent,
    status=202,
    errors=(404, 409),
)
def send_test_webhook(endpoint_id: str) -> TestSent:
    session = db.session()
    endpoint = endpoints.get(session, bearer().client.id, endpoint_id)
    event = events.emit_test(session, endpoint)
    session.commit()
    return TestSent(event_id=event.uid)


def _told(endpoint: Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.uid,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "description": endpoint.description,
        "created_at": endpoint.created_at,
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
    }
