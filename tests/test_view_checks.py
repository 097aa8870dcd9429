"""The checks page: what was found, what was not checked, and the way to the slice."""

import json

import numpy as np
import pytest
import tifffile
from conftest import FIRST, FLAIR_REPEATED, head, write_pair
from pages import open_page, texts

from brainseg import RESEARCH_USE


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def shown(app, table: str):
    """Return one of the page's tables; only one that can be selected from has a key in AppTest."""
    return app.dataframe[["findings", "checks", "files"].index(table)].value


def test_findings_are_counted_at_a_glance(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert not app.exception
    numbers = metrics(app)
    assert [numbers[name] for name in ("Errors", "Warnings", "Notes")] == ["1", "1", "1"]
    assert "Some files cannot be used" in app.error[0].value
    assert shown(app, "findings")["kind"].tolist() == ["missing_mask", "slice_gap", "flair_copy"]


def test_a_clean_cohort_is_told_so(monkeypatch, sample_root):
    app = open_page(monkeypatch, sample_root, "checks")
    assert not app.exception
    assert "No errors and no warnings" in app.success[0].value


def test_what_cannot_be_decided_is_never_called_passed(monkeypatch, tiny_cohort):
    (tiny_cohort / "data.csv").unlink()
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert metrics(app)["Not checked"] == "2"
    table = shown(app, "checks").set_index("kind")
    assert table.loc["case_without_row", "outcome"] == "not checked"
    assert "no data.csv" in table.loc["case_without_row", "reason"]


def test_findings_are_filtered_by_severity_and_kind_in_the_address(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "checks", severity="warning")
    assert shown(app, "findings")["kind"].tolist() == ["slice_gap"]
    app = open_page(monkeypatch, tiny_cohort, "checks", kind="flair_copy")
    assert shown(app, "findings")["case"].tolist() == [FLAIR_REPEATED]
    app = open_page(monkeypatch, tiny_cohort, "checks", severity="error", kind="flair_copy")
    assert "0 of 3 findings" in texts(app)


def test_a_kind_that_was_not_found_gets_a_sentence(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", kind="<b>mask</b>")
    assert not app.exception
    assert "There is no finding of the kind" in texts(app)
    assert len(shown(app, "findings")) == 2


def test_shapes_and_pairs_are_counted_over_the_whole_cohort(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    (tiny_cohort / FIRST / f"{FIRST}_1.tif").unlink()
    write_pair(tiny_cohort / FIRST, FIRST, 3, head(1, 64, 80), np.zeros((64, 70), np.uint8))
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert "7 pairs of image and mask, 1 images without a mask and 1 masks without" in texts(app)
    files = shown(app, "files")
    rows = set(zip(files["file"], files["shape"], files["files"], strict=True))
    assert {("image", "64 × 80 × 3", 1), ("mask", "64 × 70", 1)} <= rows


def test_one_random_pair_is_printed_and_its_seed_reopens_it(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", seed=4)
    first = app.code[0].value
    assert "(64, 64, 3)" in first and "(64, 64) " in first and "uint8" in first
    assert open_page(monkeypatch, tiny_cohort, "checks", seed=4).code[0].value == first
    app.button("another_pair").click().run()
    assert str(app.query_params["seed"]) == str(app.number_input("seed").value)


def test_names_from_files_are_text_and_never_markup(monkeypatch, tiny_cohort):
    name = "<b>x** [a](b)"
    write_pair(tiny_cohort / name, name, 1, head(1), None)
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert not app.exception
    assert name in shown(app, "findings")["case"].tolist()


@pytest.mark.browser
def test_selecting_a_finding_opens_its_slice_and_json_says_what_it_is_for(
    browser, served, tmp_path
):
    # A cohort of its own: the server outlives the test.
    for number in (1, 2, 3):
        mask = None if number == 2 else np.zeros((64, 64), np.uint8)
        write_pair(tmp_path / FIRST, FIRST, number, head(number), mask)
    tifffile.imwrite(tmp_path / FIRST / f"{FIRST}_3_mask.tif", np.eye(64, dtype=np.uint8) * 255)
    address = served(tmp_path)
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{address}/checks")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").filter(has_text="JSON").locator("button").click()
    document = json.loads(download.value.path().read_text())
    assert document["research_use"] == RESEARCH_USE
    assert document["findings"][0]["kind"] == "missing_mask"
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    table.click(position={"x": 16, "y": 52})
    page.wait_for_url("**/case?**")
    assert f"case={FIRST}" in page.url and "slice=2" in page.url
    page.go_back()
    page.get_by_role("heading", name="What was checked").wait_for()
    assert page.url.startswith(f"{address}/checks")
