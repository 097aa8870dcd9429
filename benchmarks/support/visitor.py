"""A visitor of the dashboard without a browser, by Streamlit's WebSocket protocol, on this machine.

    with Visitor("http://localhost:8501") as visitor:
        seconds = visitor.open("case", "case=TCGA_CS_4941_19960909")
        visitor.set("Colour map", "viridis")       # any widget, by its label
        visitor.press("Next case")                 # a button
        visitor.upload("TIFF, PNG", {"a.png": data})
        visitor.wait(lambda: "Dice" in visitor.text(), limit_s=60)   # lets fragments refresh meanwhile

Each call returns the seconds until the page had run. One thread per visitor.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from http.cookiejar import CookieJar
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

LIMIT_S = 60.0
HOSTS = {"localhost", "127.0.0.1", "::1"}
XSRF = "_streamlit_xsrf"
FIELDS = {
    "checkbox": "bool_value",
    "number_input": "double_value",
    "pagination": "int_value",
    "button_group": "string_array_value",
    "multiselect": "string_array_value",
    "slider": "double_array_value",
}
"""Field of a widget's value by its kind; other kinds have a text."""
TEXTS = ("markdown", "heading", "text", "alert", "exception", "metric", "code")


class Visitor:
    """One session of the dashboard.

    Attributes:
        elements: what the page shows, by place.
        pages: addresses of the pages, known after the first :meth:`open`.
        cookies: those of a sign-in and of the server, by name.
        http: opens addresses with the cookies of a visitor.
        jar: what the server set by plain requests.
        token: the XSRF token of the session.
        redirect: where the page sent the browser to sign in or out.
        received_bytes: size of all messages of the server so far.
    """

    def __init__(
        self, address: str, limit_s: float = LIMIT_S, cookies: Mapping[str, str] | None = None
    ) -> None:
        """Connect; ``limit_s`` bounds each wait for the server, ``cookies`` are those of a sign-in."""
        if urlsplit(address).hostname not in HOSTS:
            raise ValueError(f"{address} is not on this machine: start the server here.")
        self.address, self.limit_s = address.rstrip("/"), limit_s
        self.elements: dict[tuple[int, ...], Element] = {}
        self.pages: list[str] = []
        self.received_bytes = 0
        self.session_id = ""
        self._cached: dict[str, tuple[ForwardMsg, int]] = {}
        self._runs = 0
        self._states: dict[str, WidgetState] = {}
        self._refreshing: dict[str, tuple[float, float]] = {}
        self._page, self._query = "", ""
        self.redirect = ""
        self.jar = CookieJar()
        self.http = build_opener(HTTPCookieProcessor(self.jar))
        if cookies:
            self.http.addheaders = [("Cookie", as_header(cookies))]
        self.get("/_stcore/health")
        self.cookies = {**(cookies or {}), **{one.name: one.value or "" for one in self.jar}}
        self.token = self.cookies.get(XSRF, "")
        sent = as_header(self.cookies)
        if cookies:
            self.http = build_opener()  # the jar would replace the header
            self.http.addheaders = [("Cookie", sent)]
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws{self.address.removeprefix('http')}/_stcore/stream",
                origin=self.address,  # type: ignore[arg-type]
                subprotocols=["streamlit", self.token],  # type: ignore[list-item]
                additional_headers={"Cookie": sent},
                max_size=None,
                compression=None,
                open_timeout=limit_s,
            )
        )

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave, as a browser whose tab is closed."""
        self._open.close()

    def get(self, path: str) -> bytes:
        """Return the body of a plain request, such as a picture of the page."""
        with self.http.open(f"{self.address}{path}", timeout=self.limit_s) as answer:
            return answer.read()

    def open(self, page: str = "", query: str = "") -> float:
        """Open a page by its address and query string, as a link in the page does."""
        self._page, self._query, self._refreshing = page, query, {}
        return self._run(by_name=True)

    def set(self, label: str, value: Any) -> float:
        """Give a widget a value (the text of a choice, else a number or True) and run the page.

        A list is for a widget with several values; one value stands for a list of one.
        """
        kind, state = self._state_of(label)
        field = FIELDS.get(kind, "string_value")
        if field.endswith("array_value"):
            getattr(state, field).data.extend(value if isinstance(value, list) else [value])
        else:
            setattr(state, field, value)
        return self._run()

    def press(self, label: str) -> float:
        """Press a button and run the page."""
        _, state = self._state_of(label)
        state.trigger_value = True
        seconds = self._run()
        self._states.pop(state.id, None)
        return seconds

    def upload(self, label: str, files: Mapping[str, bytes]) -> float:
        """Upload files by name into an uploader and run the page."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.session_id = self.session_id
        message.file_urls_request.file_names.extend(files)
        self._socket.send(message.SerializeToString())
        while (answer := self._next(self.limit_s)).WhichOneof("type") != "file_urls_response":
            self._take(answer)
        state = self._state_of(label)[1].file_uploader_state_value
        for (name, data), urls in zip(
            files.items(), answer.file_urls_response.file_urls, strict=True
        ):
            self.put(urls.upload_url, name, data)
            state.uploaded_file_info.add(
                name=name, size=len(data), file_id=urls.file_id
            ).file_urls.CopyFrom(urls)
        return self._run()

    def put(self, url: str, name: str, data: bytes) -> None:
        """Send one file as a browser does, to the address that the server gave for it."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        kind |= {"X-Xsrftoken": self.token, "Origin": self.address}
        body += f"\r\n--{edge}--\r\n".encode()
        self.http.open(Request(f"{self.address}{url}", body, kind, method="PUT"), timeout=60)

    def wait(self, until: Callable[[], object], limit_s: float | None = None) -> float:
        """Wait until something is true of the page, refreshing its fragments as a browser does.

        Raises:
            TimeoutError: it was not true in time.
        """
        started = time.monotonic()
        while not until():
            if time.monotonic() - started > (limit_s or self.limit_s):
                raise TimeoutError(f"{self._page}: not in time; it shows {self.text()[-500:]}")
            self.rest(0.2)
        return time.monotonic() - started

    def rest(self, seconds: float) -> None:
        """Stay on the page for a while, refreshing its fragments as a browser does."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for fragment, (every, due) in list(self._refreshing.items()):
                if due <= now:
                    self._refreshing[fragment] = (every, now + every)
                    self._run(fragment=fragment)
            self._receive(min(until - time.monotonic(), 0.1))

    def text(self) -> str:
        """Return the texts of the page, in its order."""
        return "\n".join(
            " ".join(
                str(getattr(inner, name))
                for name in ("label", "body", "message", "code_text")
                if hasattr(inner, name)
            )
            for _, element in sorted(self.elements.items())
            if (kind := element.WhichOneof("type")) in TEXTS
            and (inner := getattr(element, kind)) is not None
        )

    def labels(self) -> list[str]:
        """Return the labels of the page's widgets."""
        return [widget.label for _, widget in self._widgets()]

    def _widgets(self) -> list[tuple[str, Any]]:
        found = [
            (kind, getattr(element, kind))
            for _, element in sorted(self.elements.items())
            if (kind := element.WhichOneof("type"))
        ]
        return [one for one in found if getattr(one[1], "id", "") and hasattr(one[1], "label")]

    def _state_of(self, label: str) -> tuple[str, WidgetState]:
        """Return kind and empty state of the first widget whose label begins so."""
        for kind, widget in self._widgets():
            if widget.label.startswith(label):
                self._states[widget.id] = WidgetState(id=widget.id)
                return kind, self._states[widget.id]
        raise LookupError(f"{self._page} has no widget {label!r}, only {self.labels()}")

    def _run(self, by_name: bool = False, fragment: str = "") -> float:
        """Ask for a run and receive it."""
        state = ClientState(query_string=self._query, fragment_id=fragment)
        state.is_auto_rerun = bool(fragment)
        if by_name:
            state.page_name, self._states = self._page, {}
        else:
            state.page_script_hash = self._hash
        state.widget_states.widgets.extend(self._states.values())
        state.cached_message_hashes.extend(self._cached)
        started = time.monotonic()
        self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        running, finished = False, ForwardMsg.FINISHED_EARLY_FOR_RERUN
        while finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            message = self._next(self.limit_s - (time.monotonic() - started))
            self._take(message)
            kind = message.WhichOneof("type")
            running = running or kind == "new_session"
            if kind == "script_finished" and running:
                finished = message.script_finished
        return time.monotonic() - started

    def _receive(self, seconds: float) -> None:
        """Take what the server sends of its own accord."""
        with suppress(TimeoutError):
            self._take(self._next(max(seconds, 0)))

    def _next(self, seconds: float) -> ForwardMsg:
        data = self._socket.recv(timeout=max(seconds, 0), decode=False)
        self.received_bytes += len(data)
        message = ForwardMsg.FromString(data)
        if message.WhichOneof("type") != "ref_hash":
            if message.metadata.cacheable:
                self._cached[message.hash] = message, self._runs
            return message
        known, cached = self._cached[message.ref_hash][0], ForwardMsg()
        self._cached[message.ref_hash] = known, self._runs
        cached.CopyFrom(known)
        cached.metadata.CopyFrom(message.metadata)
        return cached

    def _take(self, message: ForwardMsg) -> None:
        """Apply one message to what the page shows."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._hash = message.new_session.page_script_hash
            self.session_id = message.new_session.initialize.session_id
            if not message.metadata.run.fragment_ids:
                self.elements.clear()
                self._refreshing.clear()
                self._age = message.new_session.config.max_cached_message_age
        elif (
            kind == "script_finished"
            and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        ):
            # Not before: this run may refer to the oldest message.
            self._runs += 1
            oldest = self._runs - self._age
            self._cached = {key: one for key, one in self._cached.items() if one[1] >= oldest}
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self.elements[tuple(message.metadata.delta_path)] = message.delta.new_element
        elif kind == "navigation":
            self.pages = [page.url_pathname for page in message.navigation.app_pages]
            self._hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "auth_redirect":
            self.redirect = message.auth_redirect.url
        elif kind == "auto_rerun":
            every = message.auto_rerun.interval
            self._refreshing[message.auto_rerun.fragment_id] = (every, time.monotonic() + every)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids or list(self._refreshing):
                self._refreshing.pop(fragment, None)


def as_header(cookies: Mapping[str, str]) -> str:
    """Return cookies as the header of a request."""
    return "; ".join(map("=".join, cookies.items()))
