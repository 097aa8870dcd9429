"""What a browser may ask for on the WebSocket: Streamlit 1.67 does more for anyone who connects.

One message empties the caches of all visitors, and the run of a fragment passes no sign-in.
"""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from dashboard.server import sign_in

ADMITTED = {
    "rerun_script",
    "stop_script",
    "app_heartbeat",
    "file_urls_request",
    "backend_operation_request",
}


class Messages:
    """Drop messages of a browser that are not :data:`ADMITTED`, and mend the others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or connection."""
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)

        async def received() -> Message:
            while True:
                event = await receive()
                if event["type"] != "websocket.receive" or event.get("bytes") is None:
                    return event
                content = admitted(scope, event["bytes"])
                if content is not None:
                    return {**event, "bytes": content}

        await self.app(scope, received, send)


def admitted(scope: Scope, content: bytes) -> bytes | None:
    """Return a message as Streamlit gets it, or None if it gets none.

    Without a valid sign-in, such as an expired one, a fragment becomes a run of the page, which shows
    the way in.
    """
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return content  # Streamlit closes the connection
    if message.WhichOneof("type") not in ADMITTED:
        return None
    if message.rerun_script.fragment_id and not sign_in.is_open_to(scope):
        message.rerun_script.ClearField("fragment_id")
        message.rerun_script.ClearField("is_auto_rerun")
        return message.SerializeToString()
    return content
