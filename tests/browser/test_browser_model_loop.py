"""From a fresh home to a model of one's own, in the browser alone: a small but real training."""

import pytest
from support.model_loop import go_round

from brainseg.models import open_model

pytestmark = pytest.mark.browser


@pytest.mark.timeout(900)
def test_a_user_trains_scores_compares_predicts_and_publishes_without_a_terminal(
    browser, served, taught_root, sample_root, tmp_path, monkeypatch
):
    address = served(taught_root, BRAINSEG_HOME=str(tmp_path))
    upload = next(path for path in sorted(sample_root.glob("*/*_9.tif")) if "mask" not in path.name)
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    try:
        steps = dict(go_round(page, address, upload, epochs=2, steps_per_epoch=4))
    finally:
        page.context.close()
    assert len(steps) == 7
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path))
    (fold,) = open_model("mine").folds
    assert fold.run.endswith("-quick-look")
    assert len(fold.trained_on) + len(fold.selected_on) + len(fold.held_out) == 10
