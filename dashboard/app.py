"""Entry of the dashboard, `streamlit run dashboard/app.py`: the server around navigation.py."""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

# Pages import ``dashboard`` by name. It is installed outside site-packages, where another product may
# have a package of that name, so its parent folder goes first on the path.
PARENT = str(Path(__file__).resolve().parents[1])
if PARENT not in sys.path:
    sys.path.insert(0, PARENT)

from brainseg import memory  # noqa: E402

memory.return_freed_blocks()  # before anything imports Arrow, whose allocator it chooses

from brainseg.errors import BrainsegError  # noqa: E402
from dashboard.server import event_log, figures, guard, hosted, lifetime, messages, sign_in, uploads  # noqa: E402

guard.ask_no_one()
uploads.keep_in_memory()
event_log.listen()
try:
    sign_in.set_up()
    hosted.set_up()
except BrainsegError as error:
    sys.stderr.write(f"brainseg: {error}\n")
    sys.exit(2)
app = st.App(
    Path(__file__).with_name("navigation.py"),
    routes=[*guard.redirects(), *figures.routes()],
    middleware=[
        Middleware(event_log.Requests),
        Middleware(guard.Guard),
        Middleware(sign_in.Members),
        Middleware(messages.Messages),
        Middleware(uploads.Limits),
    ],
    lifespan=lifetime.lifespan,
    exception_handlers={Exception: guard.fail},
)
