"""Several server processes behind one address: a visitor's session, uploads and pictures are in one."""

import json
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil
import pytest
from support.cohorts import CHECKOUT, is_healthy
from support.servers import free_port, server

from benchmarks.support.nginx import PROGRAM, nginx, recipe
from benchmarks.support.signed_in import SERVED_BY, SERVERS, behind_nginx
from benchmarks.support.signing_in import sign_in
from benchmarks.support.visitor import Visitor
from brainseg.cohort import Cohort
from brainseg.reviews import open_reviews
from dashboard.server.front import COOKIE, place_in

APP = CHECKOUT / "dashboard" / "app.py"
UPLOADER = "TIFF, PNG"
OWN_FILES = ("prediction", "source=your%20own%20files")
STICKY = "hash $brainseg_visitor consistent;"

behind_nginx_only = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed")


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; pytest's own limit guards against a hang."""
    while not condition():
        time.sleep(0.1)


def use_everything_of(visitor: Visitor, case: str) -> None:
    """Open a case, fetch what its viewer shows, and upload a file."""

    def payload() -> str | None:
        data = (
            e.bidi_component.json for e in visitor.elements.values() if e.HasField("bidi_component")
        )
        return next((found for one in data if one and (found := json.loads(one).get("case"))), None)

    visitor.open("case", f"case={case}")
    visitor.wait(payload)
    assert visitor.get(f"/{payload()}")
    visitor.open(*OWN_FILES)
    visitor.upload(UPLOADER, {"empty.png": b""})


@pytest.fixture(scope="module")
def case(sample_root: Path) -> str:
    return min(path.name for path in sample_root.iterdir() if path.is_dir())


def test_visitors_are_divided_among_servers_that_live_as_long_as_the_command(
    sample_root, case, tmp_path
):
    command = (sys.executable, "-m", "brainseg", "dashboard", sample_root, "--servers", 2)
    with server(tmp_path, None, command, "--port") as (address, process):
        with Visitor(address) as first, Visitor(address) as second:
            assert {first.cookies[COOKIE], second.cookies[COOKIE]} == {"1", "2"}
            for visitor in (first, second):
                use_everything_of(visitor, case)
        one, other = (
            child
            for child in psutil.Process(process.pid).children()
            if "streamlit" in child.cmdline()
        )
        one.kill()
        psutil.wait_procs([one])
        until(lambda: len(psutil.Process(process.pid).children()) == 2)
        for number in ("1", "2"):
            asked = Request(f"{address}/_stcore/health", headers={"Cookie": f"{COOKIE}={number}"})
            assert urlopen(asked, timeout=60).read() == b"ok"
        left = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        assert not psutil.wait_procs(left, timeout=30)[1]
        assert not is_healthy(address) and not other.is_running()


def test_the_end_of_the_command_ends_its_servers(sample_root, tmp_path):
    command = (sys.executable, "-m", "brainseg", "dashboard", sample_root, "--servers", 2)
    with server(tmp_path, None, command, "--port") as (_, process):
        left = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        assert process.wait(60) == 0
        assert not psutil.wait_procs(left, timeout=5)[1]


def test_several_servers_listen_on_this_machine_only(sample_root, tmp_path):
    command = (sys.executable, "-m", "brainseg", "dashboard", sample_root, "--servers", "2")
    done = subprocess.run(
        [*command, "--port", str(free_port())],
        env={
            "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(CHECKOUT),
        },
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "brainseg: several servers listen on localhost only"
    )
    assert "Traceback" not in done.stderr


def test_servers_that_refuse_to_start_end_the_command(tmp_path):
    app = tmp_path / "app.py"
    app.write_text("import sys, streamlit as st\nsys.exit(2)\napp = st.App('page.py')\n")
    front = CHECKOUT / "dashboard" / "server" / "front.py"
    assert subprocess.call([sys.executable, front, app, str(free_port()), "2"]) == 2


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: brainseg_server=2\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\ncookie: a=b; brainseg_server=1; c=d\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\ncookie: a=b\r\ncookie: brainseg_server=1\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nCookie: brainseg_server=3\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nCookie: brainseg_server=0\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nCookie: xbrainseg_server=1\r\n\r\n", None),
        (b"GET /?brainseg_server=1 HTTP/1.1\r\nX: Cookie: brainseg_server=1\r\n\r\n", None),
    ],
)
def test_a_server_is_chosen_by_the_cookie_alone(headers, place):
    assert place_in(headers, 2) == place


@behind_nginx_only
def test_the_recipe_for_nginx_keeps_a_visitor_with_one_server_which_without_its_cookie_fails(
    served, sample_root, case, tmp_path
):
    addresses = [served(sample_root, BRAINSEG_METRICS=str(number)) for number in (1, 2)]
    ports = [urlsplit(one).port for one in addresses]
    settings = [recipe(free_port(), ports) for _ in range(2)]
    with nginx(tmp_path / "sticky", settings[0]) as (address, _):
        for _ in range(4):
            with Visitor(address) as visitor:
                use_everything_of(visitor, case)
    assert STICKY in settings[1]
    with (
        nginx(tmp_path / "control", settings[1].replace(STICKY, "")) as (address, _),
        pytest.raises((urllib.error.HTTPError, TimeoutError)),
        Visitor(address) as visitor,
    ):
        use_everything_of(visitor, case)


@behind_nginx_only
def test_readers_sign_in_through_nginx_stay_with_their_server_and_share_their_reviews(
    sample_root, case, tmp_path, monkeypatch
):
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path / "home"))
    environment = {**os.environ, "BRAINSEG_DATA": str(sample_root)}
    names = ("Rita Reader", "Bo Reader")
    with behind_nginx(APP, environment, tmp_path / "settings", names) as place:
        signed_in: dict[str, tuple[str, dict[str, str]]] = {}
        while len(signed_in) < SERVERS:  # nginx chooses a server by chance
            name = names[len(signed_in)]
            cookies = sign_in(place.address, name)
            signed_in.setdefault(cookies[SERVED_BY], (name, cookies))
        for served_by, (name, cookies) in signed_in.items():
            with Visitor(place.address, cookies=cookies) as reader:
                use_everything_of(reader, case)
                reader.open("case", f"case={case}")
                reader.press("Agree")
                initials = "".join(word[0] for word in name.split())
                assert f"Saved as {initials}: **agree**" in reader.text()
                assert reader.cookies[SERVED_BY] == served_by
    assert set(open_reviews(Cohort.open(sample_root)).of(case)["reader"]) == {"RR", "BR"}
