"""The dataset page: its numbers are the core's, and its code runs as it stands."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import FIRST
from pages import open_page, texts

from brainseg import statistics
from brainseg.cohort import Cohort
from dashboard import snippets


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def charts_of(app) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def run(lines: str, monkeypatch: pytest.MonkeyPatch, root) -> dict:
    """Return the variables that a piece of code of the page leaves behind."""
    monkeypatch.setenv("BRAINSEG_DATA", str(root))
    found: dict = {}
    exec(compile(lines, "snippet", "exec"), found)
    return found


def test_folders_images_masks_and_what_is_left_out_are_counted(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    assert not app.exception
    shown = metrics(app)
    assert [shown[name] for name in ("Folders (cases)", "Images", "Masks")] == ["3", "8", "7"]
    assert shown["Slices left out"] == "1"
    assert (
        "4 with tumour (50.0%), 3 without tumour (37.5%), 1 without a usable mask (12.5%)"
        in texts(app)
    )
    assert "1 are left out for want of a usable mask" in texts(app)


def test_the_five_steps_of_the_notebook_stand_there_in_order(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    headers = [header.value for header in app.header]
    assert headers == ["1 · Find", "2 · Peek", "3 · Count", "4 · Table", "5 · Shapes"]
    assert len(app.code) == len(headers) + 2  # the patients' lines and the printed pair


def test_every_piece_of_code_on_the_page_runs_as_it_stands(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    pieces = [code.value for code in app.code if "import" in code.value]
    assert len(pieces) == 6
    for piece in pieces:
        assert run(piece, monkeypatch, tiny_cohort)["cohort"].cases


def test_the_code_gives_what_the_page_shows(monkeypatch, tiny_cohort, capsys):
    slices = Cohort.open(tiny_cohort).slices
    run(snippets.FIND, monkeypatch, tiny_cohort)
    assert capsys.readouterr().out == "3 folders, 8 8 images and masks\n"
    counted = run(snippets.COUNT, monkeypatch, tiny_cohort)
    pd.testing.assert_frame_equal(counted["cases"], statistics.case_table(slices))
    app = open_page(monkeypatch, tiny_cohort, "dataset", seed=5)
    run(snippets.shapes(5), monkeypatch, tiny_cohort)
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["image (64, 64, 3) uint8", "mask  (64, 64) uint8"]
    peeked = run(snippets.peek(5), monkeypatch, tiny_cohort)
    assert f"slice {peeked['pair'].slice_number}." in texts(app)
    assert peeked["mask"].any()


def test_the_seed_in_the_address_brings_the_slice_back(monkeypatch, tiny_cohort):
    def shown(seed) -> str:
        app = open_page(monkeypatch, tiny_cohort, "dataset", seed=seed)
        return next(m.value for m in app.markdown if m.value.startswith("A random slice"))

    assert shown(3) == shown(3)
    assert len({shown(seed) for seed in range(6)}) > 1


def test_another_slice_changes_the_seed_in_the_address(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    app.button("another_pair").click().run()
    assert str(app.query_params["seed"]) == str(app.number_input("seed").value)


def test_a_wrong_seed_gets_a_sentence(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "dataset", seed="x")
    assert not app.exception
    assert "not a number from 0 to 999999" in app.warning[0].value


def test_the_charts_hold_every_slice_once(monkeypatch, tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    share, by_case, areas = charts_of(open_page(monkeypatch, tiny_cohort, "dataset"))[:3]
    assert sum(trace["x"][0] for trace in share["data"]) == len(slices)
    table = statistics.case_table(slices)
    with_tumour = next(trace for trace in by_case["data"] if trace["name"] == "with tumour")
    assert _values(with_tumour["y"]) == table["slices_with_tumour"].tolist()
    assert sum(_values(areas["data"][0]["y"])) == (slices["area_px"] > 0).sum()


def test_a_code_without_a_name_stays_a_code_and_a_gap_is_missing(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "dataset", column="neoplasm_histologic_grade")
    chart = charts_of(app)[3]
    assert chart["layout"]["xaxis"]["ticktext"] == ["1", "2", "missing"]
    assert "no codebook.csv names them" in texts(app)


def test_without_data_csv_the_page_says_so(monkeypatch, tiny_cohort):
    (tiny_cohort / "data.csv").unlink()
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    assert not app.exception
    assert "There is no data.csv" in texts(app)


def test_a_cohort_without_masks_has_no_tumour_share_and_says_why(monkeypatch, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    assert not app.exception
    assert "8 without a usable mask (100.0%)" in texts(app)
    assert "nothing to show" in texts(app)


def test_a_cohort_of_empty_masks_still_opens(monkeypatch, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros((64, 64), np.uint8))
    app = open_page(monkeypatch, tiny_cohort, "dataset")
    assert not app.exception
    assert "No slice shows a tumour" in texts(app)


def _values(encoded: object) -> list:
    """Return the numbers of a chart's column: plotly packs arrays as base64."""
    if isinstance(encoded, list):
        return encoded
    import base64

    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"]).tolist()
