"""Time and memory of the pages of a cohort whose index is very large, as a visitor asks for them.

Each page runs several times in one server, as AppTest runs it: all of the page's own work and the
messages to the browser, without the network and the drawing in the browser. The folder has no files, so
that pictures are missing, and so is the atlas, which would read each. The checks run first if their page
is measured; else they never end.
Usage: python benchmarks/large_pages.py INDEX.parquet [PAGE ...]
"""

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from support.measuring import CHECKOUT, machine

from brainseg.cohort import Cohort
from brainseg.cohort.saved_index import open_index
from brainseg.memory import return_freed_blocks
from brainseg.statistics import saved_tables

RUNS = 5
LONGEST_S = 3600
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "overview": ("overview", {}),
    "worklist": ("worklist", {}),
    "worklist, sorted": ("worklist", {"sort": "-tumour_vx"}),
    "worklist, filtered": ("worklist", {"where": "tumour_vx~1000..5000~~institution~CS"}),
    "worklist, searched": ("worklist", {"search": "0042"}),
    "dataset, what is here": ("dataset", {}),
    **{
        f"dataset, {section.lower()}": ("dataset", {"section": section})
        for section in ("How large", "Where", "Which shape", "How bright", "Compare")
    },
    "dataset, table of cases": ("dataset", {"section": "Tables", "level": "cases"}),
    "dataset, table of slices": ("dataset", {"section": "Tables"}),
    "dataset, filtered": ("dataset", {"where": "institution~CS"}),
    "checks": ("checks", {}),
    "checks, a kind": ("checks", {"kind": "mask_island", "severity": "all"}),
    "checks, worklist": ("worklist", {"sort": "-warnings"}),
}
"""The name of each measure: a page's address and the parameters in it."""


def opened(path: Path) -> Cohort:
    """Return the cohort of an index, its tables saved."""
    index, _ = open_index(path)
    assert index is not None
    cohort = Cohort(Path("/nowhere"), index, "0" * 32)
    saved_tables.save_tables(cohort)
    return cohort


def visit(page: str, asked: dict[str, str]) -> AppTest:
    """Return a page after its run."""
    app = AppTest.from_file(CHECKOUT / "dashboard" / "navigation.py", default_timeout=LONGEST_S)
    for key, value in asked.items():
        app.query_params[key] = value
    if page != "overview":
        app._page_hash = calc_hash(page)
    app.run()
    for one in app.exception:
        print(f"  {page}: {one.message}", flush=True)
    return app


def memory_mib(name: str) -> int:
    """Return a figure of this process: memory of its own, of mapped files, or the most of both."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) >> 10


def measure(path: Path, names: list[str]) -> None:
    """Print the times of each page, and the memory of the process after it."""
    return_freed_blocks()  # as the dashboard does
    from dashboard.shared import cache, source_code
    from dashboard.shared.background import Work

    os.environ["BRAINSEG_DATA"] = "/nowhere"
    source_code.is_local = lambda: True
    began = time.perf_counter()
    work = Work("opening", lambda _: opened(path))
    endless = Work("endless", lambda _: threading.Event().wait())
    cache.opening = lambda root, changed: work
    cache.atlas = lambda cohort: endless
    cache.atlas.clear = lambda cohort: None
    cohort = work.result.result()
    print(f"opened in {time.perf_counter() - began:.1f} s, {memory_mib('RssAnon')} MiB", flush=True)
    if any(name.startswith("checks") for name in names):
        began, used, most = time.perf_counter(), time.process_time(), 0
        checking = cache.checking(cohort).result
        while not checking.done():
            most = max(most, memory_mib("RssAnon"))
            time.sleep(0.05)
        took, used = time.perf_counter() - began, time.process_time() - used
        print(
            f"checks in {took:.1f} s, processor {used:.1f} s, {len(checking.result().findings):,} "
            f"findings, {memory_mib('RssAnon')} MiB, {most} at most",
            flush=True,
        )
    else:
        cache.checking = lambda cohort: endless
    for name in names:
        walls, used = [], []
        for _ in range(RUNS + 1):
            wall, processor = time.perf_counter(), time.process_time()
            visit(*PAGES[name])
            walls.append(time.perf_counter() - wall)
            used.append(time.process_time() - processor)
        of_95 = np.percentile(walls[1:], 95), np.percentile(used[1:], 95)
        print(
            f"{name:24} first {walls[0]:5.1f} s, processor {used[0]:5.1f} s; 95% within "
            f"{of_95[0]:5.2f} s, processor {of_95[1]:5.2f} s; {memory_mib('RssAnon'):,} MiB",
            flush=True,
        )


if __name__ == "__main__":
    print(machine(), flush=True)
    measure(Path(sys.argv[1]), sys.argv[2:] or list(PAGES))
    os._exit(0)  # the atlas never ends
