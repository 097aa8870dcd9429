"""The review form with a prediction in the viewer: a verdict names the model and the threshold shown."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest
from support.cohorts import FIRST, OTHER_SITE
from support.pages import open_page, texts

from brainseg.cohort import Cohort
from brainseg.models import Model, open_model
from brainseg.reviews import open_reviews
from brainseg.reviews.table import MASK, PREDICTION


def page() -> None:
    """Draw the form alone; ``told`` and ``told_of`` are the viewer's report."""
    import os

    import streamlit as st

    from brainseg.cohort import Cohort
    from brainseg.models import open_model
    from dashboard.shared import keys, review_form

    cohort = Cohort.open(os.environ["BRAINSEG_DATA"])
    case = st.query_params.get("case", cohort.cases[0])
    if told := st.query_params.get("told"):
        of = [st.query_params.get("told_of", case), "made", None]
        st.session_state[keys.VIEWER] = {"thresholds": {"of": of, "values": [float(told)]}}
    model = open_model(os.environ["BRAINSEG_MODEL"])
    exposure = model.exposure(cohort.case(case))
    shown = review_form.ShownPrediction(model, exposure, [case, "made", None])
    review_form.form(cohort, case, None, shown)


@pytest.fixture
def cohort(tiny_cohort) -> Cohort:
    return Cohort.open(tiny_cohort)


@pytest.fixture
def model(tiny_model) -> Model:
    return open_model(str(tiny_model))


@pytest.fixture
def open_form(monkeypatch, tiny_cohort, tiny_model) -> Callable[..., AppTest]:
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))

    def open_form(**asked: object) -> AppTest:
        app = AppTest.from_function(page, default_timeout=60)
        for key, value in ({"review": "prediction"} | asked).items():
            app.query_params[key] = str(value)
        app.run()
        return app.text_input("reader").set_value("AB").run()

    return open_form


def press(app: AppTest, verdict: str) -> AppTest:
    return app.button(f"review {verdict}").click().run()


def kept(cohort: Cohort, case: str = FIRST) -> list[tuple]:
    return [
        (row.subject, row.threshold, row.state)
        for row in open_reviews(cohort).of(case).itertuples()
    ]


def test_a_verdict_names_the_model_the_folds_and_the_threshold_shown(open_form, cohort, model):
    app = open_form(told=0.3)
    assert "threshold 0\\.3" in texts(app)
    press(app, "needs edit")
    assert not app.exception
    row = open_reviews(cohort).of(FIRST).iloc[0]
    assert row[["subject", "model", "model_digest", "threshold", "state"]].tolist() == [
        PREDICTION,
        model.name,
        model.digest,
        0.3,
        "needs edit",
    ]
    folds = model.exposure(cohort.case(FIRST)).folds
    assert row["folds"] == ", ".join(map(str, folds))
    assert "at threshold 0.3" in app.toast[0].value.replace("\\", "")


def test_without_a_report_of_the_viewer_the_threshold_is_the_model_s_own(open_form, cohort, model):
    press(open_form(), "agree")
    own = model.threshold_for(model.exposure(cohort.case(FIRST)).folds)
    assert kept(cohort) == [(PREDICTION, pytest.approx(own, abs=0.0025), "agree")]


@pytest.mark.parametrize(
    "asked",
    [{"threshold": 0.3}, {"told": 0.3, "told_of": OTHER_SITE}],
    ids=["address", "case before"],
)
def test_no_prediction_is_reviewed_before_the_viewer_shows_it(open_form, cohort, asked):
    app = open_form(**asked)
    assert "Waiting for the viewer" in texts(app)
    press(app, "agree")
    assert "has not shown this prediction yet" in app.error[0].value
    assert open_reviews(cohort).table().empty


def test_a_review_names_the_threshold_at_the_click_and_not_of_the_drawn_form(open_form, cohort):
    app = open_form(told=0.3)
    app.session_state["viewer"] = {"thresholds": {"of": [FIRST, "made", None], "values": [0.6]}}
    app.query_params["told"] = "0.6"
    press(app, "agree")
    assert kept(cohort) == [(PREDICTION, 0.6, "agree")]


def test_mask_and_prediction_have_a_review_and_a_comment_each(open_form, cohort, model):
    app = open_form(told=0.3)
    app.text_area[0].set_value("too small")
    press(app, "reject")
    app.segmented_control("review").set_value("manual mask").run()
    assert app.text_area[0].value == ""
    assert "**manual mask**" in texts(app)
    press(app, "agree")
    assert [row[::2] for row in kept(cohort)] == [(MASK, "agree"), (PREDICTION, "reject")]
    app.segmented_control("review").set_value("prediction").run()
    assert app.text_area[0].value == "too small"
    assert "Saved as AB: **reject**" in texts(app)
    app.button("withdraw review").click().run()
    assert [row[0] for row in kept(cohort)] == [MASK]


def test_a_moved_threshold_opens_a_review_of_its_own_and_shows_the_other(open_form, cohort):
    press(open_form(told=0.3), "agree")
    app = open_form(told=0.35)
    assert "Saved as" not in texts(app)
    assert app.expander[0].label == "1 other review"
    assert "threshold 0\\.3" in app.expander[0].markdown[0].value
    app.text_area[0].set_value("half a thou").run()
    app.query_params["told"] = "0.4"
    assert app.run().text_area[0].value == "half a thou"


def test_without_a_model_the_case_page_reviews_the_manual_mask(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, review="prediction")
    assert not app.exception
    assert "Your verdict is on the **manual mask**" in texts(app)
    assert "review" not in [control.key for control in app.segmented_control]
