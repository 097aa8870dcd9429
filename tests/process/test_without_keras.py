"""Without the extra `train`: everything but training works, and training says what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cohorts import CHECKOUT

HIDES_THE_EXTRA = """
import sys
for name in ("tensorflow", "keras", "tensorboard"):
    sys.modules[name] = None
"""
HOW_TO_ADD_IT = "pip install 'brainseg[train]'"

RUNS_THE_VERBS = """
import sys
from brainseg.__main__ import main
cohort, case, out = sys.argv[1:]
for words in (["index", cohort], ["check", cohort], ["evaluate", cohort],
              ["predict", case, "--out", out, "--fast", "--formats", "csv"]):
    assert main(words) == 0, words
"""

OPENS_EVERY_PAGE = """
import os, sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=120).run()
for page in sys.argv[2:]:
    app.query_params["view"] = "Start"
    app.switch_page(page).run()
    assert not app.exception, (page, app.exception)
    if "training" in page:
        assert any("brainseg[train]" in info.value for info in app.info), app.info
        assert app.button(key="start_training_button").disabled
sys.stderr.flush()
os._exit(0)  # a thread may still be opening a network, which aborts at a normal exit
"""

READS_A_LOG = """
import sys
from pathlib import Path
from brainseg.monitoring.tensorboard import TensorBoardReader
print(*TensorBoardReader(Path(sys.argv[1]), "log").read(wait=True).notes)
"""


@pytest.fixture
def run(tmp_path: Path, home: Path):
    """Return run(*words) -> what a Python without TensorFlow, Keras and TensorBoard did."""
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "sitecustomize.py").write_text(HIDES_THE_EXTRA)
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"BRAINSEG_HOME": str(home), "PYTHONPATH": f"{hiding}{os.pathsep}{CHECKOUT}"}

    def run(*words: object, **more: str) -> subprocess.CompletedProcess:
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command, env=environment | more, cwd=tmp_path, capture_output=True, text=True
        )

    return run


def test_training_says_in_one_sentence_what_to_install_and_leaves_no_run(run, tiny_cohort, home):
    done = run("-m", "brainseg", "train", tiny_cohort, "--set", "folds=3")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert HOW_TO_ADD_IT in done.stderr
    assert not list(home.rglob("config.json"))


def test_a_cohort_is_indexed_checked_evaluated_and_predicted(run, sample_root, tmp_path):
    case = next(folder for folder in sorted(sample_root.iterdir()) if folder.is_dir())
    done = run("-c", RUNS_THE_VERBS, sample_root, case, tmp_path / "out")
    assert done.returncode == 0, done.stderr[-2000:]
    assert list((tmp_path / "out").rglob("*.csv"))


def test_every_page_opens_and_the_training_page_says_what_to_install(run, tiny_cohort):
    dashboard = CHECKOUT / "dashboard"
    pages = [
        path.relative_to(dashboard).as_posix()
        for pattern in ("views/[a-z]*.py", "views/*/page.py")
        for path in sorted(dashboard.glob(pattern))
    ]
    app = dashboard / "navigation.py"
    done = run("-c", OPENS_EVERY_PAGE, app, *pages, BRAINSEG_DATA=str(tiny_cohort))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_a_tensorboard_log_says_which_package_reads_it(run, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    (log / "events.out.tfevents.1.host").write_bytes(b"")
    done = run("-c", READS_A_LOG, log)
    assert "cannot be read without the package tensorboard" in done.stdout, done.stderr
    assert HOW_TO_ADD_IT in done.stdout
