"""Sign-in with a real provider of OpenID Connect, and those who try to come in without."""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from support.servers import SERVES, free_port, server
from support.signing_in import cookie_of, expiring, provider

from benchmarks.support.signing_in import CLIENT, sign_in, write_secrets
from benchmarks.support.visitor import Visitor
from brainseg.cohort import Cohort
from brainseg.reviews import open_reviews

WAY_IN = "Sign in"


class Place:
    """A server with sign-in: its address, its folder, and its cohort."""

    def __init__(self, address: str, folder: Path, root: Path, issuer: str) -> None:
        self.address, self.folder, self.root, self.issuer = address, folder, root, issuer
        self.case = Cohort.open(root).cases[0]

    def visit(self, cookies: dict[str, str] | None = None) -> Visitor:
        visitor = Visitor(self.address, cookies=cookies)
        visitor.open("case", f"case={self.case}")
        return visitor

    def claims(self, **changed: object) -> dict[str, object]:
        """Return the claims of an owner's cookie as this server would sign it, but for changes."""
        claims = {"iss": self.issuer, "sub": "anna", "aud": [CLIENT], "iat": int(time.time())}
        claims |= {"email": "anna@example.org", "email_verified": True, "is_logged_in": True}
        return claims | {"origin": self.address, "provider": "default"} | changed


@pytest.fixture(scope="module")
def place(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("signed")
    with provider() as issuer:
        environment = write_secrets(folder, issuer)
        with server(folder, sample_root, environment=environment) as (address, _):
            yield Place(address, folder, sample_root, issuer)


def test_a_reader_signs_in_reviews_with_own_initials_and_leaves_no_name_in_the_log(
    place, monkeypatch
):
    monkeypatch.setenv("BRAINSEG_HOME", str(place.folder / "home"))
    with place.visit(sign_in(place.address, "rita")) as rita:
        assert "Signed in as RR (reader)" in rita.text()
        rita.press("Agree")
        rita.open("training", "view=new")
        assert "role of an owner" in rita.text()
    table = open_reviews(Cohort.open(place.root)).of(place.case)
    assert table[["reader", "state"]].to_numpy().tolist() == [["RR", "agree"]]
    log = (place.folder / "server.log").read_text()
    assert not any(word in log for word in ("Rita", "rita", "RR", "example.org"))


def test_a_verified_address_makes_an_owner_an_unverified_one_does_not(place):
    with place.visit(sign_in(place.address, "anna")) as anna:
        assert "(owner)" in anna.text()
    with place.visit(sign_in(place.address, "mallory")) as mallory:
        assert "(viewer)" in mallory.text() and "(owner)" not in mallory.text()


def test_a_viewer_who_posts_the_button_of_a_reader_changes_nothing(place, monkeypatch):
    monkeypatch.setenv("BRAINSEG_HOME", str(place.folder / "home"))
    with place.visit(sign_in(place.address, "rita")) as rita:
        button = rita._state_of("Reject")[1].id
    before = open_reviews(Cohort.open(place.root)).history(place.case)
    with place.visit(sign_in(place.address, "vera")) as vera:
        assert "role of a reader" in vera.text() and "Reject" not in vera.labels()
        vera._states[button] = WidgetState(id=button, trigger_value=True)
        vera._run()
        assert "role of a reader" in vera.text()
    assert open_reviews(Cohort.open(place.root)).history(place.case).equals(before)


@pytest.mark.parametrize(
    ("changed", "secret"),
    [
        ({}, "another secret of thirty-two characters"),
        ({"aud": ["another-client"]}, None),
        ({"iat": time.time() - 13 * 3600}, None),
        ({"iat": time.time() + 3600}, None),
        ({"iat": None}, None),
        ({"is_logged_in": False}, None),
        ({"sub": ""}, None),
        ({"origin": "http://evil.example"}, None),
    ],
    ids=["forged", "audience", "expired", "future", "undated", "out", "nameless", "origin"],
)
def test_a_cookie_that_is_not_of_this_server_opens_nothing(place, changed, secret):
    cookie = cookie_of(place.claims(**changed), *([secret] if secret else []))
    with place.visit(cookie) as visitor:
        assert visitor.labels() == [WAY_IN] and place.case not in visitor.text()


def test_the_cookie_of_these_attacks_would_be_valid_unchanged(place):
    with place.visit(cookie_of(place.claims())) as visitor:
        assert "(owner)" in visitor.text()


def test_without_a_cookie_there_is_the_way_in_and_neither_picture_nor_upload(place):
    with place.visit() as visitor:
        assert visitor.labels() == [WAY_IN] and place.case not in visitor.text()
        for path, method in (("/media/x.png", "GET"), ("/_stcore/upload_file/a/b", "PUT")):
            asked = urllib.request.Request(f"{place.address}{path}", b"", method=method)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=60)
            assert refused.value.code == 401
    with urllib.request.urlopen(f"{place.address}/api/health", timeout=60) as answer:
        assert answer.status in (200, 503)


def index_of(place: Place) -> str:
    """Return the state of a server's index, which is in the caches of all visitors."""
    with urllib.request.urlopen(f"{place.address}/api/health", timeout=60) as answer:
        return json.load(answer)["index"]


def test_who_has_not_signed_in_cannot_empty_the_caches_of_all_visitors(place):
    with place.visit(sign_in(place.address, "vera")) as vera, place.visit() as stranger:
        vera.wait(lambda: index_of(place) == "ok")
        stranger._socket.send(BackMsg(clear_cache=True).SerializeToString())
        stranger.open("worklist")  # the server has taken the message before it answers this
        assert index_of(place) == "ok"


def test_a_token_that_has_expired_at_the_provider_gives_no_cookie(sample_root, tmp_path):
    with provider(access_token_max_age=expiring()) as issuer:
        environment = write_secrets(tmp_path, issuer)
        with server(tmp_path, sample_root, environment=environment) as (address, _):
            assert not any("user" in name for name in sign_in(address, "anna"))


def started(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess:
    import os

    command = [*SERVES, "--server.port", str(free_port()), *options]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


def test_a_server_beyond_this_machine_does_not_start_without_sign_in(home):
    done = started({"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"})
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "would listen on 0.0.0.0 without sign-in" in done.stderr


def test_a_weak_secret_is_refused_in_one_sentence(tmp_path):
    done = started(write_secrets(tmp_path, "http://localhost:1", cookie_secret="short"))
    assert done.returncode != 0 and "cookie_secret has 5 characters" in done.stderr


def test_a_server_beyond_this_machine_starts_if_that_is_said_in_so_many_words(
    sample_root, tmp_path
):
    everywhere = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    command = (sys.executable, "-m", "brainseg", "dashboard", sample_root, "--insecure-no-login")
    with (
        server(tmp_path, None, command, "--port", everywhere) as (address, _),
        Visitor(address) as visitor,
    ):
        visitor.open("worklist")
        assert WAY_IN not in visitor.labels()
        assert visitor.text().rstrip().endswith("Not a medical device.**"), "no notice of a host"
    said = (tmp_path / "server.log").read_text()
    assert "external IP" not in said and "External URL" not in said, "it asked the internet"


def test_a_host_of_apps_sets_names_sample_and_notice_by_secrets(sample_root, tmp_path):
    shutil.copytree(sample_root, tmp_path / "home" / "sample")  # writing it takes a while
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(
        'STREAMLIT_SERVER_ALLOWED_HOSTS = "localhost *.host.example"\n'
        'BRAINSEG_SAMPLE = "1"\nBRAINSEG_NOTICE = "This host counts visits."\n'
    )
    environment = {"STREAMLIT_SECRETS_FILES": str(secrets)}
    with server(tmp_path, environment=environment) as (address, _):
        with Visitor(address) as visitor:
            visitor.open("worklist")
            visitor.wait(lambda: "This host counts visits" in visitor.text())
            assert "folder_open: sample" in visitor.text()
        for host, status in (("demo.host.example", 200), ("evil.example", 400)):
            asked = urllib.request.Request(f"{address}/_stcore/health", headers={"Host": host})
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    assert answer.status == status
            except urllib.error.HTTPError as refused:
                assert refused.code == status
