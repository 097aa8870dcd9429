"""While the index is made, each page shows its progress and the first cases, and then opens."""

from threading import Event

import pytest
from support.pages import open_page, texts

from brainseg.cohort import Cohort
from dashboard.shared import background, cache, first_cases

WAIT_S = 60


@pytest.fixture
def slow_index(monkeypatch):
    """Return an event that ends the index; until then it has read 1 of 5 slices."""
    cache.reload()
    ends, usual = Event(), Cohort.open

    def open_slowly(root, progress):
        progress(1, 5)
        assert ends.wait(WAIT_S)
        return usual(root)

    monkeypatch.setattr(Cohort, "open", open_slowly)
    monkeypatch.setattr(first_cases, "AFTER_S", 0.0)
    yield ends
    ends.set()
    cache.reload()


def test_the_first_cases_are_shown_until_the_index_is_made(monkeypatch, tiny_cohort, slow_index):
    shown, usual = [], first_cases.draw

    def draw(*arguments):
        usual(*arguments)
        shown.append(True)
        slow_index.set()

    monkeypatch.setattr(first_cases, "draw", draw)
    said = []
    monkeypatch.setattr(
        background.Work,
        "message",
        lambda work, doing: said.append((work.done, work.total)) or doing,
    )
    app = open_page(monkeypatch, tiny_cohort)
    assert not app.exception
    assert shown == [True]
    assert (1, 5) in said
    assert not app.selectbox, "the page itself has replaced the first cases"
    assert "Example cases" in "".join(one.value for one in app.header)


def test_a_case_and_a_slice_can_be_chosen_meanwhile(monkeypatch, tiny_cohort):
    def page(root):
        from dashboard.shared import cache, first_cases

        cache.first_cases(root, 0.0).ready(60)
        first_cases.draw(root, 0.0)

    from streamlit.testing.v1 import AppTest

    app = AppTest.from_function(page, args=(str(tiny_cohort),), default_timeout=60).run()
    assert not app.exception
    assert "Meanwhile, the first 3 cases" in texts(app)
    (before,) = (one.proto.imgs[0].url for one in app.get("image"))
    app.select_slider[0].set_value(app.select_slider[0].options[0]).run()
    (after,) = (one.proto.imgs[0].url for one in app.get("image"))
    assert before != after
    cases = app.selectbox(first_cases.CASE).options
    app.selectbox(first_cases.CASE).set_value(cases[1]).run()
    assert not app.exception
    assert app.selectbox(first_cases.CASE).value == cases[1]
