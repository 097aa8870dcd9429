"""The checks page lists masks worth a second look, with links, and computes on request only."""

from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from support.pages import open_page, texts

from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.contradictions import finding_of
from brainseg.evaluation import background, evaluate, load_scores, save_scores
from brainseg.evaluation.second_look import (
    MISSED,
    NOTICE,
    UNSUPPORTED,
    Contradiction,
)
from brainseg.models import open_model

WAIT_S = 60
pytestmark = pytest.mark.usefixtures("scoring_ends")


@pytest.fixture
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    return open_model()


def test_the_list_links_to_the_slice_with_the_prediction(monkeypatch, taught_root, model, taught):
    result = evaluate(taught, model)
    case = result.scores["case"].iloc[1]
    found = Contradiction(MISSED, 4, 3, 5, 321, 120, 0.42, 0.98, 2)
    listed = dict.fromkeys(result.second_look, ()) | {case: (found,)}
    save_scores(replace(result, second_look=listed), taught)
    app = open_page(monkeypatch, taught_root, "checks")
    assert not app.exception
    assert "1 of 5 cases" in texts(app)
    assert NOTICE in texts(app)
    assert "missed by the mask: 321 voxels, 120 px, 42% of the tumour" in texts(app)
    assert not [button for button in app.button if button.key == "compare_masks"]
    (link,) = (one.proto for one in app.get("page_link") if "slice 4 (3–5)" in one.proto.label)
    asked = parse_qs(link.query_string)
    assert (asked["case"], asked["slice"], asked["model"]) == ([case], ["4"], [model.name])
    (table,) = (one.value for one in app.dataframe if "share" in one.value)
    assert table["case"].tolist() == [case]


def test_an_accepted_contradiction_is_in_the_table_and_not_among_the_links(
    monkeypatch, taught_root, model, taught
):
    result = evaluate(taught, model)
    case = result.scores["case"].iloc[1]
    found = [
        Contradiction(kind, number, number, number, 321, 120, 0.42, 0.98, 2)
        for kind, number in ((MISSED, 4), (UNSUPPORTED, 2))
    ]
    listed = dict.fromkeys(result.second_look, ()) | {case: tuple(found)}
    save_scores(replace(result, second_look=listed), taught)
    assert links(open_page(monkeypatch, taught_root, "checks")) == {"slice 4", "slice 2"}
    first = [finding_of(case, found[0])]
    open_acceptances(taught).accept(first, "a cavity")
    app = open_page(monkeypatch, taught_root, "checks")
    assert not app.exception
    assert links(app) == {"slice 2"}
    (table,) = (one.value for one in app.dataframe if "share" in one.value)
    assert table["reason"].iloc[0] == "a cavity"
    assert "1 of 2 accepted" in texts(app)
    rows = open_page(monkeypatch, taught_root, "worklist").dataframe[0].value.set_index("case")
    assert rows["second_look"].dropna().to_dict() == dict.fromkeys(result.second_look, 0) | {
        case: 1
    }
    open_acceptances(taught).withdraw(first)
    assert links(open_page(monkeypatch, taught_root, "checks")) == {"slice 4", "slice 2"}


def links(app) -> set[str]:
    """Return the slices that the section links to."""
    labels = (one.proto.label for one in app.get("page_link"))
    return {f"slice {label.rpartition(' slice ')[2]}" for label in labels if " slice " in label}


def test_masks_are_compared_in_the_background_when_asked_for(
    monkeypatch, taught_root, model, taught
):
    app = open_page(monkeypatch, taught_root, "checks")
    assert background.running() is None
    assert "5 cases not compared yet" in texts(app)
    app.button("compare_masks").click().run()
    assert not app.exception
    background.latest(taught).join(WAIT_S)
    app.run()
    assert load_scores(taught, model).not_compared == []
    assert "of 5 cases.** Each case: one fold did not learn from the patient" in texts(app)


def test_a_model_that_cannot_be_opened_leaves_the_other_checks(monkeypatch, taught_root):
    monkeypatch.setenv("BRAINSEG_MODEL", "/nowhere/at/all")
    app = open_page(monkeypatch, taught_root, "checks")
    assert not app.exception
    assert any("/nowhere/at/all" in error.value for error in app.error)
    assert "What was checked" in [header.value for header in app.header]


def test_a_cohort_without_masks_has_nothing_to_compare(monkeypatch, tiny_cohort, model):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert not app.exception
    assert "No case has both a mask and a network" in texts(app)
