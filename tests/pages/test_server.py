"""What the app's server answers itself."""

from __future__ import annotations

import pytest
from starlette.routing import Match
from streamlit import config

from app import PAGES
from pages.parts.server import linked_page, page_routes


def test_a_linked_page_names_its_server_before_anything_of_streamlit_runs() -> None:
    html = linked_page()
    assert html.index("BACKEND_BASE_URL") < html.index('<script type="module"')
    assert '<div id="root">' in html


@pytest.mark.parametrize(("prefix", "path"), [("", "/compare"), ("lecture", "/lecture/compare")])
def test_every_page_has_a_route_below_the_servers_prefix(
    monkeypatch: pytest.MonkeyPatch, prefix: str, path: str
) -> None:
    monkeypatch.setattr(config, "get_option", lambda name: prefix)
    routes = page_routes(PAGES)

    def matches(path: str) -> list[str]:
        scope = {"type": "http", "path": path, "method": "GET"}
        return [route.path for route in routes if route.matches(scope)[0] == Match.FULL]

    assert len(routes) == 6
    assert matches(path) == [path]
    assert matches("/") == [] and matches("/compare/_stcore/health") == []
