"""A visitor of the app without a browser: it speaks Streamlit's own protocol over a websocket.

It does what the browser does: keeps the messages that the server marks as worth keeping, sends the
widgets' values with each run, and says what part of the page is to run again.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

XSRF = "_streamlit_xsrf"
Value = str | float
PATIENCE = 180.0
"""Seconds after which a run counts as one that never ended."""
_KEPT_RUNS = 2
"""Runs after which the browser forgets a message that it did not need."""
_COMPONENTS = ("attention_viewer", "shuffle_lab", "attention_follower")


@dataclass
class Run:
    """What one run of the page has brought, in seconds after it was asked for."""

    first: float | None = None
    """When the viewer, or the shuffle lab, was here."""
    whole: float = 0.0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)


class Visitor:
    """One browser tab. Use it as a context manager."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.query: dict[str, str] = {}
        self.pages: dict[str, str] = {}
        """The hash of each page by its name in the address."""
        self.widgets: dict[str, str] = {}
        """The id of each widget by its label, or its component's name."""
        self.fragments: dict[str, str] = {}
        """The part of the page that each of them runs again."""
        self.shown: dict[str, Any] = {}
        """The data of a component whose data are JSON, by its name."""
        self.alerts: list[str] = []
        self._values: dict[str, tuple[str, Any]] = {}
        self._kept: dict[str, tuple[ForwardMsg, int]] = {}
        self._page = self._run = self._session = self._token = ""
        self._count = 0
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Visitor:
        await asyncio.to_thread(self._load)
        host = urlsplit(self.address).netloc
        self._socket = await connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            origin=self.address,  # type: ignore[arg-type]
            max_size=None,
            open_timeout=PATIENCE,
            ping_timeout=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None
        await self._socket.close()

    def _load(self) -> None:
        """The page itself, as a browser loads it, and the cookie that uploads are known by."""
        urllib.request.urlopen(f"{self.address}/", timeout=PATIENCE).read()
        answer = urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=PATIENCE)
        cookies = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        self._token = cookies[XSRF].value if XSRF in cookies else ""

    async def go(self, page: str = "", **query: str) -> Run:
        """Open a page by its name in the address, "" for the first."""
        self.query |= query
        self._page = self.pages.get(page, "")
        return await self._asked()

    async def set(self, **values: Value) -> Run:
        """Change widgets that the address holds too, by `label`, `seed` or `shuffle`."""
        for key, value in values.items():
            self.query[key] = str(value)
            kind = "string_value" if isinstance(value, str) else "double_value"
            self._values[self.widgets[key]] = (kind, value)
        return await self._asked()

    async def scroll(self) -> Run:
        """Bring the figures below the viewer into sight: only these run again."""
        name = "attention_follower"
        seen = {key: self.shown[name][key] for key in ("look", "width", "clip")}
        self._values[self.widgets[name]] = ("json_value", json.dumps({"seen": seen}))
        return await self._asked(self.fragments[name])

    async def upload(self, label: str, name: str, content: bytes) -> Run:
        """Put a file into a field, by its label, in the place of the one before."""
        assert self._socket is not None
        message = BackMsg()
        message.file_urls_request.request_id = "upload"
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session
        await self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(await self._socket.recv())
            if answer.WhichOneof("type") == "file_urls_response":
                break
        urls = answer.file_urls_response.file_urls[0]
        await asyncio.to_thread(self._put, urls.upload_url, name, content)
        state = FileUploaderState()
        state.uploaded_file_info.add(
            name=name, size=len(content), file_id=urls.file_id, file_urls=urls
        )
        widget = self.widgets[label]
        _, before = self._values.get(widget, ("", FileUploaderState()))
        self._values[widget] = ("file_uploader_state_value", state)
        run = await self._asked()
        for old in before.uploaded_file_info:
            await asyncio.to_thread(self._sent, old.file_urls.delete_url, "DELETE", None, "")
        return run

    def _put(self, address: str, name: str, content: bytes) -> None:
        bound = "a-bound-that-no-file-holds"
        head = f'--{bound}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n'
        body = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content
        kind = f"multipart/form-data; boundary={bound}"
        self._sent(address, "PUT", body + f"\r\n--{bound}--\r\n".encode(), kind)

    def _sent(self, address: str, method: str, body: bytes | None, kind: str) -> None:
        request = urllib.request.Request(self.address + address, body, method=method)
        request.add_header("Cookie", f"{XSRF}={self._token}")
        request.add_header("X-Xsrftoken", self._token)
        if kind:
            request.add_header("Content-Type", kind)
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    async def _asked(self, fragment: str = "") -> Run:
        """Ask for a run, and wait until it is over."""
        assert self._socket is not None
        message = BackMsg()
        state = message.rerun_script
        state.query_string = urlencode(self.query)
        state.page_script_hash = self._page
        state.fragment_id = fragment
        state.cached_message_hashes.extend(self._kept)
        state.context_info.url = f"{self.address}/"
        state.context_info.timezone = "UTC"
        for key, (kind, value) in self._values.items():
            state.widget_states.widgets.add(id=key, **{kind: value})
        self._run, run = "", Run()
        begin = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._received(run, begin):
                    pass
        except TimeoutError:
            run.errors.append(f"no end after {PATIENCE:.0f} s")
        run.whole = time.perf_counter() - begin
        self._forget()
        return run

    async def _received(self, run: Run, begin: float) -> bool:
        """Take one message. Returns whether it says that the run is over."""
        assert self._socket is not None
        data = await self._socket.recv()
        assert isinstance(data, bytes)
        message = ForwardMsg.FromString(data)
        run.bytes += len(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._run = message.metadata.run.script_run_id or "run"
            self._page = message.new_session.page_script_hash or self._page
            self._session = message.new_session.initialize.session_id
        elif kind == "navigation":
            self.pages = {
                page.url_pathname: page.page_script_hash for page in message.navigation.app_pages
            }
            self.pages[""] = message.navigation.app_pages[0].page_script_hash
        elif kind == "ref_hash":
            if message.ref_hash not in self._kept:
                run.errors.append("the server takes for known what was not kept")
                return False
            kept = self._kept[message.ref_hash][0]
            self._kept[message.ref_hash] = kept, self._count
            self._shown(kept, run, begin)
        elif kind == "delta":
            if message.metadata.cacheable:
                self._kept[message.hash] = message, self._count
            self._shown(message, run, begin)
        elif kind == "script_finished":
            status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            if "ERROR" in status:
                run.errors.append(status)
            return bool(self._run) and "EARLY" not in status
        return False

    def _shown(self, message: ForwardMsg, run: Run, begin: float) -> None:
        """Take what a message draws."""
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            run.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            run.errors.append(element.alert.body)
        elif kind == "bidi_component":
            self._component(element, message.delta.fragment_id)
            if element.bidi_component.component_name.endswith(_COMPONENTS[:2]):
                run.first = run.first or time.perf_counter() - begin
        elif kind in ("selectbox", "number_input"):
            widget = getattr(element, kind)
            if widget.query_param_key:
                self.widgets[widget.query_param_key] = widget.id
        elif kind == "file_uploader":
            self.widgets[element.file_uploader.label] = element.file_uploader.id

    def _component(self, element: Element, fragment: str) -> None:
        component = element.bidi_component
        for name in _COMPONENTS:
            if component.component_name.endswith(name):
                self.widgets[name], self.fragments[name] = component.id, fragment
                if component.WhichOneof("data") == "json":
                    self.shown[name] = json.loads(component.json)

    def _forget(self) -> None:
        """Let go of the messages that the last runs did not need, as the browser does."""
        self._count += 1
        self._kept = {
            key: (message, last)
            for key, (message, last) in self._kept.items()
            if self._count - last <= _KEPT_RUNS
        }
