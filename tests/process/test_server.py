"""What the server answers, to whom, and what becomes of an upload that it receives."""

import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import tifffile
from support.cohorts import REQUIRE_ALL
from support.hostile_requests import HOSTILE, WEBSOCKET, Hostile, answer_of
from support.servers import SERVES, server

from benchmarks.support.visitor import Visitor
from dashboard.server import lifetime, uploads
from dashboard.server.guard import HEADERS

UPLOADER = "TIFF, PNG"
OWN_FILES = ("prediction", "source=your%20own%20files")


@pytest.fixture(scope="module")
def address(served, sample_root) -> str:
    return served(sample_root, BRAINSEG_METRICS="1")


def port_of(address: str) -> int:
    return urlsplit(address).port


@pytest.mark.parametrize("request_", HOSTILE, ids=lambda one: one.name)
def test_a_hostile_request_is_refused(served, sample_root, request_: Hostile):
    status, headers, body = answer_of(port_of(served(sample_root)), request_)
    assert status == request_.status
    assert b"Traceback" not in body and b"root:" not in body
    if "invalid http request" not in body.decode().lower():  # the answer of the HTTP parser
        assert all(f"{name.lower()}: " in headers for name in HEADERS)


def test_a_websocket_of_the_own_page_is_taken_whatever_name_this_machine_has(address):
    for name in ("localhost", "127.0.0.1"):
        own = f"{name}:{port_of(address)}"
        headers = f"{WEBSOCKET}Origin: http://{own}\r\n"
        asked = Hostile("own", 101, "/_stcore/stream", own, headers)
        with pytest.raises(TimeoutError):  # it is open, and stays so
            answer_of(port_of(address), asked, limit_s=1)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/case",
        "/_stcore/health",
        "/app/static/viewer/viewer.js",
        "/app/static/none",
        "/media/none",
    ],
)
def test_every_answer_binds_the_browser(address, path):
    _, headers, _ = answer_of(port_of(address), Hostile("own", 200, path))
    for name, value in HEADERS.items():
        assert f"{name.lower()}: {value.lower()}\r\n" in f"{headers}\r\n"
    policy = re.search(r"content-security-policy: (.*)", headers)[1]
    assert "frame-ancestors 'none'" in policy and "http" not in policy
    assert ("no-store" in headers) == path.startswith("/media/")


def test_the_first_page_has_two_addresses(address):
    with urllib.request.urlopen(f"{address}/overview?case=1") as answer:
        assert urlsplit(answer.url).path == "/" and urlsplit(answer.url).query == "case=1"


def bytes_of_uploads(address: str) -> int:
    """Return the bytes of uploads that the server has in memory, by its metrics."""
    with urllib.request.urlopen(f"{address}/_stcore/metrics?families=cache_memory_bytes") as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if "UploadedFileManager" in line)


def noise(folder: Path, side: int = 2896) -> bytes:
    """Return a TIFF of random pixels, which no compression makes smaller."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    tifffile.imwrite(folder / "noise.tif", pixels)
    return (folder / "noise.tif").read_bytes()


@pytest.mark.slow
def test_uploads_are_deleted_by_a_timer_once_their_page_is_closed(sample_root, tmp_path):
    environment, content = {"BRAINSEG_METRICS": "1"}, bytes(100 * 2**20)
    with server(tmp_path, sample_root, environment=environment) as (address, process):
        memory = psutil.Process(process.pid).memory_info
        with Visitor(address) as visitor:
            visitor.open(*OWN_FILES)
            visitor.upload(UPLOADER, {"small.bin": b"0"})
            before = memory().rss
            visitor.upload(UPLOADER, {"large.bin": content})
            time.sleep(6)  # metrics are measured at most every five seconds
            assert bytes_of_uploads(address) == len(content) + 1
            assert memory().rss > before + len(content) / 2
        deadline = time.monotonic() + uploads.CLOSES_AFTER_S + 20
        while bytes_of_uploads(address) or memory().rss > before + len(content) / 2:
            assert time.monotonic() < deadline, "the upload is still there"
            time.sleep(1)


def test_an_upload_beyond_the_limits_is_refused_in_one_sentence_on_the_page(address):
    with Visitor(address) as visitor:
        visitor.open(*OWN_FILES)
        visitor.upload(UPLOADER, {"empty.png": b""})
        target = f"/_stcore/upload_file/{visitor.session_id}/another"
        size = f"Content-Length: {uploads.MAX_BYTES + 1}\r\n"
        asked = Hostile("too large", 413, target, headers=size, method="PUT")
        assert answer_of(port_of(address), asked)[0] == 413
        visitor.upload(UPLOADER, {"empty.png": b""})
        assert "at most 2,000 files and 256 MiB together" in visitor.text()
        assert "file is empty" not in visitor.text()


CALLS = "openat,write,pwrite64,writev,pwritev,copy_file_range,sendfile,splice"
WRITTEN = re.compile(
    r"\b(?:p?writev?(?:64)?|copy_file_range|sendfile|splice)\(\d+<(/[^>]*)>.*?, (\d+)"
)
OPENED = re.compile(r'\bopenat\([^"]*"([^"]*)", \S*O_(?:WRONLY|RDWR)')
"""A call whose end stands in another line counts as well."""


@pytest.mark.slow
def test_an_upload_is_never_written_to_a_file(sample_root, tmp_path):
    strace = shutil.which("strace")
    if not strace:
        pytest.fail("strace is missing") if REQUIRE_ALL else pytest.skip("strace is missing")
    log, scratch, content = tmp_path / "strace.log", tmp_path / "scratch", noise(tmp_path)
    scratch.mkdir()
    command = (strace, "-f", "-y", "-s", "0", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", log)
    started = server(
        tmp_path, sample_root, (*command, *SERVES), environment={"TMPDIR": str(scratch)}
    )
    with started as (address, _):
        with Visitor(address) as visitor:
            visitor.open(*OWN_FILES)
            before = log.stat().st_size
            visitor.upload(UPLOADER, {"noise.tif": content})
            assert "1 stack of 1 slice" in visitor.text()
        traced = log.read_bytes()[before:].decode(errors="replace")
    assert "<pipe:" in traced, "the upload reached no worker: nothing was measured"
    amounts = dict.fromkeys(OPENED.findall(traced), 0)
    for path, size in WRITTEN.findall(traced):
        amounts[path] = amounts.get(path, 0) + int(size)
    files = {
        path: size for path, size in amounts.items() if not path.startswith(("/dev/", "/proc/"))
    }
    assert not {path for path in files if path.startswith(str(scratch))}
    assert sum(files.values()) < len(content) / 8, files


def test_the_server_ends_when_it_is_told_though_visitors_and_an_upload_are_there(
    sample_root, tmp_path
):
    with server(tmp_path, sample_root) as (address, process), Visitor(address) as visitor:
        visitor.open(*OWN_FILES)
        visitor.upload(UPLOADER, {"empty.png": b""})
        cookie = f"Cookie: _streamlit_xsrf={visitor.token}\r\nX-Xsrftoken: {visitor.token}\r\n"
        target = f"/_stcore/upload_file/{visitor.session_id}/slow"
        size = f"{cookie}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n"
        slow = Hostile("slow", 204, target, headers=size, method="PUT", body="--x")
        workers = psutil.Process(process.pid).children(recursive=True)
        with socket.create_connection(("localhost", port_of(address))) as connection:
            connection.sendall(slow.content(port_of(address)))
            process.terminate()
            process.wait(lifetime.PATIENCE_S + 20)
    assert workers and not psutil.wait_procs(workers, timeout=20)[1]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=5)
