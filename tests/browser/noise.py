"""What a page does that nobody sees: requests to other hosts, answers of 404, the console."""

from __future__ import annotations

from typing import Any

OWN = ("data:", "blob:")
DRIVER = "GL Driver Message"
"""What a browser without a graphics card says of its own drawing."""


def listened(page: Any, address: str) -> list[str]:
    """A line for each error, warning, failed request and request to another host than `address`.

    Call it before the page opens; the list grows while the page is used.
    """
    lines: list[str] = []

    def add(line: str) -> None:
        if line not in lines:
            lines.append(line)

    def request(request: Any) -> None:
        if not request.url.startswith((address, *OWN)):
            add(f"request to another host: {request.url[:120]}")

    def console(message: Any) -> None:
        if message.type in ("error", "warning") and DRIVER not in message.text:
            add(f"console {message.type}: {message.text[:200]}")

    def response(response: Any) -> None:
        if response.status >= 400:
            add(f"{response.status}: {response.url.removeprefix(address)[:120]}")

    page.on("request", request)
    page.on("console", console)
    page.on("response", response)
    page.on("pageerror", lambda error: add(f"uncaught: {str(error)[:200]}"))
    return lines
