"""The portal under test, as the tests of pages have it."""

from tests.web.conftest import app, client, portal, sign_in

__all__ = ["app", "client", "portal", "sign_in"]
