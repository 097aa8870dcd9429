"""The documentation names every verb, setting, check, environment variable and key."""

import re
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from brainseg.__main__ import build_parser
from brainseg.training import TrainingConfig

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_verb_has_an_example():
    verbs = next(action for action in build_parser()._actions if action.choices)
    missing = [
        verb for verb in verbs.choices if f"`brainseg {verb} " not in page("command-line.md")
    ]
    assert missing == []


def test_every_training_setting_is_documented():
    text = page("training.md")
    assert [f.name for f in fields(TrainingConfig) if f"`{f.name}`" not in text] == []


def test_the_page_of_checks_is_written_from_the_checks():
    written = runpy.run_path(str(ROOT / "tools" / "write_check_reference.py"))["check_reference"]()
    assert page("checks.md") == written


def test_every_environment_variable_is_documented():
    sources = [*(ROOT / "brainseg").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]
    named = {
        v for p in sources for v in re.findall(r"\b(BRAINSEG_[A-Z_]+)\b", p.read_text("utf-8"))
    }
    public = {name for name in named if not name.startswith("BRAINSEG_TEST")}
    assert [name for name in sorted(public) if f"`{name}`" not in page("command-line.md")] == []


def test_every_key_of_the_viewer_is_documented():
    script = (ROOT / "dashboard" / "static" / "viewer" / "keys.js").read_text("utf-8")
    keys = re.findall(r'^\s+\["([^"]+)", "', script, re.M)
    assert len(keys) > 10
    assert [key for key in keys if f"| {key} |" not in page("user-guide.md")] == []


def test_every_page_of_the_documentation_is_in_its_menu():
    menu = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert [path.name for path in DOCS.glob("*.md") if path.name not in menu] == []


def test_the_documentation_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "open_cohort" in (tmp_path / "python-api" / "index.html").read_text("utf-8")
