"""What an installation is: complete, private, and without a top-level package of a common name."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.cohorts import CHECKOUT
from support.hostile_requests import HOSTILE, answer_of
from support.servers import server

SETTINGS = tomllib.loads((CHECKOUT / "dashboard/.streamlit/config.toml").read_text())
PRIVATE = {
    "server.address": "localhost",
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.headless": True,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableStaticServing": True,
    "server.maxUploadSize": 256,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
}
"""What Streamlit must answer, whatever a settings file of another project says."""

ANOTHER_PROJECTS_SETTINGS = """
[server]
address = "0.0.0.0"
allowedHosts = ["*"]
enableXsrfProtection = false
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
"""

STARTS_AND_ANSWERS = """
import json, runpy, sys
from streamlit import config
from streamlit.web import bootstrap

def answers(*_, **__):
    names = json.loads(sys.stdin.read())
    print(json.dumps({name: config.get_option(name) for name in names}))

bootstrap.run_asgi_app = answers
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Starts a module up to where Streamlit would serve, and prints the settings it would serve with."""


def settings_of(python: Path, folder: Path, *arguments: str) -> dict:
    """Return the settings of ``PRIVATE`` with which a module of ``python`` would serve from a folder."""
    run = subprocess.run(
        [python, "-c", STARTS_AND_ANSWERS, *arguments],
        cwd=folder,
        env=environment(folder),
        input=json.dumps(list(PRIVATE)),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


def environment(folder: Path) -> dict[str, str]:
    """Return an environment that leads to no checkout, with the user's folders inside of ``folder``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BRAINSEG_", "STREAMLIT_")) and name != "PYTHONPATH"
    }
    return kept | {"BRAINSEG_HOME": str(folder / "state"), "HOME": str(folder)}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_streamlit_itself_started_from_another_project_serves_privately(empty):
    (empty / ".streamlit").mkdir()
    (empty / ".streamlit" / "config.toml").write_text(ANOTHER_PROJECTS_SETTINGS)
    app = str(CHECKOUT / "dashboard" / "app.py")
    assert settings_of(Path(sys.executable), empty, "streamlit", "run", app) == PRIVATE


def test_a_person_may_serve_others_by_naming_the_host(empty):
    app = str(CHECKOUT / "dashboard" / "app.py")
    arguments = ("streamlit", "run", app, "--server.address=0.0.0.0")
    assert settings_of(Path(sys.executable), empty, *arguments)["server.address"] == "0.0.0.0"


def test_every_package_of_the_tree_is_in_the_wheel():
    setuptools = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {folder: name for name, folder in setuptools["package-dir"].items()}
    expected = set()
    for top in ("brainseg", "dashboard"):
        for init in (CHECKOUT / top).rglob("__init__.py"):
            package = ".".join(init.parent.relative_to(CHECKOUT).parts)
            expected.add(package.replace(top, folders.get(top, top), 1))
    assert set(setuptools["packages"]) == expected | {folders["models"]}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy: a build leaves folders behind."""
    source = tmp_path_factory.mktemp("source") / "brainseg"
    left_behind = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build")
    for name in ("brainseg", "dashboard", "models"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=left_behind)
    shutil.copytree(CHECKOUT / "dashboard/.streamlit", source / "dashboard/.streamlit")
    for name in ("pyproject.toml", "requirements-train.txt", "requirements-dev.txt"):
        shutil.copy(CHECKOUT / name, source)
    dest = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "-w", dest, source], check=True)
    return next(dest.glob("brainseg-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel and, read from here, its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    # A folder named in a .pth file is searched, but its own .pth files, such as an editable
    # installation of this checkout, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([*pip, *install], check=True, env=environment(folder))
    return python


@pytest.mark.slow
def test_a_wheel_holds_all_files_of_the_product_and_adds_one_package(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"brainseg"}
    expected = {
        place + file.relative_to(CHECKOUT / top).as_posix()
        for top, place in (
            ("brainseg", "brainseg/"),
            ("dashboard", "brainseg/_bundled/dashboard/"),
            ("models", "brainseg/_bundled/models/"),
        )
        for file in (CHECKOUT / top).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert set(names) == expected


@pytest.mark.slow
@pytest.mark.parametrize("start", ["brainseg", "streamlit"])
def test_an_installation_serves_privately_from_any_folder(installed, empty, sample_root, start):
    (empty / ".streamlit").mkdir()
    (empty / ".streamlit" / "config.toml").write_text(ANOTHER_PROJECTS_SETTINGS)
    if start == "brainseg":
        arguments = ["brainseg", "dashboard", str(sample_root)]
    else:
        where = "from brainseg.bundled import BUNDLED; print(BUNDLED / 'dashboard' / 'app.py')"
        asked = subprocess.run(
            [installed, "-c", where],
            cwd=empty,
            env=environment(empty),
            capture_output=True,
            text=True,
        )
        arguments = ["streamlit", "run", asked.stdout.strip()]
    assert settings_of(installed, empty, *arguments) == PRIVATE


@pytest.fixture
def dashboard(installed: Path, empty: Path, sample_root: Path) -> Iterator[tuple[str, int]]:
    """Return the address and the process id of an installed dashboard, started in an empty folder."""
    command = (installed, "-P", "-m", "brainseg", "dashboard", sample_root)
    named = {"PYTHONPATH": "", "BRAINSEG_HOME": str(empty / "state"), "HOME": str(empty)}
    started = server(empty.parent, None, command, "--port", named, cwd=empty)
    with started as (address, process):
        yield address, process.pid


@pytest.mark.slow
def test_an_installed_dashboard_listens_on_this_machine_alone_and_has_its_viewer(dashboard):
    address, pid = dashboard
    listens = {
        connection.laddr.ip
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listens and listens <= {"127.0.0.1", "::1"}
    for file in ("viewer/viewer.js", "viewer/viewer.css", "niivue/niivue.js"):
        with urllib.request.urlopen(f"{address}/app/static/{file}") as answer:
            assert answer.read() == (CHECKOUT / "dashboard/static" / file).read_bytes()


@pytest.mark.slow
def test_an_installed_dashboard_refuses_what_the_checkout_refuses(dashboard):
    port = int(dashboard[0].rpartition(":")[2])
    statuses = {one.name: (answer_of(port, one)[0], one.status) for one in HOSTILE}
    assert {name: pair for name, pair in statuses.items() if pair[0] != pair[1]} == {}


RUNS_EVERY_PAGE = """
import os, sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from brainseg.bundled import BUNDLED

folder = BUNDLED / "dashboard"
sys.path.insert(0, str(folder.parent))
app = AppTest.from_file(str(folder / "navigation.py"), default_timeout=200).run()
views = folder / "views"
for view in sorted([*views.glob("[a-z]*.py"), *views.glob("*/page.py")]):
    app.switch_page(view.relative_to(folder).as_posix()).run()
    assert not app.exception, (view, app.exception)
import dashboard
assert Path(dashboard.__file__).is_relative_to(sys.prefix), dashboard.__file__
sys.stderr.flush()
os._exit(0)
"""
"""Ends without a farewell: a page may still be opening a network in a thread, which aborts at exit."""


@pytest.mark.slow
def test_every_page_of_an_installation_opens_from_an_empty_folder(installed, empty, sample_root):
    run = subprocess.run(
        [installed, "-c", RUNS_EVERY_PAGE],
        cwd=empty,
        env=environment(empty) | {"BRAINSEG_DATA": str(sample_root)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]


@pytest.mark.slow
def test_an_installation_predicts_a_case_with_its_own_model(installed, empty, sample_root):
    case = next(folder for folder in sorted(sample_root.iterdir()) if folder.is_dir())
    program = installed.with_name("brainseg.exe" if os.name == "nt" else "brainseg")
    run = subprocess.run(
        [program, "predict", str(case), "--out", "predicted", "--fast", "--json"],
        cwd=empty,
        env=environment(empty),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert json.loads(run.stdout.splitlines()[0])["model"] == "lgg-unet"
    assert list((empty / "predicted").rglob("*.nii.gz"))
