"""The evaluation page: figures with their rules, views in the address, scoring in the background."""

import base64
import dataclasses
import json
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browsing import arrives, settled
from support.pages import APP, open_page, texts
from support.viewer import drawn

from brainseg.cohort import Cohort
from brainseg.evaluation import (
    Leakage,
    background,
    by_case,
    calibration,
    compare,
    conventions,
    evaluate,
    figure_text,
    load_scores,
    relations,
    save_leakage,
    save_scores,
    summary,
    worst,
)
from brainseg.evaluation.leakage import Recipe
from brainseg.exports import csv_bytes
from brainseg.metrics import EMPTY_MASK_RULE, METRICS
from brainseg.models import open_model

WAIT_S = 60
pytestmark = pytest.mark.usefixtures("scoring_ends")

VIEWS = ("Cases", "Groups", "All figures", "Calibration", "Two models", "How scores inflate")


@pytest.fixture
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    return open_model()


@pytest.fixture(scope="module")
def everyone(tiny_model, taught_root, tmp_path_factory):
    """Return the scores of the tiny model on all ten cases, made once."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("everyone_home")))
        return evaluate(Cohort.open(taught_root), open_model(str(tiny_model)), allow_seen=True)


@pytest.fixture
def scored(everyone, model, taught):
    """Keep the scores of the held-out cases, and return them."""
    save_scores(everyone.unseen(), taught)
    return load_scores(taught, model)


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def links(app) -> list[tuple[str, str]]:
    return [(link.proto.page, link.proto.query_string) for link in app.get("page_link")]


def figure(app, key: str) -> dict:
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    keys = [chart.proto.id for chart in app.get("plotly_chart")]
    return next(spec for spec, name in zip(specs, keys, strict=True) if key in name)


def test_the_button_scores_in_the_background_and_the_page_shows_the_result(
    monkeypatch, taught_root, model, taught
):
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert "has not been scored" in texts(app)
    assert "5 of 10 cases will be scored" in texts(app)
    assert app.code[0].value == f"python -m brainseg evaluate {taught_root} --model {model.folder}"
    app.button("score").click().run()
    assert not app.exception
    background.latest(taught).join(WAIT_S)
    app.run()
    result = load_scores(taught, model)
    low, high = result.ci95
    shown = metrics(app)
    assert shown["Mean Dice"] == f"{result.mean_dice:.3f}"
    assert shown["Median Dice"] == f"{result.median_dice:.3f}"
    assert shown["Cases"] == "5"
    (mean,) = (metric for metric in app.metric if metric.label == "Mean Dice")
    assert mean.delta == f"{low:.3f} to {high:.3f}"
    assert "5 not scored: the model learned from this patient" in texts(app)


def test_scores_saved_while_the_page_is_drawn_are_shown_at_its_next_run(
    monkeypatch, taught_root, model, taught, scored
):
    fewer = scored.of(np.arange(len(scored.scores)) < 3)

    def relations_while_saving(*arguments):
        monkeypatch.setattr("brainseg.evaluation.relations", relations)
        save_scores(fewer, taught)
        return relations(*arguments)

    monkeypatch.setattr("brainseg.evaluation.relations", relations_while_saving)
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert metrics(app)["Mean Dice"] == f"{scored.mean_dice:.3f}"
    app.run()
    assert metrics(app)["Mean Dice"] == f"{fewer.mean_dice:.3f}" != f"{scored.mean_dice:.3f}"


def test_scoring_continues_after_leaving_the_page_and_is_shown_on_return(
    monkeypatch, taught_root, model, taught, gate
):
    app = open_page(monkeypatch, taught_root, "evaluation")
    app.button("score").click().run()
    scoring = background.running()
    app.switch_page("views/overview.py").run()
    assert background.running() is scoring
    app.switch_page("views/evaluation/page.py").run()
    assert app.button("score").disabled
    assert app.button("stop_scoring")
    gate.set()
    scoring.join(WAIT_S)
    app.run()
    assert metrics(app)["Cases"] == "5"


def test_a_stopped_scoring_shows_a_message_until_it_is_acknowledged(
    monkeypatch, taught_root, model, taught
):
    scoring = background.start(taught, model)
    scoring.stop()
    scoring.join(WAIT_S)
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert "was stopped; the scores so far were kept" in texts(app)
    app.button("end_of_scoring").click().run()
    assert "was stopped" not in texts(app)


def test_every_figure_is_shown_with_its_rule_for_empty_masks(monkeypatch, taught_root, scored):
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert EMPTY_MASK_RULE in texts(app)
    rules = {one.help for one in app.metric}
    for name in ("dice", "surface_dice", "hd95", "lesion_recall", "false_positives"):
        assert METRICS[name].explained in rules
    app = open_page(monkeypatch, taught_root, "evaluation", view="All figures")
    table = app.dataframe[0].value
    expected = summary(scored)
    assert table["Figure"].tolist() == expected["label"].tolist()
    assert table["Value"].tolist() == [
        figure_text(row.value, row.unit) for row in expected.itertuples()
    ]
    rules = table[["Both empty", "Tumour missed", "False alarm"]].to_numpy().tolist()
    assert rules == [list(metric.empty_masks) for metric in METRICS.values()]


@pytest.mark.parametrize("view", VIEWS)
def test_the_address_reopens_each_view(monkeypatch, taught_root, scored, view):
    app = open_page(monkeypatch, taught_root, "evaluation", view=view)
    assert not app.exception
    assert not app.error
    assert app.segmented_control("view").value == view


def test_seen_cases_are_marked_and_not_counted(monkeypatch, taught_root, model, taught, everyone):
    save_scores(everyone, taught)
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert metrics(app)["Cases"] == "5"
    assert metrics(app)["Mean Dice"] == f"{everyone.unseen().mean_dice:.3f}"
    assert "5 cases in the training data were scored too" in texts(app)
    (bars,) = figure(app, "scores_by_case")["data"]
    assert set(bars["customdata"]) == set(everyone.unseen().scores["case"])
    table = app.dataframe[0].value
    assert table["dice"].is_monotonic_increasing
    (record,) = model.folds
    relation = table.set_index("case")["relation"].map(lambda one: one[0])
    assert set(relation[list(record.held_out)]) == {"held out"}
    assert set(relation[list(record.trained_on)]) == {"seen"}


def test_the_worst_cases_are_one_click_from_the_viewer(monkeypatch, taught_root, model, scored):
    app = open_page(monkeypatch, taught_root, "evaluation")
    expected = [
        ("case", f"case={row.case}&model={model.name}&sort=dice&slice={row.slice_number}")
        for row in worst(scored).itertuples()
    ]
    assert [link for link in links(app) if "sort=dice" in link[1]] == expected
    assert worst(scored)["case"].tolist() == by_case(scored)["case"].tolist()


def test_the_address_names_the_chosen_case_and_leads_on(monkeypatch, taught_root, model, scored):
    case = model.folds[0].held_out[0]
    app = open_page(monkeypatch, taught_root, "evaluation", case=case)
    asked = f"case={case}&model={model.name}"
    assert {("case", asked), ("prediction", asked)} <= set(links(app))
    app = open_page(monkeypatch, taught_root, "evaluation", case="../etc")
    assert not app.exception
    assert ", to open its case" in texts(app)


def test_another_metric_is_drawn_and_a_wrong_one_shows_a_message(monkeypatch, taught_root, scored):
    app = open_page(monkeypatch, taught_root, "evaluation", metric="recall")
    (bars,) = figure(app, "scores_by_case")["data"]
    drawn = np.frombuffer(base64.b64decode(bars["y"]["bdata"]), bars["y"]["dtype"])
    assert drawn.tolist() == pytest.approx(sorted(scored.scores["recall"]))
    assert METRICS["recall"].rule in texts(app)
    app = open_page(monkeypatch, taught_root, "evaluation", metric="magic")
    assert "Unknown metric “magic”" in texts(app)


def test_calibration_shows_the_error_with_its_interval_and_what_was_counted(
    monkeypatch, taught_root, scored
):
    app = open_page(monkeypatch, taught_root, "evaluation", view="Calibration")
    found = calibration(scored)
    assert f"**{found.error:.4f}**" in texts(app)
    assert f"{found.error_low:.4f} to {found.error_high:.4f}" in texts(app)
    assert "Measured on the voxels of the head" in texts(app)


def test_two_models_are_compared_case_by_case(
    monkeypatch, taught_root, scored, taught, model, other_model
):
    other = open_model(str(other_model))
    monkeypatch.setattr(
        "dashboard.shared.model_picker.model_choices",
        lambda: {model.name: str(model.folder), other.name: str(other.folder)},
    )
    app = open_page(monkeypatch, taught_root, "evaluation", view="Two models")
    assert "cautious has not been scored on this cohort yet" in texts(app)
    save_scores(evaluate(taught, other), taught)
    app = open_page(monkeypatch, taught_root, "evaluation", view="Two models")
    found = compare(scored, load_scores(taught, other))
    shown = metrics(app)
    assert shown["Mean difference, cautious − tiny"] == f"{found.mean:+.3f}".replace("-", "−")
    assert shown["Wilcoxon signed-rank, p"] == f"{found.p_value:.3f}"
    assert "5 patients are too few" in texts(app)
    assert "do not show which model is better" in texts(app)
    assert "is better on average" not in texts(app)
    assert "it assumes that patients are independent" in texts(app)


def test_a_single_model_cannot_be_compared(monkeypatch, taught_root, scored, model):
    monkeypatch.setattr(
        "dashboard.shared.model_picker.model_choices", lambda: {model.name: str(model.folder)}
    )
    app = open_page(monkeypatch, taught_root, "evaluation", view="Two models")
    assert "There is only one model" in texts(app)


def test_averaging_rules_are_shown_with_their_figures(
    monkeypatch, taught_root, model, taught, everyone
):
    save_scores(everyone, taught)
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    told = texts(app)
    rules = conventions(everyone)
    assert "on cases it learned from" in rules["rule"].tolist()
    for row in rules.itertuples():
        assert f"**{row.rule}**: {row.dice:.3f}" in told
        assert row.what in told


def test_without_seen_cases_the_page_says_how_to_include_them(monkeypatch, taught_root, scored):
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    assert "To see the scores of cases in the training data, score them too" in texts(app)
    assert "on cases it learned from" not in texts(app)


def test_the_effect_of_a_split_by_slice_is_taught_in_three_steps(monkeypatch, taught_root, scored):
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    assert not app.exception
    assert [heading.value[:2] for heading in app.subheader] == ["1.", "2.", "3."]
    assert len(app.get("image")) == 3
    assert "correlation with the first" in texts(app)
    grid = figure(app, "split_grid")
    assert [trace["name"] for trace in grid["data"]][:3] == [
        "training",
        "test",
        "the two slices above",
    ]
    assert "have a direct neighbour in training" in texts(app)


@pytest.fixture
def leakage(scored, everyone):
    """Return two sets of scores in place of the two splits."""
    return Leakage(scored, dataclasses.replace(scored, scores=higher(scored.scores)), Recipe())


def higher(scores):
    return scores.assign(dice=scores["dice"] + 0.01)


def test_a_split_by_slice_is_measured_in_the_background(
    monkeypatch, taught_root, model, taught, leakage
):
    monkeypatch.setattr(background, "measure_leakage", lambda *arguments: leakage)
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    assert "The effect on the score can be measured" in texts(app)
    command = f"python -m brainseg evaluate {taught_root} --model {model.folder} --split-by-slice"
    assert command in [code.value for code in app.code]
    app.button("measure_leakage").click().run()
    background.latest(taught).join(WAIT_S)
    app.run()
    assert not app.exception
    found = leakage.comparison
    assert f"**{found.mean:+.3f}**" in texts(app)
    assert f"{found.low:+.3f} to {found.high:+.3f}" in texts(app)
    honest, claimed = leakage.table["by_patient"].iloc[0], leakage.table["by_slice"].iloc[-1]
    assert f"{honest:.3f} becomes **{claimed:.3f}**" in texts(app)
    assert "Measured beforehand" not in texts(app)
    by_slice, by_patient = figure(app, "two_splits")["data"]
    assert (by_slice["name"], by_patient["name"]) == ("split by slice", "split by patient")


def test_a_measurement_that_a_model_ships_names_its_cases(
    monkeypatch, taught_root, leakage, tmp_path
):
    save_leakage(leakage, tmp_path / "shipped.json")
    monkeypatch.setattr(
        "dashboard.views.evaluation.inflation.SHIPPED", str(tmp_path / "shipped.json")
    )
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    assert "on 5 cases that this model was not trained on; this cohort contains them" in texts(app)
    elsewhere = leakage.by_patient.scores.assign(case=list("abcde"))
    others = dataclasses.replace(leakage.by_patient, scores=elsewhere)
    save_leakage(dataclasses.replace(leakage, by_patient=others), tmp_path / "shipped.json")
    app = open_page(monkeypatch, taught_root, "evaluation", view="How scores inflate")
    assert "was not trained on (a to e), not on this cohort" in texts(app)


def test_a_cohort_without_masks_cannot_be_scored(monkeypatch, tiny_cohort, model):
    for mask in tiny_cohort.glob("*/*_mask.tif"):
        mask.unlink()
    app = open_page(monkeypatch, tiny_cohort, "evaluation")
    assert app.button("score").disabled
    assert "0 of 3 cases will be scored" in texts(app)


def test_a_missing_model_shows_one_message(monkeypatch, tiny_cohort):
    monkeypatch.setenv("BRAINSEG_MODEL", "/nowhere/at-all")
    app = open_page(monkeypatch, tiny_cohort, "evaluation")
    assert not app.exception
    assert len(app.error) == 1
    assert "unknown model" in app.error[0].value


def test_saved_scores_are_shown_in_every_view_without_tensorflow(monkeypatch, taught_root, scored):
    monkeypatch.setenv("BRAINSEG_DATA", str(taught_root))
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()
for view in {VIEWS!r}:
    app.query_params["view"] = view
    app.switch_page("views/evaluation/page.py").run()
    assert not app.exception, app.exception
    assert not app.error, app.error
    assert app.metric, "no scores are shown"
loaded = {{"tensorflow", "keras", "sklearn"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.browser
def test_a_short_scoring_starts_by_itself_and_leads_to_the_worst_case(
    served, browser, taught_root, tiny_model
):
    page = browser.new_context().new_page()
    page.set_default_timeout(2000 * WAIT_S)
    page.goto(f"{served(taught_root, BRAINSEG_MODEL=str(tiny_model))}/evaluation?model=tiny")
    done = page.get_by_text("Cases, worst first")
    page.get_by_text("Scoring tiny").or_(done).first.wait_for()
    page.get_by_role("link", name="Overview").first.click()
    arrives(page, "/")
    page.get_by_role("link", name="Evaluation").first.click()
    done.wait_for()
    expect(page.get_by_text("Scoring tiny")).to_have_count(0)  # another case may still be worse
    worst = settled(page).get_by_role("link", name="TCGA_").first
    meant = parse_qs(urlsplit(worst.get_attribute("href")).query)
    worst.click()
    # Where the case opens at that slice anyway, the viewer takes it out of the address.
    drawn(page, case=meant["case"][0], slice=meant["slice"][0])
    arrives(page, "/case", case=meant["case"][0], model="tiny", sort="dice")
    page.context.close()


def test_an_infinite_distance_is_a_sign_with_its_reason_and_stays_readable_by_machines(
    monkeypatch, taught_root, model, taught, everyone
):
    unseen = everyone.unseen()
    distances = [np.inf, *[12.34] * (len(unseen.scores) - 1)]
    save_scores(dataclasses.replace(unseen, scores=unseen.scores.assign(hd95=distances)), taught)
    app = open_page(monkeypatch, taught_root, "evaluation")
    shown = next(table.value for table in app.dataframe if "hd95" in table.value)
    assert sorted(shown["hd95"]) == [*["   12.3"] * (len(distances) - 1), "∞"]
    assert "∞ (1 case): more than 5% of an outline" in texts(app)
    assert "inf" in csv_bytes(load_scores(taught, model).scores).decode().splitlines()[2]
