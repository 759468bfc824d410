"""The trade platforms of the demo: one API client each, with credentials that are the same on every machine."""

from dataclasses import dataclass

from app.core import identifiers
from app.identity import clients
from app.identity.clients import Scope
from tools.demo.story import Story


@dataclass(frozen=True)
class Platform:
    client_id: str
    secret: str
    name: str
    channel: str


# The first is the example marketplace (examples/marketplace), which signs in with these when told nothing else. It
# registers its webhook address itself, since only it knows its port.
PLATFORMS = (
    Platform("demo-marketplace", "demo-marketplace-secret", "Example marketplace", "alibaba-com"),
    Platform("demo-tmall", "demo-tmall-secret", "Tmall Global (demo)", "tmall-global"),
    Platform("demo-fliggy", "demo-fliggy-secret", "Fliggy (demo)", "fliggy"),
)


def connect(story: Story) -> None:
    with story.ago(150):
        for platform in PLATFORMS:
            client, _ = clients.create(
                story.session,
                name=platform.name,
                channel=platform.channel,
                contact=f"{platform.channel}@platform.example",
                scopes=[scope.value for scope in Scope],
                created_by=None,
            )
            client.client_id = platform.client_id
            client.secret_digest = identifiers.digest(platform.secret)
    story.session.flush()
