"""The review form: one click saves, nothing typed is lost, and another reader is not overwritten."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from streamlit.testing.v1 import AppTest
from support.cohorts import FIRST, OTHER_SITE
from support.pages import texts

from brainseg.cohort import Cohort
from brainseg.reviews import open_reviews


def page() -> None:
    import os

    import streamlit as st

    from brainseg.cohort import Cohort
    from dashboard.shared import review_form

    cohort = Cohort.open(os.environ["BRAINSEG_DATA"])
    case = st.query_params.get("case", cohort.cases[0])
    names = [*cohort.cases, None]
    st.button("anything")
    review_form.form(cohort, case, names[names.index(case) + 1])


@pytest.fixture
def cohort(tiny_cohort) -> Cohort:
    return Cohort.open(tiny_cohort)


@pytest.fixture
def open_form(monkeypatch, tiny_cohort) -> Callable[..., AppTest]:
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))

    def open_form(case: str = FIRST, initials: str = "") -> AppTest:
        app = AppTest.from_function(page, default_timeout=60)
        app.query_params["case"] = case
        app.run()
        return app.text_input("reader").set_value(initials).run() if initials else app

    return open_form


def comment(app: AppTest, case: str = FIRST) -> object:
    return app.text_area(f"comment on {case}")


def press(app: AppTest, verdict: str) -> AppTest:
    return app.button(f"review {verdict}").click().run()


def test_one_click_saves_verdict_and_comment_and_says_so(open_form, cohort):
    app = open_form(initials=" ab ")
    comment(app).set_value("edge too wide")
    press(app, "needs edit")
    assert not app.exception
    kept = open_reviews(cohort).of(FIRST)
    assert kept[["reader", "state", "comment"]].to_numpy().tolist() == [
        ["AB", "needs edit", "edge too wide"]
    ]
    assert [toast.value.replace("\\", "") for toast in app.toast] == [
        f"Saved: needs edit (manual mask), AB. {FIRST}"
    ]
    assert "Saved as AB" in texts(app)
    assert "not saved" not in texts(app)


def test_the_readers_own_review_opens_again(open_form, cohort):
    open_reviews(cohort).put(FIRST, "AB", "reject", "wrong slice")
    app = open_form(initials="ab")
    assert comment(app).value == "wrong slice"
    assert "reject" in texts(app)
    comment(app).set_value("").run()
    press(app, "agree")
    assert open_reviews(cohort).of(FIRST)["comment"].tolist() == [""]


def test_without_initials_nothing_is_saved_and_the_comment_stays(open_form, cohort):
    app = open_form()
    comment(app).set_value("something")
    press(app, "agree")
    assert "enter your initials to sign the review" in app.error[0].value
    assert comment(app).value == "something"
    assert open_reviews(cohort).table().empty


def test_wrong_initials_show_one_message(open_form, cohort):
    app = open_form(initials="<b>")
    press(app, "agree")
    assert not app.exception
    assert "letters or digits" in app.error[0].value
    assert open_reviews(cohort).table().empty


def test_a_locked_database_shows_one_message_and_loses_nothing(
    monkeypatch, open_form, cohort, home
):
    monkeypatch.setattr("brainseg.reviews.database._BUSY_S", 0.1)
    open_reviews(cohort).put(OTHER_SITE, "CD", "agree")
    app = open_form(initials="AB")
    comment(app).set_value("a long thought")
    with closing(sqlite3.connect(home / "reviews.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        press(app, "reject")
        assert not app.exception
        assert "Not saved" in app.error[0].value
        assert "in use" in app.error[0].value
    assert comment(app).value == "a long thought"
    assert "not saved yet" in texts(app)
    press(app, "reject")
    assert open_reviews(cohort).of(FIRST)["comment"].tolist() == ["a long thought"]


def test_a_damaged_database_shows_a_message_and_the_form_stays(open_form, home):
    (home / "reviews.sqlite").write_bytes(b"no database at all" * 100)
    app = open_form(initials="AB")
    comment(app).set_value("kept")
    press(app, "agree")
    assert not app.exception
    assert len(app.error) == 2, "neither read nor saved"
    assert comment(app).value == "kept"


def test_a_saved_comment_is_not_emptied_while_the_reviews_cannot_be_read(open_form, cohort, home):
    file = home / "reviews.sqlite"
    open_reviews(cohort).put(FIRST, "AB", "agree", "clear edge")
    app = open_form(initials="AB")
    kept = file.read_bytes()
    file.write_bytes(b"no database at all" * 100)
    assert comment(app.run()).value == "clear edge"
    file.write_bytes(kept)
    press(app, "agree")
    assert open_reviews(cohort).of(FIRST)["comment"].tolist() == ["clear edge"]


def test_the_comment_follows_the_initials_until_it_is_typed_in(open_form, cohort):
    open_reviews(cohort).put(FIRST, "AB", "agree", "of AB")
    open_reviews(cohort).put(FIRST, "CD", "agree", "of CD")
    app = open_form(initials="AB")
    assert comment(app).value == "of AB"
    app.text_input("reader").set_value("CD").run()
    assert comment(app).value == "of CD"
    comment(app).set_value("new").run()
    app.text_input("reader").set_value("AB").run()
    assert comment(app).value == "new"


def test_a_comment_that_was_not_saved_waits_for_the_reader_to_come_back(open_form):
    app = open_form(initials="AB")
    comment(app).set_value("half a thou").run()
    app.query_params["case"] = OTHER_SITE
    app.run()
    assert comment(app, OTHER_SITE).value == ""
    app.query_params["case"] = FIRST
    app.run()
    assert comment(app).value == "half a thou"
    assert app.text_input("reader").value == "AB"


def test_other_readers_are_shown_folded_until_one_has_a_review(open_form, cohort):
    open_reviews(cohort).put(FIRST, "CD", "reject", "see *slice* 7")
    app = open_form(initials="AB")
    assert app.expander[0].label == "1 other review"
    assert not app.expander[0].proto.expanded
    assert r"see \*slice\* 7" in texts(app)
    press(app, "agree")
    assert app.expander[0].proto.expanded
    assert open_reviews(cohort).of(FIRST)["reader"].tolist() == ["AB", "CD"]


def test_two_sessions_of_two_readers_both_count(open_form, cohort):
    first, second = open_form(initials="AB"), open_form(initials="CD")
    press(first, "agree")
    press(second, "reject")
    assert open_reviews(cohort).of(FIRST)["state"].tolist() == ["agree", "reject"]
    first.button[0].click().run()
    assert first.expander[0].label == "1 other review"


def test_a_review_is_withdrawn_and_its_comment_stays(open_form, cohort):
    app = open_form(initials="AB")
    comment(app).set_value("not sure")
    press(app, "reject")
    app.button("withdraw review").click().run()
    assert open_reviews(cohort).table().empty
    assert comment(app).value == "not sure"


def test_the_next_case_opens_after_saving_if_chosen(open_form, cohort):
    app = open_form(initials="AB")
    app.checkbox("next after review").check().run()
    press(app, "agree")
    assert app.query_params["case"] == cohort.cases[1]
    assert open_reviews(cohort).table()["case"].tolist() == [FIRST]
    assert [toast.value.replace("\\", "") for toast in app.toast] == [
        f"Saved: agree (manual mask), AB. {FIRST}"
    ]
    press(app, "agree")
    assert open_reviews(cohort).table()["case"].tolist() == cohort.cases[:2]


def test_earlier_versions_of_a_review_are_listed_once_it_was_changed(open_form, cohort):
    reviews = open_reviews(cohort)
    reviews.put(FIRST, "AB", "reject", "too small")
    assert not any("version" in one.label for one in open_form().expander)
    reviews.put(FIRST, "AB", "agree")
    app = open_form()
    assert any("2 versions" in one.label for one in app.expander)
    assert "reject (manual mask): too small" in texts(app)
