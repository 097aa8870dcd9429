"""A server of models in this process."""

import socket
import time
from threading import Thread

import uvicorn
from starlette.applications import Starlette


def listening(app: Starlette) -> tuple[str, uvicorn.Server, Thread]:
    """Serve an application in a thread, and return its address, server and thread."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return f"127.0.0.1:{sock.getsockname()[1]}", server, thread
