"""The case viewer: time from a click to the first picture, bytes sent, and the server's memory.

Usage: python benchmarks/viewer.py DATA

It is compared with the simplest way to show a case: its slices as PNG, one request each.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import psutil
from playwright.sync_api import Page, sync_playwright
from server import start
from support.measuring import CHECKOUT, MIB, machine

from brainseg.cohort import Cohort
from brainseg.exports import png_bytes
from brainseg.exports.payload import case_payload
from brainseg.inference.record import record_of

REPEATS = 3
SHOWN = """name => {
    const viewer = [...document.querySelectorAll('.st-key-viewer *')]
        .find(element => element.shadowRoot)?.shadowRoot.querySelector('.viewer');
    return viewer?.dataset.drawn === name;
}"""


def seconds_to_picture(page: Page, address: str, case: str) -> float:
    """Return the seconds from opening a case's address to its first picture."""
    started = time.perf_counter()
    page.goto(f"{address}/case?case={case}")
    page.wait_for_function(SHOWN, arg=case, timeout=60_000)
    return time.perf_counter() - started


def neighbour(names: list[str], name: str) -> tuple[str, str]:
    """Return the case next to another, and the key that opens the other from it."""
    place = names.index(name)
    return (names[place - 1], "ArrowRight") if place else (names[1], "ArrowLeft")


def seconds_to_next(page: Page, after: str, key: str = "ArrowRight") -> float:
    """Return the seconds from the key for the next case to that case's first picture."""
    started = time.perf_counter()
    page.keyboard.press(key)
    page.wait_for_function(SHOWN, arg=after, timeout=60_000)
    return time.perf_counter() - started


def memory_mib(process: subprocess.Popen) -> float:
    """Return the resident memory of a process, MiB."""
    return psutil.Process(process.pid).memory_info().rss / MIB


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
    return ours, len(content), time.perf_counter() - started


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sizes = Cohort.open(sys.argv[1])
    by_slices = sizes.slices.groupby("case").size().sort_values(kind="stable")
    print(f"{machine()}, drawn in software")
    for name in (by_slices.index[0], by_slices.index[-1]):
        ours, sent, pngs = min(packed(sizes, name) for _ in range(REPEATS))
        print(
            f"{by_slices[name]} slices: server {ours:.2f} s, {sent / MIB:.1f} MiB sent; "
            f"as PNG {pngs:.2f} s: {ours / pngs:.2f} x"
        )
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        app = CHECKOUT / "dashboard" / "app.py"
        environment = os.environ | {"BRAINSEG_DATA": sys.argv[1], "BRAINSEG_HOME": scratch}
        process, address = start(app, environment)
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        try:
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            seconds_to_picture(page, address, sizes.cases[0])  # indexes, and fills the caches
            for name in (by_slices.index[0], by_slices.index[-1]):
                before, key = neighbour(sizes.cases, name)
                steps = []
                for _ in range(REPEATS):
                    seconds_to_picture(page, address, before)
                    steps.append(seconds_to_next(page, name, key))
                opened = min(seconds_to_picture(page, address, name) for _ in range(REPEATS))
                print(
                    f"{by_slices[name]} slices: first picture {steps[0]:.2f} s after the key that "
                    f"opens it, {min(steps[1:]):.2f} s if the server still has the case in memory, "
                    f"{opened:.2f} s after its address in a fresh page"
                )
            seconds_to_picture(page, address, sizes.cases[0])
            memory = [memory_mib(process)]
            for name in sizes.cases[1:]:
                seconds_to_next(page, name)
                memory.append(memory_mib(process))
            third = len(memory) // 3
            print(
                f"server's memory over {len(memory)} cases, one after the other: {memory[0]:.0f} MiB at "
                f"the first, at most {max(memory[:third]):.0f}, {max(memory[third:-third]):.0f} and "
                f"{max(memory[-third:]):.0f} MiB in each third"
            )
        finally:
            chromium.close()
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
