"""Whether the server can work, at ``/api/health``, and its figures for Prometheus, at ``/metrics``.

Health answers in words only. Counts of the cohort and names are given if ``BRAINSEG_METRICS`` is 1.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit import runtime

from brainseg import __version__
from brainseg.errors import BrainsegError
from brainseg.jobs import unfinished_jobs
from brainseg.models import open_model
from brainseg.storage import state_dir
from dashboard.server.event_log import COUNTS
from dashboard.server.guard import are_figures_open, base, refuse_figures
from dashboard.shared import keys
from dashboard.shared.budget import BUDGET
from dashboard.shared.cache_keys import last_change

LEAST_FREE_BYTES = 256 * 2**20
"""Of the disk of ``BRAINSEG_HOME``; below, saving a review or a checkpoint may fail."""

Samples = Sequence[tuple[Mapping[str, object], float]]
"""Labels and values of one figure."""

OK, OPENING, NONE, FAILED, LOW = "ok", "opening", "none", "failed", "low"


def routes() -> list[Route]:
    """Return the routes of health and figures."""
    return [Route(f"{base()}/api/health", health), Route(f"{base()}/metrics", metrics)]


def health(request: Request) -> Response:
    """Answer 200 if model, index and disk allow work, else 503."""
    model, named = _model()
    index, counts = _index()
    free = _free_bytes()
    disk = OK if free >= LEAST_FREE_BYTES else LOW
    works = not {FAILED, LOW} & {model, index, disk}
    content: dict[str, Any] = {"status": OK if works else FAILED, "version": __version__}
    content |= {"model": model, "index": index, "disk": disk}
    if are_figures_open():
        content["details"] = {"model": named, **counts, "free_bytes": free}
    return JSONResponse(content, 200 if works else 503, {"Cache-Control": "no-store"})


def metrics(request: Request) -> Response:
    """Answer with the figures of this process in Prometheus's text format 0.0.4."""
    if not are_figures_open():
        return refuse_figures()
    text = "".join(_family(*family) for family in _families())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _families() -> Iterable[tuple[str, str, str, Samples]]:
    """Yield name, type, help, and the samples of each figure."""
    process, jobs = psutil.Process(), unfinished_jobs()
    children = process.children(recursive=True)
    running = sum(job.running() for job in jobs)
    sessions = runtime.get_instance()._session_mgr.num_active_sessions()
    totals = COUNTS.totals()

    def gauge(name: str, what: str, value: float) -> tuple:
        return f"brainseg_{name}", "gauge", what, [({}, value)]

    yield "brainseg_info", "gauge", "Version of the program.", [({"version": __version__}, 1)]
    yield gauge("sessions", "Open pages.", sessions)
    yield gauge("cache_bytes", "Cases, predictions and uploads in memory.", BUDGET.used)
    yield gauge("memory_bytes", "Resident memory of the server.", process.memory_info().rss)
    yield gauge("workers", "Worker processes.", len(children))
    yield gauge("disk_free_bytes", "Free space of BRAINSEG_HOME.", _free_bytes())
    states = [({"state": "running"}, running), ({"state": "waiting"}, len(jobs) - running)]
    yield "brainseg_jobs", "gauge", "Jobs of worker processes.", states
    for name, value in _index()[1].items():
        yield gauge(f"cohort_{name}", f"{name.capitalize()} of the open cohort.", value)
    for event in sorted({one[0] for one in totals}):
        of = [one for one in totals if one[0] == event]
        number, seconds = [(one[1], one[2]) for one in of], [(one[1], one[3]) for one in of]
        what = event.replace("_", " ")
        yield f"brainseg_{event}s_total", "counter", f"Number of {what}s.", number
        yield f"brainseg_{event}_seconds_total", "counter", f"Seconds of all {what}s.", seconds


def _family(name: str, kind: str, what: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        words = ",".join(f'{key}="{word}"' for key, word in labels.items())
        lines.append(f"{name}{{{words}}} {value:.10g}" if words else f"{name} {value:.10g}")
    return "\n".join(lines) + "\n"


def _model() -> tuple[str, str | None]:
    try:
        return OK, open_model().name
    except BrainsegError:
        return FAILED, None


def _index() -> tuple[str, dict[str, int]]:
    """Return the state of the index, and the counts of an open one."""
    from dashboard.shared import cache  # before the server runs, Streamlit warns of its caches

    root = os.environ.get(keys.DATA_ENVIRONMENT)
    if not root:
        return NONE, {}
    result = cache.opening(root, last_change(root)).result
    if not result.done():
        return OPENING, {}
    if result.cancelled() or result.exception():
        return FAILED, {}
    cohort = result.result()
    return OK, {"cases": len(cohort.cases), "slices": len(cohort.slices)}


def _free_bytes() -> int:
    home = state_dir().absolute()
    existing: Path = next(one for one in (home, *home.parents) if one.exists())
    return shutil.disk_usage(existing).free
