"""Tasks on the pages by keyboard alone: no test here uses the mouse."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.axe import theme
from support.browsing import WAIT_MS, arrives, comes, is_at, rows, settled
from support.keyboard import (
    choose,
    focused,
    press,
    says,
    stops_out_of_sight,
    tab_to,
    tab_to_table,
)
from support.viewer import VIEWER, drawn

from brainseg.cohort import Cohort
from brainseg.training.runs import Run

pytestmark = pytest.mark.browser
FOLLOWS_WITHIN_MS = 3000
"""Maximum wait for a radio button to be chosen along with the focus, before it is chosen by Space."""
TRAINS_WITHIN_MS = 2 * WAIT_MS
"""Maximum wait for a training to start and to stop, which imports TensorFlow on a busy machine."""


@pytest.fixture(scope="module")
def address(served, taught_root, tiny_model, tmp_path_factory) -> Iterator[str]:
    """Return the address of a dashboard on the taught cohort; leave no training of it behind."""
    home = tmp_path_factory.mktemp("keyboard") / "home"
    environment = {"BRAINSEG_HOME": str(home), "BRAINSEG_TEST_EAGER": "1"}
    yield served(taught_root, BRAINSEG_MODEL=str(tiny_model), **environment)
    for run in [Run(path.parent) for path in home.glob("cohorts/*/runs/*/process.json")]:
        if run.is_alive():
            psutil.Process(run.process()["pid"]).kill()


@pytest.fixture(scope="module")
def names(taught_root) -> list[str]:
    return Cohort.open(taught_root).cases


@pytest.fixture
def case(look, address, tiny_model, names):
    """Return the page of the first case with its prediction, drawn."""
    page = look(f"{address}/case?case={names[0]}&model={tiny_model.name}")
    drawn(page)
    return page


def downloads(page, name: str) -> Path:
    with page.expect_download(timeout=WAIT_MS) as download:
        press(page, "button", name)
    return download.value.path()


def test_the_first_stop_skips_the_navigation(look, address):
    page = look(f"{address}/worklist")
    page.keyboard.press("Tab")
    assert comes(page, lambda: focused(page) == 'link "Skip to main content"')
    page.keyboard.press("Enter")
    assert comes(page, lambda: focused(page).startswith("main"))


def test_the_navigation_leads_to_a_page(look, address):
    page = look(address)
    press(page, "link", "Checks")
    arrives(page, "/checks")


def test_the_navigation_opens_on_the_page_of_a_case(case):
    tab_to(case, "button", "Expand sidebar")
    case.keyboard.press("Enter")
    tab_to(case, "link", "Dataset", back=True)
    case.keyboard.press("Enter")
    arrives(case, "/dataset")


def test_a_closed_navigation_is_not_among_the_stops(case):
    stops = []
    for _ in range(3):
        case.keyboard.press("Tab")
        assert comes(case, lambda: focused(case) not in ("", *stops[-1:]))
        stops.append(focused(case))
    assert stops == [
        'link "Skip to main content"',
        'button "Expand sidebar"',
        'button "Main menu"',
    ]


@pytest.mark.parametrize("path", ["worklist", "case", "training?view=Start"])
def test_each_stop_of_a_page_is_in_sight_and_shows_the_focus(look, address, path):
    page = look(f"{address}/{path}", viewport={"width": 1400, "height": 900})
    if path == "case":
        drawn(page)
    if path.startswith("training"):  # past the navigation, which is that of the worklist
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert comes(page, lambda: focused(page).startswith("main"))
    assert stops_out_of_sight(page) == []


def test_the_worklist_is_filtered_and_the_filter_cleared(look, address, names):
    page = look(f"{address}/worklist")
    institution = Path(names[0]).name.split("_")[1]
    choose(page, "Institution", institution)
    assert comes(page, lambda: is_at(page, "/worklist", where=f"institution~{institution}"))
    page.keyboard.press("Escape")
    press(settled(page), "button", "Clear all filters")
    assert comes(page, lambda: is_at(page, "/worklist", where=None))


def test_the_worklist_is_sorted(look, address):
    page = look(f"{address}/worklist")
    choose(page, "Sort by", "slices")
    assert comes(page, lambda: "sort=" in page.url)


def test_a_row_of_the_worklist_opens_its_case(look, address, names):
    page = look(f"{address}/worklist")
    rows(page, len(names))
    tab_to_table(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    assert comes(page, lambda: is_at(page, "/case"))


def test_the_worklist_is_downloaded(look, address):
    page = look(f"{address}/worklist")
    assert b"case" in downloads(page, "This table as CSV").read_bytes()


def test_slices_and_cases_are_stepped_through(case, names):
    case.keyboard.press("ArrowDown")
    drawn(case, slice=case_slice(case))
    case.keyboard.press("ArrowRight")
    drawn(case, case=names[1])
    press(case, "button", "Previous case")
    drawn(case, case=names[0])


def case_slice(page) -> str:
    return drawn(page)["slice"]


def test_the_mask_is_switched_off_and_the_sequence_changed(case):
    press(case, "button", "Off", "Space")
    assert comes(case, lambda: "mask=" in case.url)
    press(case, "button", "post-contrast", "Space")
    assert comes(case, lambda: "sequence=" in case.url)


def test_the_threshold_is_changed_at_its_slider(case):
    tab_to(case, "slider", "Threshold")
    case.keyboard.press("ArrowRight")
    assert comes(case, lambda: "threshold=" in case.url)


def test_the_measurements_are_opened(case):
    tab_to(case, "tab", "Layers")
    case.keyboard.press("ArrowRight")
    assert comes(case, lambda: focused(case).startswith('tab "Measure"'))
    case.get_by_role("tabpanel", name="Measure").wait_for(timeout=WAIT_MS)


def test_the_list_of_keys_is_opened_and_closed(case):
    case.keyboard.press("?")
    listed = case.get_by_role("dialog")
    listed.wait_for(timeout=WAIT_MS)
    case.keyboard.press("Escape")
    assert comes(case, lambda: not listed.is_visible())


def test_a_mask_is_reviewed_and_the_review_withdrawn(case):
    tab_to(case, "tab", "Layers")
    for _ in range(3):
        case.keyboard.press("ArrowRight")
    tab_to(case, "textbox", "Initials")
    case.keyboard.type("kb")
    case.keyboard.press("Tab")
    press(settled(case), "button", "Agree")
    says(case, "Saved as KB: agree")
    press(case, "button", "Withdraw review")
    assert comes(case, lambda: not case.get_by_text("Saved as KB: agree").count())


def test_another_model_is_chosen(look, address, tiny_model, names):
    page = look(f"{address}/case?case={names[0]}")
    drawn(page)
    choose(page, "Prediction", tiny_model.name)
    assert comes(page, lambda: is_at(page, "/case", model=tiny_model.name))
    assert comes(page, lambda: drawn(page).get("prediction") != "" and "Dice" in viewer_text(page))


def viewer_text(page) -> str:
    return page.evaluate(f"() => {VIEWER}.textContent")


def test_the_report_of_a_case_is_downloaded(case):
    tab_to(case, "tab", "Layers")
    case.keyboard.press("End")
    assert downloads(case, "Report (PDF)").read_bytes().startswith(b"%PDF")


def test_another_case_is_predicted(look, address, names):
    page = look(f"{address}/prediction")
    drawn(page)
    choose(page, "Case", names[2])
    drawn(page, case=names[2])


def test_a_finding_is_accepted(look, served, tiny_cohort):
    page = look(f"{served(tiny_cohort)}/checks?severity=warning")
    tab_to_table(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    tab_to(page, "textbox", "Reason")
    page.keyboard.type("on purpose")
    page.keyboard.press("Tab")
    press(settled(page), "button", "Accept")
    says(page, "1 finding is accepted")


def test_a_training_is_filled_in_started_and_stopped(look, address):
    page = look(f"{address}/training?view=Start")
    press(page, "button", "Quick preset")
    tab_to(settled(page), "textbox", "Name")
    page.keyboard.press("Control+a")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Tab")
    press(settled(page), "button", "Start the training")
    main = page.get_by_test_id("stMain")
    main.get_by_role("button", name="Stop").wait_for(timeout=TRAINS_WITHIN_MS)
    # Streamlit's own button of this name is before the content.
    press(settled(page), "link", "Skip to main content")
    press(page, "button", "Stop")
    main.get_by_role("button", name="Resume").wait_for(timeout=TRAINS_WITHIN_MS)


def test_the_next_step_of_the_tour_is_opened_and_its_code_downloaded(look, address):
    page = look(f"{address}/tour")
    press(page, "button", "Next step")
    assert comes(page, lambda: "step=" in page.url)
    assert b"import" in downloads(page, "All steps as a Python file").read_bytes()


def test_a_question_of_the_dataset_is_chosen_and_the_table_behind_a_chart_downloaded(look, address):
    page = look(f"{address}/dataset")
    tab_to(page, "radio", "What is here")
    page.keyboard.press("ArrowRight")
    if not comes(page, lambda: "section=" in page.url, FOLLOWS_WITHIN_MS):
        page.keyboard.press("Space")
    assert comes(page, lambda: "section=" in page.url)
    assert downloads(settled(page), "CSV").read_bytes()


def test_keys_of_one_letter_are_switched_off_on_every_page(look, address):
    page = look(f"{address}/tour")
    folded = page.locator("summary:focus", has_text="Keys")
    assert comes(page, lambda: folded.count() or page.keyboard.press("Tab"))
    page.keyboard.press("Enter")
    for _ in ("off", "on again"):
        tab_to(page, "checkbox", "Single-letter keys")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")  # a field with the focus takes its keys
        page.keyboard.press("j")
    arrives(page, "/tour", step="Count")


def test_the_theme_is_changed(look, address):
    page = look(f"{address}/worklist")
    press(page, "button", "Main menu")
    assert comes(page, lambda: focused(page).startswith('menuitemradio "System"'))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert comes(page, lambda: focused(page).startswith('menuitemradio "Dark"'))
    page.keyboard.press("Enter")
    assert comes(page, lambda: theme(page) == "dark")
