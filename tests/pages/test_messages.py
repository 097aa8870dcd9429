"""What the server takes from a browser on the WebSocket."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from dashboard.server import messages, sign_in

FRAGMENT = BackMsg(
    rerun_script=ClientState(fragment_id="f", is_auto_rerun=True, page_script_hash="p")
).SerializeToString()


@pytest.mark.parametrize("kind", ["clear_cache", "set_run_on_save", "load_git_info"])
def test_what_no_page_asks_for_is_dropped(kind):
    assert messages.admitted({}, BackMsg(**{kind: True}).SerializeToString()) is None


def test_a_fragment_becomes_a_run_of_the_page_without_a_valid_sign_in(monkeypatch):
    monkeypatch.setattr(sign_in, "is_open_to", lambda scope: True)
    assert messages.admitted({}, FRAGMENT) == FRAGMENT
    monkeypatch.setattr(sign_in, "is_open_to", lambda scope: False)
    asked = BackMsg.FromString(messages.admitted({}, FRAGMENT) or b"").rerun_script
    assert (asked.fragment_id, asked.is_auto_rerun, asked.page_script_hash) == ("", False, "p")


def test_what_is_no_message_is_left_to_streamlit():
    assert messages.admitted({}, b"\xff\xff") == b"\xff\xff"
