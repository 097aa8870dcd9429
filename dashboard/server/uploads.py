"""Uploads as the server receives them: in memory, bounded, and gone soon after the page is closed."""

import asyncio
import re
import time
from collections import defaultdict
from typing import cast

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from brainseg import memory
from brainseg.io.limits import MAX_INFLATED_BYTES
from dashboard.server.guard import refuse

MAX_FILES = 2000
MAX_BYTES = MAX_INFLATED_BYTES
MAX_BYTES_OF_ALL = 4 * MAX_BYTES
"""For the uploads of all visitors at one time."""

CLOSES_AFTER_S = 20.0
"""From the loss of a page's connection until its uploads are deleted; a short loss is no farewell."""

_LOOKS_EVERY_S = 1.0
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")
_refused: dict[str, str] = {}


def keep_in_memory() -> None:
    """Keep every upload in memory; Starlette alone writes what is over 1 MiB to the temporary folder."""
    MultiPartParser.spool_max_size = (
        0  # no limit; Limits and Streamlit's maxUploadSize bound the size
    )


class Limits:
    """Refuse an upload beyond the limits before its body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._coming: defaultdict[str, dict[str, int]] = defaultdict(dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = _UPLOAD.search(scope["path"]) if scope.get("method") == "PUT" else None
        if found is None:
            return await self.app(scope, receive, send)
        session, file = found.groups()
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if not length.isdecimal() or "transfer-encoding" in headers:
            refusal = refuse(411, "an upload must state its Content-Length.")
            return await refusal(scope, receive, send)
        if sentence := self._beyond(session, file, int(length)):
            _refused[session] = sentence
            return await refuse(413, sentence)(scope, receive, send)
        self._coming[session][file] = int(length)
        try:
            await self.app(scope, receive, send)
        finally:
            self._coming[session].pop(file, None)
            if not self._coming[session]:
                del self._coming[session]

    def _beyond(self, session: str, file: str, length: int) -> str | None:
        """Return why one more file is too much, if it is."""
        stored = _manager().file_storage
        sizes = {one: {k: len(v.data) for k, v in files.items()} for one, files in stored.items()}
        for one, files in self._coming.items():
            sizes[one] = sizes.get(one, {}) | files
        own = sizes.pop(session, {}) | {file: length}
        if len(own) > MAX_FILES or sum(own.values()) > MAX_BYTES:
            return (
                f"An upload may have at most {MAX_FILES:,} files and {MAX_BYTES // 2**20} MiB together: "
                "reload the page and choose fewer files."
            )
        if sum(sum(files.values()) for files in sizes.values()) + length > MAX_BYTES_OF_ALL:
            return (
                f"The uploads of all visitors may have {MAX_BYTES_OF_ALL // 2**20} MiB together: reload "
                "the page in a minute and try again."
            )
        return None


def refusal(session: str) -> str | None:
    """Return why a file of a session's upload was refused by :class:`Limits`, if one was."""
    return _refused.get(session)


def forgive(session: str) -> None:
    """Forget the refusal of a session whose files have been removed."""
    _refused.pop(session, None)


def _manager() -> MemoryUploadedFileManager:
    return cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr)


async def close_left() -> None:
    """End the sessions with uploads whose page was closed, by a timer."""
    server, left = runtime.get_instance(), dict[str, float]()
    while True:
        await asyncio.sleep(_LOOKS_EVERY_S)
        now, uploads = time.monotonic(), _manager()
        gone = [one for one in uploads.file_storage if not server.is_active_session(one)]
        left = {one: left.get(one, now) for one in gone}
        over = [one for one, since in left.items() if now - since >= CLOSES_AFTER_S]
        for session in over:
            # Streamlit's loop refers to the last session that it served, until it serves another.
            if found := server._session_mgr.get_session_info(session):
                found.session.session_state.clear()
            server.close_session(session)
            uploads.remove_session_files(session)
            forgive(session)
        if over:
            # The session's parts refer to each other, so that only the collector frees its images.
            memory.collect_garbage(every_s=0)
