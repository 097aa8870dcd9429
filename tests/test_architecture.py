"""The walls of the house: who may import whom, what stays out of a page that needs no model."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
CORE = sorted((CHECKOUT / "brainseg").rglob("*.py"))
DASHBOARD = sorted((CHECKOUT / "dashboard").rglob("*.py"))
VIEWS = sorted((CHECKOUT / "dashboard" / "views").glob("[a-z]*.py"))
NEEDS_A_MODEL = {"prediction"}

NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def is_cache(node: ast.AST) -> bool:
    call = node.func if isinstance(node, ast.Call) else node
    attribute = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
    return attribute in ("cache_data", "cache_resource")


def public_functions(path: Path) -> list[tuple[str, ast.FunctionDef]]:
    """Return the functions of a module, and the methods of its public classes, without a leading _."""
    found = []
    for node in tree(path).body:
        holders = [(node, "")]
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            holders = [(method, f"{node.name}.") for method in node.body]
        for holder, prefix in holders:
            is_function = isinstance(holder, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and not holder.name.startswith("_"):
                found.append((f"{named(path)}: {prefix}{holder.name}", holder))
    return found


def untyped(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    missing = [a.arg for a in every if a.annotation is None and a.arg not in ("self", "cls")]
    return missing + ([] if function.returns else ["return"])


def test_the_core_never_imports_streamlit_nor_the_dashboard():
    outside = {"streamlit", "dashboard"}
    wrong = [named(p) for p in CORE if outside & {name.split(".")[0] for name in imported(p)}]
    assert wrong == []


def test_no_view_imports_another():
    wrong = [
        named(path)
        for path in VIEWS
        if any(name.startswith("dashboard.views") for name in imported(path))
    ]
    assert wrong == []


def test_charts_know_no_streamlit():
    charts = [path for path in DASHBOARD if "charts" in path.stem]
    assert charts
    assert [named(p) for p in charts if "streamlit" in imported(p)] == []


def test_caches_stand_in_data_py_alone():
    wrong = [
        f"{named(path)}: {function.name}"
        for path in [*CORE, *DASHBOARD]
        if path.name != "data.py"
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef) and any(map(is_cache, function.decorator_list))
    ]
    assert wrong == []


def test_every_cache_is_bounded():
    cached = [
        (function.name, decorator)
        for function in ast.walk(tree(CHECKOUT / "dashboard" / "data.py"))
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if is_cache(decorator)
    ]
    assert cached
    unbounded = [
        name
        for name, decorator in cached
        if not isinstance(decorator, ast.Call)
        or "max_entries" not in {keyword.arg for keyword in decorator.keywords}
    ]
    assert unbounded == []


def test_no_page_is_built_from_html_strings():
    wrong = [
        named(path)
        for path in DASHBOARD
        if any(
            (isinstance(node, ast.keyword) and node.arg == "unsafe_allow_html")
            or (isinstance(node, ast.Attribute) and node.attr in ("html", "iframe"))
            for node in ast.walk(tree(path))
        )
    ]
    assert wrong == []


def test_no_file_has_a_name_that_says_nothing():
    files = [*CORE, *DASHBOARD, *(CHECKOUT / "tests").glob("*.py")]
    assert [named(path) for path in files if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_every_public_function_of_the_core_has_a_docstring():
    functions = [item for path in CORE for item in public_functions(path)]
    assert [name for name, function in functions if not ast.get_docstring(function)] == []


def test_every_public_function_of_the_core_has_type_hints():
    functions = [item for path in CORE for item in public_functions(path)]
    wrong = {name: gaps for name, function in functions if (gaps := untyped(function))}
    assert wrong == {}


def test_the_core_catches_what_it_names():
    wrong = [
        f"{named(path)}:{node.lineno}"
        for path in [*CORE, *DASHBOARD]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert wrong == []


RUNS_EVERY_PAGE_WITHOUT_A_MODEL = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file(sys.argv[1], default_timeout=120).run()
for page in sys.argv[2:]:
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception, (page, app.exception)
    heavy = {"tensorflow", "keras", "torch", "nilearn"} & set(sys.modules)
    assert not heavy, (page, heavy)
import brainseg.__main__
heavy = {"tensorflow", "keras", "torch", "nilearn"} & set(sys.modules)
assert not heavy, ("brainseg.__main__", heavy)
"""


@pytest.mark.parametrize("with_data", [True, False])
def test_the_pages_that_need_no_model_open_without_tensorflow(tiny_cohort, home, with_data):
    pages = [view.stem for view in VIEWS if view.stem not in NEEDS_A_MODEL]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BRAINSEG_")}
    environment["BRAINSEG_HOME"] = str(home)
    if with_data:
        environment["BRAINSEG_DATA"] = str(tiny_cohort)
    app = str(CHECKOUT / "dashboard" / "app.py")
    command = [sys.executable, "-c", RUNS_EVERY_PAGE_WITHOUT_A_MODEL, app, *pages]
    run = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
