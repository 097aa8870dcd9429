"""What the tests share: small cohorts on disk, the real one where it is there, a server, a browser.

`CI=true` or `BRAINSEG_REQUIRE_ALL=1` turns a browser that is missing from a skip into a failure, so
that a green run on a build machine means that everything ran.
"""

import gc
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything imports TensorFlow

import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile

if TYPE_CHECKING:
    from brainseg.cohort import Cohort

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("CI") == "true" or os.environ.get("BRAINSEG_REQUIRE_ALL") == "1"
SERVER_STARTS_WITHIN_S = 90

SIDE_PX = 64
FIRST, FLAIR_REPEATED, OTHER_SITE = (
    "TCGA_XX_0001_20000101",
    "TCGA_XX_0002_20000102",
    "TCGA_YY_0003_20000103",
)
"""The cases of ``tiny_cohort``."""


def head(seed: int, height: int = SIDE_PX, width: int = SIDE_PX) -> np.ndarray:
    """Return (h, w, 3) uint8: a bright ellipse with texture on black, unlike in each sequence."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    inside = (rows**2 + columns**2 < 0.8)[..., np.newaxis]
    texture = np.random.default_rng(seed).integers(60, 200, (height, width, 3))
    return (texture * inside).astype(np.uint8)


def blob(
    top: int, left: int, side: int = 10, height: int = SIDE_PX, width: int = SIDE_PX
) -> np.ndarray:
    """Return an (h, w) uint8 mask of 0 with a square of 255."""
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def write_pair(
    folder: Path,
    case: str,
    number: int | str,
    image: np.ndarray | None,
    mask: np.ndarray | None,
    **tiff: object,
) -> Path:
    """Write one slice as LGG names it and return the image's path; None leaves that file out.

    Args:
        folder: the case's own folder, or any other.
        case: the beginning of the file names.
        number: what follows it.
        image: (h, w, 3) or whatever the test is about.
        mask: (h, w) or whatever the test is about.
        **tiff: for ``tifffile.imwrite``, such as ``compression``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case}_{number}.tif"
    for file, pixels in ((path, image), (folder / f"{case}_{number}_mask.tif", mask)):
        if pixels is not None:
            tifffile.imwrite(file, pixels, **tiff)
    return path


def write_tiny_cohort(root: Path) -> Path:
    """Write the cohort that ``tiny_cohort`` names and return its folder."""
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for number, mask in ((1, blob(20, 20)), (2, blob(22, 22, 12)), (10, empty)):
        write_pair(root / FIRST, FIRST, number, head(number), mask)
    for number in (1, 2, 3):
        image = head(20 + number)
        image[..., 2] = image[..., 1]
        mask = blob(30, 16, 8) if number == 2 else empty
        write_pair(root / FLAIR_REPEATED, FLAIR_REPEATED, number, image, mask)
    for number in (1, 2):
        write_pair(root / OTHER_SITE, OTHER_SITE, number, head(30 + number), blob(12, 30, 6))
    patients = pd.DataFrame(
        {
            "Patient": ["TCGA_XX_0001", "TCGA_XX_0002", "TCGA_YY_0003"],
            "neoplasm_histologic_grade": [1, None, 2],
            "age_at_initial_pathologic": [67, 44, 37],
        }
    )
    patients.to_csv(root / "data.csv", index=False)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a state folder of its own, so that none meets another's or the user's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BRAINSEG_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="module")
def light_garbage() -> None:
    """Take what earlier modules left out of the collector's sight.

    Streamlit collects garbage after every run of a page, and after a training's hundreds of thousands
    of objects that takes longer than the page.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def tiny_cohort(tmp_path: Path) -> Path:
    """Return a fresh cohort of three cases in the LGG layout, which the test may change.

    ``FIRST`` has the slices 1, 2 and 10 of 64 x 64 px, slice 10 with an empty mask;
    ``FLAIR_REPEATED`` shows FLAIR in place of post-contrast; ``OTHER_SITE`` is of another
    institution; ``data.csv`` has a gap.
    """
    return write_tiny_cohort(tmp_path / "tiny")


@pytest.fixture(scope="session")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the synthetic sample cohort of two cases, written once: do not change it."""
    from brainseg.sample import write_sample

    return write_sample(tmp_path_factory.mktemp("sample") / "cohort", cases=2)


@pytest.fixture(scope="session")
def real_root() -> Path:
    """Return the real LGG cohort's folder, named by ``BRAINSEG_TEST_LGG``: never write to it."""
    named = os.environ.get("BRAINSEG_TEST_LGG")
    if not named:
        pytest.skip("BRAINSEG_TEST_LGG does not name the real LGG cohort")
    if not Path(named).is_dir():
        pytest.fail(f"BRAINSEG_TEST_LGG is {named}, which is no folder")
    return Path(named)


QUIET_CHROMIUM = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Return a headless Chromium (a Playwright ``Browser``); open a new context for each test."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _skip_or_fail("playwright is not installed")
    found = _chromium()
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=found,
                # WebGL in software: there is no graphics processor where tests run.
                args=[*QUIET_CHROMIUM, "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
            )
        except Error as error:
            _skip_or_fail(f"no Chromium could be started: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture
def browser_without_webgl(browser) -> Iterator:
    """Return a second Chromium, one that offers no WebGL."""
    chromium = browser.browser_type.launch(
        executable_path=_chromium(), args=[*QUIET_CHROMIUM, "--disable-gpu", "--disable-3d-apis"]
    )
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Return served(data, **environment) -> the address of a dashboard that shows that folder.

    The same arguments give the same server again; each server has a ``BRAINSEG_HOME`` of its own
    unless the environment names one. All of them end with the session.
    """
    servers: dict[tuple, tuple[str, subprocess.Popen]] = {}

    def serve(data: Path | None, **environment: str) -> str:
        key = (data, *sorted(environment.items()))
        if key not in servers:
            servers[key] = _start_server(data, tmp_path_factory.mktemp("served"), environment)
        return servers[key][0]

    yield serve
    for _, process in servers.values():
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start_server(
    data: Path | None, folder: Path, environment: dict[str, str]
) -> tuple[str, subprocess.Popen]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shown = {key: value for key, value in os.environ.items() if key != "BRAINSEG_DATA"}
    shown |= {"BRAINSEG_HOME": str(folder / "home"), **environment}
    if data is not None:
        shown["BRAINSEG_DATA"] = str(data)
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=shown, stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://localhost:{port}"
    deadline = time.monotonic() + SERVER_STARTS_WITHIN_S
    while not is_healthy(address):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the dashboard did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.2)
    return address, process


def is_healthy(address: str) -> bool:
    """Return whether the dashboard at an address answers."""
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _skip_or_fail(reason: str) -> None:
    """Skip, or fail where everything is required to run."""
    if REQUIRE_ALL:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    """Run the tiny trainings of a module without compiling, in its processes, too.

    Tracing a graph takes nine tenths of a tiny training. A test that is about the graph asks for
    ``compiled``; so does one test, at least, of each file that trains.
    """
    from brainseg.training.devices import EAGER_ENVIRONMENT

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(EAGER_ENVIRONMENT, "1")
        yield


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the trainings of one test in a module that is otherwise ``eager``."""
    from brainseg.training.devices import EAGER_ENVIRONMENT

    monkeypatch.delenv(EAGER_ENVIRONMENT, raising=False)


def write_taught_cohort(root: Path) -> Path:
    """Write the cohort that ``tiny_model`` was trained on and return its folder."""
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for patient in range(1, 11):
        case = f"TCGA_{'TT' if patient <= 6 else 'UU'}_{1000 + patient}_20000101"
        for number in range(1, 6):
            image = head(100 * patient + number)
            square = blob(16 + patient, 12 + 2 * patient, 8 + patient // 2)
            mask = square if number in (2, 3, 4) else empty
            image[..., 1] = np.where(mask, 250, image[..., 1])
            write_pair(root / case, case, number, image, mask)
    return root


@pytest.fixture(scope="session")
def taught_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cohort that ``tiny_model`` was trained on, written once: do not change it.

    Ten cases of five slices of 64 x 64 px; the slices 2, 3 and 4 show a square that is bright on
    FLAIR. Half of the cases are held out. No patient of ``tiny_cohort`` is among them.
    """
    return write_taught_cohort(tmp_path_factory.mktemp("taught") / "cohort")


@pytest.fixture(scope="session")
def tiny_run(taught_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished training on ``taught_root``: do not change it.

    It was trained once, by ``support/make_tiny_model.py``.
    """
    from support.make_tiny_model import RUN

    from brainseg.cohort import Cohort
    from brainseg.training.runs import Run

    run = Run(Path(shutil.copytree(RUN, tmp_path_factory.mktemp("tiny_runs") / "tiny")))
    run.set_config(run.config() | {"data": str(taught_root)})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("tiny_home")))
        run.add_about(data=run.about()["data"] | {"identity": Cohort.open(taught_root).identity})
    return run.path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of one fold, published from ``tiny_run``: do not change it.

    Name it in ``BRAINSEG_MODEL``, or pass its text to ``open_model``.
    """
    from support.make_tiny_model import MODEL

    return Path(shutil.copytree(MODEL, tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def taught(taught_root: Path) -> "Cohort":
    """Return the cohort that ``tiny_model`` learned from, opened."""
    from brainseg.cohort import Cohort

    return Cohort.open(taught_root)


@pytest.fixture(scope="session")
def other_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that differs from ``tiny_model``: its threshold is far too high."""
    folder = tmp_path_factory.mktemp("others") / "cautious"
    shutil.copytree(tiny_model, folder)
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    for fold in facts["folds"]:
        fold["threshold"] = 0.99
    manifest.write_text(json.dumps(facts))
    return folder


@pytest.fixture
def scoring_ends() -> Iterator[None]:
    """End the scoring in the background that a test has left running."""
    from brainseg.evaluation import background

    yield
    if scoring := background.running():
        scoring.stop()
        scoring.join(60)
    background.forget()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Return an event that the scoring of each case waits for."""
    from brainseg.evaluation import scoring

    event, score_case = threading.Event(), scoring.score_case

    def waits(case: object, model: object) -> object:
        assert event.wait(60)
        return score_case(case, model)

    monkeypatch.setattr(scoring, "score_case", waits)
    yield event
    event.set()
