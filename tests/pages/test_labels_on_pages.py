"""The choice of a label: one control on the pages, kept in the address and on the way to others."""

from pathlib import Path

import pytest
from support.pages import open_page, pictures_of, texts, viewed
from support.volume_cohorts import VOXEL_ML, brats, named, three_labels

CORE = "tumour core"
CORE_ML = 40 * VOXEL_ML
WITH_A_LABEL = ("worklist", "case", "browser", "dataset", "similar", "checks", "evaluation")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brats")
    brats(folder, values=three_labels, suffix=".nii")
    return folder


def labels(app) -> list:
    return [box for box in app.selectbox if box.label == "Label"]


@pytest.mark.parametrize("page", WITH_A_LABEL)
def test_a_page_takes_the_label_of_the_address(
    monkeypatch: pytest.MonkeyPatch, root: Path, page: str
) -> None:
    app = open_page(monkeypatch, root, page, label=CORE)
    assert not app.exception
    assert not app.error
    assert [box.value for box in labels(app)] == [CORE]


@pytest.mark.parametrize("page", ["overview", "tour", "training"])
def test_pages_of_all_labels_have_no_choice(
    monkeypatch: pytest.MonkeyPatch, root: Path, page: str
) -> None:
    app = open_page(monkeypatch, root, page, label=CORE)
    assert not app.exception
    assert not labels(app)


def test_the_worklist_has_the_sizes_of_the_chosen_label(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    app = open_page(monkeypatch, root, "worklist")
    (box,) = labels(app)
    assert box.options == [
        "Label: all (union)",
        "Label: whole tumour",
        "Label: tumour core",
        "Label: enhancing tumour",
    ]
    app = box.select(CORE).run()
    assert app.query_params["label"] == CORE
    assert app.dataframe[0].value["tumour_ml"].tolist() == pytest.approx([CORE_ML] * 2)
    assert any(f"open_cohort({str(root)!r}).of_label({CORE!r})" in one.value for one in app.code)


def test_an_unknown_label_means_all_labels_with_a_message(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    app = open_page(monkeypatch, root, "dataset", label="oedema")
    assert not app.exception
    assert [one.value for one in app.warning] == [
        "Unknown label “oedema”: showing all \\(union\\)."
    ]


def test_the_evaluation_says_with_which_masks_it_compares(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr("dashboard.views.evaluation.scoring.begin", lambda *_: None)
    app = open_page(monkeypatch, root, "evaluation")
    said = " ".join(one.value for one in app.info)
    assert "compared with the union of the labels whole tumour, tumour core, enhancing" in said
    app = open_page(monkeypatch, root, "evaluation", label=CORE)
    assert "compared with the label “tumour core”" in " ".join(one.value for one in app.info)


def test_labels_without_names_are_numbered_in_the_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named(tmp_path)
    (box,) = labels(open_page(monkeypatch, tmp_path, "worklist"))
    assert box.options == ["Label: all (union)", "Label: 1", "Label: 2"]


def test_the_browser_offers_the_fourth_sequence(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    app = open_page(monkeypatch, root, "browser", sequence="T2")
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert app.segmented_control("sequence").value == "T2"
    image, *_ = pictures_of(app)
    assert (image[..., 0] == image[..., 2]).all()


def test_the_case_page_sends_all_four_sequences(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    app = open_page(monkeypatch, root, "case")
    header, arrays = viewed(app)
    assert header["sequences"] == ["pre-contrast", "FLAIR", "post-contrast", "T2"]
    assert arrays["T2"].any()
    assert [one["name"] for one in header["labels"]] == [
        "whole tumour",
        "tumour core",
        "enhancing tumour",
    ]


@pytest.mark.parametrize("section", ["How large", "Compare", "Tables"])
def test_the_dataset_page_shows_sizes_in_ml_and_mm2(
    monkeypatch: pytest.MonkeyPatch, root: Path, section: str
) -> None:
    app = open_page(monkeypatch, root, "dataset", section=section)
    assert not app.exception
    assert not app.error
    said = texts(app)
    if section == "How large":
        assert " mm² over " in said
        assert " ml over " in said
    if section == "Compare":
        assert app.selectbox(key="measure").value == "tumour_ml"
    if section == "Tables":
        assert "area_mm2" in app.dataframe[0].value


@pytest.mark.parametrize(
    ("page", "words"),
    [("overview", "unknown"), ("dataset", "2 cases from an unknown institution.")],
)
def test_an_unknown_institution_is_not_counted_as_one(
    monkeypatch: pytest.MonkeyPatch, root: Path, page: str, words: str
) -> None:
    app = open_page(monkeypatch, root, page)
    counted = {metric.label: metric.value for metric in app.metric}
    assert words in (counted.get("Institutions"), *(one.value for one in app.caption))


def test_a_cohort_of_four_sequences_calls_the_coloured_ones_the_first_three(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    app = open_page(monkeypatch, root, "browser")
    (sequences,) = (one for one in app.get("button_group") if one.label == "Sequence")
    assert sequences.options[-1] == "first three as colours"
