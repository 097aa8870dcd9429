"""The address of a page and its widgets agree, whichever changed last."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.shared import url_state


def page() -> None:
    import streamlit as st

    from dashboard.shared import url_state

    wrong = url_state.take("colour", ["red", "green", "blue"], "red")
    if wrong is not None:
        st.warning(wrong)
    if st.session_state.get("stop"):
        st.stop()
    st.selectbox("Colour", ["red", "green", "blue"], key="colour")
    url_state.keep("colour", ["red", "green", "blue"], "red")
    st.button("blue, please", on_click=url_state.put, kwargs={"colour": "blue"})
    st.button("anything", on_click=url_state.put, kwargs={"colour": None})


def page_that_looks() -> None:
    import streamlit as st

    from dashboard.shared import url_state

    st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
    st.button("blue, please", on_click=url_state.put, kwargs={"colour": "blue"})
    if st.session_state.pop("look", False):
        url_state.draw_again()


def page_with_a_number() -> None:
    import streamlit as st

    from dashboard.shared import url_state

    if wrong := url_state.take("number", range(10), 3):
        st.warning(wrong)
    st.number_input("Number", key="number")
    url_state.keep("number", range(10), 3)


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def colour(app: AppTest) -> str:
    return app.selectbox(key="colour").value


def test_a_parameter_gives_the_widget_its_value(app):
    app.query_params["colour"] = "green"
    assert colour(app.run()) == "green"
    assert app.query_params["colour"] == "green"


def test_no_parameter_means_the_default_and_adds_none(app):
    assert colour(app.run()) == "red"
    assert "colour" not in app.query_params


def test_a_choice_by_hand_is_written_into_the_address(app):
    app.query_params["colour"] = "green"
    app.run().selectbox(key="colour").select("blue").run()
    assert colour(app) == "blue"
    assert app.query_params["colour"] == "blue"


def test_a_wrong_value_is_reported_and_means_the_default(app):
    app.query_params["colour"] = "<b>mauve</b>"
    assert colour(app.run()) == "red"
    assert app.warning[0].value == "<b>mauve</b>"


def test_a_callback_sets_and_removes_a_parameter(app):
    app.run().button[0].click().run()
    assert (colour(app), app.query_params["colour"]) == ("blue", "blue")
    app.button[1].click().run()
    assert colour(app) == "red"
    assert "colour" not in app.query_params


def test_a_run_that_stopped_before_the_widget_loses_no_choice(app):
    app.run().selectbox(key="colour").select("green").run()
    app.session_state["stop"] = True
    app.run()
    app.session_state["stop"] = False
    assert colour(app.run()) == "green"
    assert app.query_params["colour"] == "green"


@pytest.mark.parametrize(
    ("heard", "lags_at_most_s", "drawn_again"), [(False, 60, 0), (True, 60, 1), (False, 0, 1)]
)
def test_a_fragment_run_with_an_outdated_address_does_not_redraw_the_page(
    monkeypatch, heard, lags_at_most_s, drawn_again
):
    monkeypatch.setattr(url_state, "LAGS_AT_MOST_S", lags_at_most_s)
    app = AppTest.from_function(page_that_looks, default_timeout=60).run()
    app.button[0].click().run()
    before = app.session_state["drawn"]
    if not heard:
        del app.query_params["colour"]
    app.session_state["look"] = True
    app.run()
    assert app.session_state["drawn"] == before + 1 + drawn_again


@pytest.mark.parametrize("text", ["-1", "1e3", "٣", "9" * 40, " 7"])
def test_only_plain_digits_in_range_are_read_as_a_number(text):
    app = AppTest.from_function(page_with_a_number, default_timeout=60)
    app.query_params["number"] = text
    app.run()
    assert (app.number_input(key="number").value, app.warning[0].value) == (3, text.strip())
    app.query_params["number"] = "7"
    assert app.run().number_input(key="number").value == 7
