"""What the app adds to its server: links straight to a page, whom it answers, what browsers load.

A page of somebody else may have a name of its own that leads to this machine ("DNS rebinding"), and
a browser there would be let in as a neighbour. So names are answered that cannot be had by a
stranger, and those that `server.allowedHosts` lists. And whatever a card, a label or a file's name
holds, a browser is told to load nothing from another host.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import cli_util, config, file_util, url_util
from streamlit.starlette import App
from streamlit.web.server import server_util

from pages.parts import warming
from pages.parts.housekeeping import keep_house

SERVER_OF_PAGE = (
    "<script>window.__streamlit = {BACKEND_BASE_URL: new URL('.', location).href}</script>"
)


def linked_page() -> str:
    """Streamlit's own HTML for a visitor who opens /PAGE, which says where the server is.

    Without it the browser asks below /PAGE first, and the console shows two 404 at each such link.
    """
    html = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    return html.replace("<head>", f"<head>{SERVER_OF_PAGE}", 1)


def page_routes(pages: Iterable[str]) -> list[Route]:
    """The answer to a link straight to a page, for each page by its name in the address.

    The first page has no name there: Streamlit would say that it does not exist.
    """

    def first(request: Request) -> RedirectResponse:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"./{query}")

    def other(request: Request) -> HTMLResponse:
        return HTMLResponse(linked_page(), headers={"Cache-Control": "no-cache"})

    prefix = config.get_option("server.baseUrlPath")
    return [
        Route(url_util.make_url_path(prefix, page), other if place else first)
        for place, page in enumerate(pages)
    ]


_POLICY = "; ".join(
    f"{what} {allowed}"
    for what, allowed in {
        "default-src": "'self' data: blob:",
        "script-src": "'self' 'unsafe-inline' 'unsafe-eval' data: blob:",  # as Streamlit needs
        "style-src": "'self' 'unsafe-inline' data: blob:",
        "connect-src": "'self' ws: wss: data: blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }.items()
)
"""Of a page: scripts, pictures and fonts come from here or from nowhere."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """Answers only to names of this machine, and says what a browser may load."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if not is_own_name(host, config.get_option("server.allowedHosts")):
            text = (
                f"{host[:100]!r} is not a name of this server; start it with "
                "--server.allowedHosts NAME\n"
            )
            await PlainTextResponse(text, 421)(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "")
        is_listed = origin in config.get_option("server.corsAllowedOrigins")
        if scope["type"] == "websocket" and is_neighbour(origin, host) and not is_listed:
            text = f"a page of {origin[:100]!r} may not use the app at {host[:100]!r}\n"
            await PlainTextResponse(text, 403)(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, with_policy)


_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "::1")
GUARD = [Middleware(Guard)]


def is_own_name(host: str, allowed: Iterable[str] = ()) -> bool:
    """Whether a request for this Host may be answered.

    That is an address in numbers, localhost, a name without a dot, which nobody outside can have,
    or one of `allowed`, such as `aim.example.org` or `*.example.org`.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ip_address(name)
        return True
    except ValueError:
        pass
    if name and ("." not in name or name.endswith(".localhost")):
        return True
    patterns = [pattern.strip().lower().rstrip(".") for pattern in allowed]
    return any(
        pattern in (name, "*") or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        for pattern in patterns
    )


def is_neighbour(origin: str, host: str) -> bool:
    """Whether a page comes from another server of the visitor's own computer.

    Streamlit takes those for its own, and refuses all other origins itself.
    """
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        is_local = page.hostname in _LOCAL or str(page.hostname).endswith(".localhost")
        return is_local and (page.hostname, page.port) != (server.hostname, server.port)
    except ValueError:  # a port that is none
        return True


@asynccontextmanager
async def opening_a_browser(app: App) -> AsyncIterator[None]:
    """Open the app in a browser when its server starts, as Streamlit does for apps of one script.

    A server that is told to be headless opens none. What the first visitor needs is begun.
    """
    warming.begin()
    house = asyncio.create_task(keep_house())
    if not config.get_option("server.headless"):
        cli_util.open_browser(server_util.get_url(_shown_address()))
    yield
    house.cancel()


def _shown_address() -> str:
    """The host that a browser on this machine finds the server by."""
    named = config.is_manually_set("browser.serverAddress")
    if named or not config.is_manually_set("server.address"):
        return str(config.get_option("browser.serverAddress"))
    return server_util.get_display_address(config.get_option("server.address"))
