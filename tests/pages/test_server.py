"""What the app's server answers itself."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket
from streamlit import config

from app import PAGES
from pages.parts.server import GUARD, is_neighbour, is_own_name, linked_page, page_routes

POLICY = "content-security-policy"


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

    assert len(routes) == len(PAGES)
    assert matches(path) == [path]
    assert matches("/") == [] and matches("/compare/_stcore/health") == []


OWN = ["localhost:8501", "127.0.0.1", "[::1]:8501", "192.168.1.7:80", "app", "x.localhost:1", "PC"]
FOREIGN = ["evil.example", "evil.example:8501", "localhost.evil.example", "", "127.0.0.1.nip.io"]


@pytest.mark.parametrize("host", OWN)
def test_names_that_no_stranger_can_have_are_answered(host: str) -> None:
    assert is_own_name(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_name_is_answered_only_if_the_server_lists_it(host: str) -> None:
    assert not is_own_name(host)
    assert not is_own_name(host, ["aim.example.org", "*.lecture.example"])


def test_a_server_lists_names_of_its_own() -> None:
    allowed = ["Aim.example.org", "*.lecture.example"]
    assert is_own_name("aim.example.org:443", allowed)
    assert is_own_name("a.lecture.example", allowed)
    assert not is_own_name("lecture.example.evil", allowed)


@pytest.fixture
def client() -> TestClient:
    """A server of one page and one socket behind the guard."""

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    routes = [Route("/", page), WebSocketRoute("/stream", socket)]
    return TestClient(Starlette(routes=routes, middleware=GUARD), base_url="http://localhost")


def test_a_page_may_load_nothing_from_another_host(client: TestClient) -> None:
    response = client.get("/")
    assert response.text == "here"
    policy = dict(rule.split(" ", 1) for rule in response.headers[POLICY].split("; "))
    assert policy["default-src"].split() == ["'self'", "data:", "blob:"]
    assert "img-src" not in policy and "http" not in response.headers[POLICY]


def test_a_strangers_name_gets_neither_page_nor_socket(client: TestClient) -> None:
    headers = {"host": "evil.example"}
    response = client.get("/", headers=headers)
    assert response.status_code == 421 and "--server.allowedHosts" in response.text
    with (
        pytest.raises(WebSocketDenialResponse),
        client.websocket_connect("/stream", headers=headers),
    ):
        pass
    with client.websocket_connect("/stream"):
        pass


NEIGHBOURS = ["http://localhost:9999", "http://127.0.0.1", "http://app.localhost", "http://[::1]:1"]


@pytest.mark.parametrize("origin", NEIGHBOURS)
def test_a_page_of_another_server_of_this_computer_gets_no_socket(
    origin: str, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"origin": origin, "host": "localhost"}
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/stream", headers=asked),
    ):
        pass
    assert refused.value.status_code == 403 and "may not use the app" in refused.value.text
    for own in ("http://localhost", "https://aim.example.org"):  # Streamlit looks at the others
        of_page = {"origin": own, "host": "localhost"}
        with client.websocket_connect("/stream", headers=of_page):
            pass
    get = config.get_option
    allowed = {"server.corsAllowedOrigins": NEIGHBOURS}
    monkeypatch.setattr(config, "get_option", lambda name: allowed.get(name, get(name)))
    with client.websocket_connect("/stream", headers=asked):
        pass


def test_a_page_of_the_server_itself_is_no_neighbour() -> None:
    for host in ("localhost:8501", "127.0.0.1:80", "[::1]:8501", "pc.localhost:1"):
        assert not is_neighbour(f"http://{host}", host)
    assert is_neighbour("http://localhost:x", "localhost") and is_neighbour(
        "http://localhost", "pc"
    )
    assert not is_neighbour("null", "localhost") and not is_neighbour("", "localhost")
