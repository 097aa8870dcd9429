"""The checks page: findings, unchecked rules, acceptances, links to slices."""

import json
from threading import Event

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, FLAIR_REPEATED, head, write_pair
from support.pages import cancel_at_once, open_page, texts

from brainseg import checks
from brainseg.checks import RULES, run_checks
from brainseg.checks.acceptances import open_acceptances
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def shown(app, table: str) -> pd.DataFrame:
    """Return one of the page's tables by a column that only it has."""
    column = {"findings": "fact", "rules": "outcome", "files": "dtype"}[table]
    return next(
        one.value for one in app.dataframe if column in one.value and "here" not in one.value
    )


@pytest.fixture
def without_a_mask(tiny_cohort):
    """Return the tiny cohort with an error, a warning and an info."""
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    return tiny_cohort


def test_findings_are_counted_at_a_glance(monkeypatch, without_a_mask):
    app = open_page(monkeypatch, without_a_mask, "checks")
    assert not app.exception
    numbers = metrics(app)
    assert [numbers[name] for name in ("Errors", "Warnings", "Notes")] == ["1", "1", "1"]
    assert "Some files cannot be used" in app.error[0].value
    app = open_page(monkeypatch, without_a_mask, "checks", severity="all")
    assert shown(app, "findings")["kind"].tolist() == ["missing_mask", "slice_gap", "flair_copy"]


def test_a_clean_cohort_gets_a_success_message(monkeypatch, sample_root):
    app = open_page(monkeypatch, sample_root, "checks")
    assert not app.exception
    assert "No open error or warning" in app.success[0].value


def test_an_undecided_check_is_never_passed(monkeypatch, tiny_cohort):
    (tiny_cohort / "data.csv").unlink()
    app = open_page(monkeypatch, tiny_cohort, "checks")
    table = shown(app, "rules").set_index("kind")
    assert table.loc["case_without_row", "outcome"] == "not checked"
    assert "no data.csv" in table.loc["case_without_row", "reason"]
    (why,) = (one for one in app.expander if one.label.startswith("Why undecided"))
    assert any("Case without row" in line.value for line in why.markdown)
    assert metrics(app)["Not checked"] == str((table["outcome"] == "not checked").sum())
    assert metrics(app)["Checks passed"] == str((table["outcome"] == "passed").sum())


def test_findings_are_filtered_in_the_address(monkeypatch, without_a_mask):
    app = open_page(monkeypatch, without_a_mask, "checks", severity="warning")
    assert shown(app, "findings")["kind"].tolist() == ["slice_gap"]
    app = open_page(monkeypatch, without_a_mask, "checks", kind="flair_copy")
    assert shown(app, "findings")["case"].tolist() == [FLAIR_REPEATED]
    app = open_page(monkeypatch, without_a_mask, "checks", of=FIRST)
    assert shown(app, "findings")["kind"].tolist() == ["missing_mask", "slice_gap"]
    app = open_page(monkeypatch, without_a_mask, "checks", severity="error", kind="flair_copy")
    assert "0 of 3 findings" in texts(app)


def test_notes_are_folded_until_asked_for(monkeypatch, without_a_mask):
    app = open_page(monkeypatch, without_a_mask, "checks")
    assert shown(app, "findings")["kind"].tolist() == ["missing_mask", "slice_gap"]
    app.button("notes").click().run()
    assert app.query_params["severity"] == "info"
    assert shown(app, "findings")["kind"].tolist() == ["flair_copy"]


def test_findings_of_one_kind_share_a_row_with_their_count(monkeypatch, without_a_mask):
    (without_a_mask / FLAIR_REPEATED / f"{FLAIR_REPEATED}_1_mask.tif").unlink()
    app = open_page(monkeypatch, without_a_mask, "checks")
    row = shown(app, "findings").iloc[0]
    assert (row["kind"], row["case"]) == ("missing_mask", "2 cases")
    assert row["fact"].startswith("2 findings, such as: image of")
    assert pd.isna(row["file"]), "one file of several would be taken for all"
    app = open_page(monkeypatch, without_a_mask, "checks", kind="missing_mask")
    assert shown(app, "findings")["case"].tolist() == [FIRST, FLAIR_REPEATED]
    app.button("all_kinds").click().run()
    assert "kind" not in app.query_params
    assert len(shown(app, "findings")) == 2


def test_the_rules_stand_once_on_the_page(monkeypatch, without_a_mask):
    app = open_page(monkeypatch, without_a_mask, "checks")
    rules = shown(app, "rules")
    assert rules["kind"].tolist().count("missing_mask") == 1 and len(rules) == len(RULES)
    assert rules["group"].notna().all()
    assert not any(button.key and button.key.startswith("kind ") for button in app.button)


def test_an_unknown_kind_gets_a_warning(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", kind="<b>mask</b>")
    assert not app.exception
    assert "Unknown kind" in texts(app) and "showing All" in texts(app)
    assert len(shown(app, "findings")) == 1


def test_accepted_findings_are_shown_separately_with_their_reason(monkeypatch, tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    open_acceptances(cohort).accept(run_checks(cohort, only={"slice_gap"}), "the source lacks them")
    app = open_page(monkeypatch, tiny_cohort, "checks", severity="all")
    assert [metrics(app)[name] for name in ("Warnings", "Accepted")] == ["0", "1"]
    assert shown(app, "findings")["kind"].tolist() == ["flair_copy"]
    app = open_page(monkeypatch, tiny_cohort, "checks", show="accepted")
    assert shown(app, "findings")["reason"].tolist() == ["the source lacks them"]


def test_unreadable_acceptances_are_reported_in_a_sentence(monkeypatch, tiny_cohort, home):
    (home / "acceptances.jsonl").mkdir()
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert not app.exception
    assert "cannot be read" in app.error[0].value


def test_a_slice_that_cannot_be_shown_opens_the_nearest_one(tiny_cohort):
    from dashboard.views.checks.findings import place_of

    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(b"")
    cohort = Cohort.open(tiny_cohort)
    assert place_of(cohort, FIRST, 3) == {"case": FIRST, "slice": "1"}
    assert place_of(cohort, FIRST, 10) == {"case": FIRST, "slice": "10"}
    assert place_of(cohort, FIRST, None) == {"case": FIRST}


def test_the_readme_is_compared_if_there_is_one(monkeypatch, sample_root, tiny_cohort):
    headers = [header.value for header in open_page(monkeypatch, sample_root, "checks").header]
    assert "Dataset README: stated and actual counts" in headers
    headers = [header.value for header in open_page(monkeypatch, tiny_cohort, "checks").header]
    assert "Dataset README: stated and actual counts" not in headers


def test_shapes_and_pairs_are_counted_over_the_whole_cohort(monkeypatch, without_a_mask):
    (without_a_mask / FIRST / f"{FIRST}_1.tif").unlink()
    folder = without_a_mask / FIRST
    write_pair(folder, FIRST, 3, head(1, 64, 80), np.zeros((64, 70), np.uint8))
    app = open_page(monkeypatch, without_a_mask, "checks")
    assert "7 pairs of image and mask, 1 images without a mask and 1 masks without" in texts(app)
    files = shown(app, "files")
    rows = set(zip(files["file"], files["shape"], files["files"], strict=True))
    assert {("image", "64 × 80 × 3", 1), ("mask", "64 × 70", 1)} <= rows


def test_one_random_pair_is_printed_and_its_seed_reopens_it(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", seed=4)
    first = app.code[-1].value
    assert "(64, 64, 3)" in first and "(64, 64) " in first and "uint8" in first
    assert open_page(monkeypatch, tiny_cohort, "checks", seed=4).code[-1].value == first
    app.button("another_pair").click().run()
    assert str(app.query_params["seed"]) == str(app.number_input("seed").value)


def test_the_displayed_code_gives_the_results_of_the_page(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", show="all", severity="all")
    found: dict = {}
    exec(compile(app.code[0].value, "snippet", "exec"), found)
    page = shown(app, "findings")
    messages = page["fact"] + ": " + page["remedy"].astype("str")
    assert found["table"]["message"].tolist() == messages.tolist()
    assert set(found["summary"]["kind"]) == set(shown(app, "rules")["kind"])


def test_file_names_are_text_and_never_markup(monkeypatch, tiny_cohort):
    name = "<b>x** [a](b)"
    write_pair(tiny_cohort / name, name, 1, head(1), None)
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert not app.exception
    assert name in shown(app, "findings")["case"].tolist()


def test_accepted_findings_do_not_count_in_the_worklist(monkeypatch, tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    open_acceptances(cohort).accept(run_checks(cohort, only={"slice_gap"}), "known")
    app = open_page(monkeypatch, tiny_cohort, "worklist", where="warnings~1..")
    assert "No case matches these filters" in app.info[0].value


def test_a_new_training_run_is_checked_without_a_reload(monkeypatch, tiny_cohort):
    rules = shown(open_page(monkeypatch, tiny_cohort, "checks"), "rules").set_index("kind")
    assert rules.loc["fold_leak", "outcome"] == "not checked"
    run = Cohort.open(tiny_cohort).state_dir / "runs" / "20260101-000000-planted"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"epochs": 1, "patience": 1}))
    parts = {"trained_on": [FIRST], "selected_on": [], "held_out": [FIRST]}
    (run / "folds.json").write_text(json.dumps(parts))
    app = open_page(monkeypatch, tiny_cohort, "checks", severity="error")
    assert shown(app, "findings")["kind"].tolist() == ["fold_leak"]


def test_failed_checks_are_retried(monkeypatch, tiny_cohort):
    from brainseg import checks

    whole = checks.check_cohort

    def fail(cohort, progress):
        raise BrainsegError("planted")

    monkeypatch.setattr(checks, "check_cohort", fail)
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert "planted" in app.error[0].value
    monkeypatch.setattr(checks, "check_cohort", whole)
    assert "findings" in texts(open_page(monkeypatch, tiny_cohort, "checks"))


def test_cancelled_checks_start_again_only_on_request(monkeypatch, tiny_cohort):
    begun, go, check = [], Event(), checks.check_cohort

    def slow(cohort, progress):
        begun.append(1)
        while not go.wait(0.02):
            progress(1, 9)
        return check(cohort, progress=progress)

    monkeypatch.setattr(checks, "check_cohort", slow)
    cancel_at_once(monkeypatch)
    app = open_page(monkeypatch, tiny_cohort, "checks")
    assert "Checking: cancelled" in texts(app)
    assert not app.metric
    app.run()
    assert len(begun) == 1
    go.set()
    next(one for one in app.button if one.label == "Start again").click().run()
    assert len(begun) == 2
    assert not app.exception
    assert app.metric
