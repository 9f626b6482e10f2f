"""What the app adds to its server: links straight to a page, and a browser that opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from streamlit import cli_util, config, file_util, url_util
from streamlit.starlette import App
from streamlit.web.server import server_util

from pages.parts import warming

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


@asynccontextmanager
async def opening_a_browser(app: App) -> AsyncIterator[None]:
    """Open the app in a browser when its server starts, as Streamlit does for apps of one script.

    A server that is told to be headless opens none. What the first visitor needs is begun.
    """
    warming.begin()
    if not config.get_option("server.headless"):
        cli_util.open_browser(server_util.get_url(_shown_address()))
    yield


def _shown_address() -> str:
    """The host that a browser on this machine finds the server by."""
    named = config.is_manually_set("browser.serverAddress")
    if named or not config.is_manually_set("server.address"):
        return str(config.get_option("browser.serverAddress"))
    return server_util.get_display_address(config.get_option("server.address"))
