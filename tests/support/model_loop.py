"""The way from a cohort to a model of one's own in a browser, without a terminal."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from support.viewer import drawn

WAIT_MS = 600_000
"""Guards against a hang; a loaded machine needs minutes for an epoch."""

EPOCH = re.compile(r"Epoch \d+ of|epochs are done")
"""What the page of a run shows from its first epoch on; short epochs pass between two updates."""


def go_round(page, address: str, upload: Path, **settings: int) -> Iterator[tuple[str, float]]:
    """Train, watch, score, compare, predict a case and an upload, publish; yield steps and seconds.

    Args:
        page: an empty page of a browser.
        address: of a dashboard with a fresh home.
        upload: a file to predict.
        settings: changes to the quick preset: main settings that are numbers.
    """
    began = [time.monotonic()]

    def done(step: str) -> tuple[str, float]:
        began.append(time.monotonic())
        return step, began[-1] - began[-2]

    page.goto(f"{address}/training?view=Start")
    _click(page, "training_quick_look")
    _says(page, "name=quick-look")
    for name, value in settings.items():
        field = page.locator(f".st-key-setting_{name} input")
        field.fill(str(value), timeout=WAIT_MS)
        field.press("Enter")
        _says(page, f"{name}={value}")
    _click(page, "start_training_button")
    _says(page, EPOCH)
    yield done("start, first epoch")
    page.get_by_text("epochs are done").first.wait_for(timeout=WAIT_MS)
    yield done("watch until it has ended")
    page.locator(".st-key-score_run, .st-key-prepare_run").first.wait_for(timeout=WAIT_MS)
    run = page.url
    _click(page, "score_run")
    page.get_by_role("heading", name="Unseen cases").wait_for(timeout=WAIT_MS)
    page.get_by_text("Worst").first.wait_for(timeout=WAIT_MS)
    yield done("score")
    page.locator(
        ".st-key-score_default, [data-testid=stMetric]:has-text('lgg-unet')"
    ).first.wait_for(timeout=WAIT_MS)
    if page.locator(".st-key-score_default").count():
        _click(page, "score_default")
    page.locator("[data-testid=stMetric]:has-text('lgg-unet, same cases')").wait_for(
        timeout=WAIT_MS
    )
    page.get_by_role("link", name="Compare with lgg-unet").click(timeout=WAIT_MS)
    page.get_by_text("Mean difference").first.wait_for(timeout=WAIT_MS)
    yield done("compare with the shipped model")
    page.goto(run)
    page.get_by_role("link", name="Predict with it").click(timeout=WAIT_MS)
    page.get_by_role("heading", name="Prediction").wait_for(timeout=WAIT_MS)
    drawn(page)
    _says(page, "Held-out prediction")
    yield done("predict a case")
    page.get_by_text("own files", exact=True).first.click(timeout=WAIT_MS)
    page.locator("input[type=file]").first.set_input_files(upload, timeout=WAIT_MS)
    _says(page, "It is unknown whether this patient was in the training data")
    drawn(page)
    assert "quick-look" in page.url, "the upload is predicted by another model"
    yield done("predict an upload")
    page.goto(run)
    page.get_by_role("button", name="Publish").first.click(timeout=WAIT_MS)
    page.get_by_label("Model name").fill("mine", timeout=WAIT_MS)
    page.get_by_label("Model name").press("Enter")
    _click(page, "publish_run")
    page.get_by_text("Published as mine").first.wait_for(timeout=WAIT_MS)
    yield done("publish")


def _click(page, key: str) -> None:
    page.locator(f".st-key-{key} button").first.click(timeout=WAIT_MS)


def _says(page, text: str | re.Pattern) -> None:
    page.locator("[data-testid=stMain]").get_by_text(text).first.wait_for(timeout=WAIT_MS)
