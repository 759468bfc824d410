"""A browser, and a portal that really runs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from tests.browser.house import House, open_house
from tests.browser.visitor import Visitor
from tests.support.database import ServerUnderTest
from tools import chromium

Enter = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium.executable(), "args": list(chromium.SWITCHES)}


@pytest.fixture(scope="session")
def _shared_house(postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(postgres, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def house(_shared_house: House) -> House:
    """A portal that journeys share; each brings its own people and firms."""
    with _shared_house.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM rate_limits"))
    return _shared_house


@pytest.fixture
def fresh_house(postgres: ServerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A portal of the test's own, whose desks are empty."""
    with open_house(postgres, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def entrance(browser: Browser) -> Iterator[Enter]:
    """``entrance(house, size="phone", javascript=False, name="clerk")`` is a person with a browser of their own."""
    visitors: list[Visitor] = []

    def enter(
        house: House, *, size: str = "desk", javascript: bool = True, name: str = "visitor", **options: Any
    ) -> Visitor:
        visitor = Visitor.enter(house, browser, size=size, javascript=javascript, name=name, **options)
        visitors.append(visitor)
        return visitor

    yield enter
    for visitor in visitors:
        visitor.leave()
