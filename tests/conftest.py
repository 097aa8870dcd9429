"""What the tests share: small cohorts on disk, the real one where it is there, a server, a browser.

`CI=true` or `BRAINSEG_REQUIRE_ALL=1` turns a browser that is missing from a skip into a failure, so
that a green run on a build machine means that everything ran.
"""

import gc
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything imports TensorFlow

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cohorts import REQUIRE_ALL, write_taught_cohort, write_tiny_cohort
from support.servers import server

if TYPE_CHECKING:
    from brainseg.cohort import Cohort


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


@pytest.fixture(scope="session")
def real_cohort(real_root: Path, tmp_path_factory: pytest.TempPathFactory) -> "Cohort":
    """Return the real LGG cohort, indexed once: do not change it."""
    from brainseg.cohort import Cohort

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("real_home")))
        return Cohort.open(real_root)


QUIET_CHROMIUM = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the tests of the real cohort, and run one in a browser once more where it fails.

    The summary lists what ran again as RERUN. On a loaded machine a browser may lose a key or a click
    while a page is drawn. A fault of the product fails twice.
    """
    for item in items:
        if "real_root" in item.fixturenames:
            item.add_marker(pytest.mark.real_data)
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Return a headless Chromium (a Playwright ``Browser``); open a new context for each test."""
    try:
        from playwright.sync_api import Error, expect, sync_playwright
    except ImportError:
        _skip_or_fail("playwright is not installed")
    from support.browsing import WAIT_MS

    expect.set_options(timeout=WAIT_MS)
    found = _chromium()
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=found,
                # There is no graphics processor where tests run: WebGL in software, and only WebGL,
                # because composing pages on it takes as much time as all else that a page does.
                args=[
                    *QUIET_CHROMIUM,
                    "--disable-gpu-compositing",
                    "--use-angle=swiftshader",
                    "--enable-unsafe-swiftshader",
                ],
            )
        except Error as error:
            _skip_or_fail(f"no Chromium could be started: {str(error).splitlines()[0]}")
        chromium.on("context", lambda context: context.set_default_timeout(WAIT_MS))
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Return served(data, **environment) -> the address of a dashboard that shows that folder.

    The same arguments give the same server again; each server has a ``BRAINSEG_HOME`` of its own
    unless the environment names one. All of them end with the module, because each takes hundreds of
    MiB with its workers.
    """
    servers: dict[tuple, str] = {}
    with ExitStack() as running:

        def serve(data: Path | None, **environment: str) -> str:
            key = (data, *sorted(environment.items()))
            if key not in servers:
                started = server(tmp_path_factory.mktemp("served"), data, environment=environment)
                servers[key] = running.enter_context(started)[0]
            return servers[key]

        yield serve


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
def scoring_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start no scoring unasked, and end the one in the background that a test has left running."""
    from brainseg.evaluation import background

    monkeypatch.setattr(background, "STARTS_UNASKED_S", -1.0)
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
