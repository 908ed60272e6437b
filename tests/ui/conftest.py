from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from frontend import session
from tests.fake_api import FakeApi, make_app
from tests.serving import serving

SCRIPT = Path(__file__).parents[2] / "frontend" / "app.py"

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _the_main_module_stays() -> Iterator[None]:
    """A page that Streamlit runs takes the place of `__main__`, which processes started later would run as theirs."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def api_url(fake: FakeApi) -> Iterator[str]:
    with serving(make_app(fake)) as url:
        yield url
        session.connection(url).close()
        session.connection.clear()


@pytest.fixture
def open_page(api_url: str) -> OpenPage:
    """Runs the interface against the fake API, at a page and with a query as an address would give them."""

    def open_page(page: str = "", **query: str) -> AppTest:
        test = AppTest.from_file(str(SCRIPT), default_timeout=20)
        test.secrets["api_url"] = api_url
        if page:
            test.run()
            test.switch_page(f"app_pages/{page}.py")
        for name, value in query.items():
            test.query_params[name] = value
        test.run()
        assert not test.exception
        return test

    return open_page
