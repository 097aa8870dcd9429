"""The viewer in a real browser: its share of the window, and the time from a key to the next case.

Usage: python benchmarks/viewer.py DATA [--steps N]

A reader looks at each case for some seconds, then presses the key for the next one, with and without a
prediction; with and without the preparation of the next cases. Packing a case is compared with its
slices as PNG.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from server import start
from support.measuring import CHECKOUT, MIB, machine

from brainseg.cohort import Cohort
from brainseg.exports import png_bytes
from brainseg.exports.payload import case_payload
from brainseg.inference.record import record_of
from brainseg.models import DEFAULT_MODEL

REPEATS = 3
READS_S = 1.5
"""How long the reader looks at a case before the next key."""

WAIT_MS = 120_000
SIZES = ((1440, 900), (1280, 720), (1024, 768), (1920, 1080))

VIEWER = """[...document.querySelectorAll('.st-key-viewer *')]
    .find(element => element.shadowRoot)?.shadowRoot.querySelector('.viewer')"""
SHOWN = f"name => {VIEWER}?.dataset.drawn === name"
SHARE = f"""() => {{
    const {{ left, right, top, bottom }} = {VIEWER}.querySelector('.stages').getBoundingClientRect();
    const width = Math.min(right, innerWidth) - left, height = Math.min(bottom, innerHeight) - top;
    return width * height / innerWidth / innerHeight;
}}"""


def packed(cohort: Cohort, name: str) -> tuple[float, int, float]:
    """Return the server's seconds for a case, the bytes sent, and the seconds for PNGs of it."""
    case = cohort.case(name)
    started = time.perf_counter()
    volume, (masks, has_mask) = case.volume(), case.masks()
    numbers = case.readable["slice_number"].tolist()
    content = case_payload(record_of(name, volume, numbers, masks, has_mask))
    ours = time.perf_counter() - started
    started = time.perf_counter()
    for plane in case.volume().pixels:
        png_bytes(plane)
    return ours, sum(map(len, content)), time.perf_counter() - started


@contextmanager
def dashboard(data: str, prepares: bool) -> Iterator[str]:
    """Serve a cohort, and yield the address."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"BRAINSEG_DATA": data, "BRAINSEG_HOME": home}
        process, address = start(
            CHECKOUT / "dashboard" / "app.py",
            environment | {"BRAINSEG_PREPARE": str(int(prepares))},
        )
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


def seconds_to(page: Page, case: str) -> float:
    """Return the seconds until a case is drawn."""
    started = time.perf_counter()
    page.wait_for_function(SHOWN, arg=case, timeout=WAIT_MS)
    return time.perf_counter() - started


def seconds_to_next(page: Page, address: str, cases: list[str], model: str) -> list[float]:
    """Return the seconds from the key to each case, after the first two."""
    page.goto(f"{address}/case?case={cases[0]}&model={model}")
    seconds = []
    for case in cases:
        seconds.append(seconds_to(page, case))
        time.sleep(READS_S)
        page.keyboard.press("ArrowRight")
    # The first is opened by its address; the model opens with it, and the second meets what that left.
    return seconds[2:]


def shares(chromium: Browser, address: str, case: str) -> Iterator[str]:
    """Yield the share of the window that the picture has, for each size."""
    for width, height in SIZES:
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.goto(f"{address}/case?case={case}")
        seconds_to(page, case)
        page.wait_for_timeout(2000)  # the page runs again once it knows the width of the window
        seconds_to(page, case)
        yield f"{width}x{height} {page.evaluate(SHARE):.0%}"
        page.close()


def words(seconds: list[float]) -> str:
    """Return the median and the 95th percentile."""
    last = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    return f"median {statistics.median(seconds):.2f} s, 95% {last:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--steps", type=int, default=20, help="cases per measure (default 20)")
    asked = parser.parse_args()
    cohort = Cohort.open(asked.data)
    by_slices = cohort.slices.groupby("case").size().sort_values(kind="stable")
    print(
        f"{machine()}, load {os.getloadavg()[0]:.1f}, drawn in software; {Path(asked.data).name}: "
        f"{len(cohort.cases)} cases of {by_slices.min()} to {by_slices.max()} slices"
    )
    for name in (by_slices.index[0], by_slices.index[-1]):
        ours, sent, pngs = min(packed(cohort, name) for _ in range(REPEATS))
        print(
            f"{by_slices[name]} slices: server {ours:.2f} s, {sent / MIB:.1f} MiB sent; "
            f"as PNG {pngs:.2f} s: {ours / pngs:.2f} x"
        )
    cases = cohort.cases[: asked.steps + 2]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        for prepares in (False, True):
            with dashboard(asked.data, prepares) as address:
                if not prepares:
                    print(f"picture: {', '.join(shares(chromium, address, cases[0]))}")
                for model in ("none", DEFAULT_MODEL):
                    page = chromium.new_page(viewport={"width": 1440, "height": 900})
                    seconds = seconds_to_next(page, address, cases, model)
                    page.close()
                    print(
                        f"next case {'without' if model == 'none' else 'with'} prediction, "
                        f"{'prepared' if prepares else 'not prepared'}: {words(seconds)} of "
                        f"{len(seconds)}, {READS_S:g} s after the one before"
                    )
        chromium.close()


if __name__ == "__main__":
    main()
