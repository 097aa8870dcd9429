"""The walls of the house: who may import whom, what stays out of a page that needs no model."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CORE = sorted((CHECKOUT / "brainseg").rglob("*.py"))
DASHBOARD = sorted((CHECKOUT / "dashboard").rglob("*.py"))
PAGES = {
    path.parent.name if path.stem == "page" else path.stem: path
    for path in [
        *(CHECKOUT / "dashboard" / "views").glob("[a-z]*.py"),
        *(CHECKOUT / "dashboard" / "views").glob("*/page.py"),
    ]
}
"""Each page by its address, with its script."""

LAYERS = (
    (
        "errors",
        "volume",
        "timing",
        "backends",
        "jobs",
        "events",
        "people",
        "roles",
        "executors",
        "notebook",
        "bundled",
        "launching",
        "memory",
        "storage",
        "imaging",
        "preprocessing",
    ),
    ("io", "metrics", "sample"),
    ("cohort",),
    ("models",),
    ("reviews",),
    ("statistics", "training", "inference"),
    ("monitoring", "evaluation", "exports"),
    ("checks", "batch", "serving"),
    ("worklist",),
    ("plotting",),
    ("api",),
    ("verbs",),
    ("command_line",),
    ("__main__",),
)
"""The packages and modules of the core from the bottom to the top: each imports from lower rows only."""
NEEDS_A_MODEL = {"prediction"}


def module_of(path: Path) -> str:
    """Return the dotted name of a file's module."""
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in [*CORE, *DASHBOARD]}

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


def imported_at_run_time(path: Path) -> set[str]:
    """Return the dotted names that a file imports, those for type checkers left out."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= below if below & MODULES == below else below | {node.module}
        else:
            waiting += ast.iter_child_nodes(node)
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


def test_every_package_of_the_core_stands_in_a_layer():
    named_layers = {name for row in LAYERS for name in row}
    found = {path.relative_to(CHECKOUT / "brainseg").parts[0].removesuffix(".py") for path in CORE}
    assert found - {"__init__"} == named_layers


def test_no_package_of_the_core_imports_from_its_own_layer_or_above():
    level = {name: number for number, row in enumerate(LAYERS) for name in row}
    wrong = []
    for path in CORE:
        own = path.relative_to(CHECKOUT / "brainseg").parts[0].removesuffix(".py")
        for name in imported(path):
            parts = name.split(".")
            if own == "__init__" or parts[0] != "brainseg" or len(parts) < 2 or parts[1] == own:
                continue
            if parts[1] in level and level[parts[1]] >= level[own] > 0:
                wrong.append(f"{named(path)} imports {name}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    modules = {module_of(path): path for path in [*CORE, *DASHBOARD]}
    arrows = {
        name: imported_at_run_time(path) & modules.keys() - {name} for name, path in modules.items()
    }
    circles = []
    while arrows:
        leaves = {name for name, targets in arrows.items() if not targets & arrows.keys()}
        if not leaves:
            circles = sorted(arrows)
            break
        arrows = {name: targets for name, targets in arrows.items() if name not in leaves}
    assert circles == []


def test_no_page_imports_another():
    wrong = []
    for path in DASHBOARD:
        parts = path.relative_to(CHECKOUT / "dashboard").parts
        own = ".".join(("dashboard", *parts[:2])).removesuffix(".py")
        for name in imported(path):
            other = name.startswith("dashboard.views.") and not f"{name}.".startswith(f"{own}.")
            if other and (parts[0] == "views" or parts[0] == "shared"):
                wrong.append(f"{named(path)} imports {name}")
    assert wrong == []


def test_figures_need_no_streamlit():
    figures = [path for path in CORE if path.parent.name == "plotting"]
    assert len(figures) > 3
    assert [named(p) for p in figures if "streamlit" in imported(p)] == []


def test_caches_stand_in_one_module():
    wrong = [
        f"{named(path)}: {function.name}"
        for path in [*CORE, *DASHBOARD]
        if named(path) != "dashboard/shared/cache.py"
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef) and any(map(is_cache, function.decorator_list))
    ]
    assert wrong == []


def test_every_cache_is_bounded():
    cached = [
        (function.name, decorator)
        for function in ast.walk(tree(CHECKOUT / "dashboard" / "shared" / "cache.py"))
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
    def writes_html(node: ast.AST) -> bool:
        if isinstance(node, ast.keyword):
            return node.arg == "unsafe_allow_html"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return False
        # A style sheet is a file of its own, which st.html takes by its path.
        sheet = [ast.unparse(argument) for argument in node.args] in (["STYLE"], ["STYLE_OF_PAGES"])
        return node.func.attr == "iframe" or (node.func.attr == "html" and not sheet)

    wrong = [named(path) for path in DASHBOARD if any(map(writes_html, ast.walk(tree(path))))]
    assert wrong == []


def names_of(module: str) -> set[str]:
    """Return the names that a module of this checkout has at its top level, its submodules included."""
    folder = CHECKOUT / Path(*module.split("."))
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    if not path.exists():
        return set()
    found = {child.stem for child in folder.glob("*")} if folder.is_dir() else set()
    waiting: list[ast.AST] = [tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        else:
            found |= {node.id} if isinstance(node, ast.Name) else set()
            waiting += ast.iter_child_nodes(node)
    return found


def test_every_name_that_benchmarks_and_tools_import_exists():
    wrong = []
    for path in [*(CHECKOUT / "benchmarks").glob("*.py"), *(CHECKOUT / "tools").glob("*.py")]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(
                ("brainseg.", "dashboard.")
            ):
                known = names_of(str(node.module))
                wrong += [
                    f"{named(path)}: {node.module}.{alias.name}"
                    for alias in node.names
                    if alias.name not in known
                ]
    assert wrong == []


def test_no_file_has_a_name_that_says_nothing():
    files = [*CORE, *DASHBOARD, *(CHECKOUT / "tests").rglob("*.py")]
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
    app.switch_page(page).run()
    assert not app.exception, (page, app.exception)
    heavy = {"tensorflow", "keras", "torch", "nilearn"} & set(sys.modules)
    assert not heavy, (page, heavy)
import brainseg.__main__
heavy = {"tensorflow", "keras", "torch", "nilearn"} & set(sys.modules)
assert not heavy, ("brainseg.__main__", heavy)
"""


@pytest.mark.parametrize("with_data", [True, False])
def test_the_pages_that_need_no_model_open_without_tensorflow(tiny_cohort, home, with_data):
    pages = [
        str(path.relative_to(CHECKOUT / "dashboard"))
        for name, path in PAGES.items()
        if name not in NEEDS_A_MODEL
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BRAINSEG_")}
    environment["BRAINSEG_HOME"] = str(home)
    if with_data:
        environment["BRAINSEG_DATA"] = str(tiny_cohort)
    app = str(CHECKOUT / "dashboard" / "navigation.py")
    command = [sys.executable, "-c", RUNS_EVERY_PAGE_WITHOUT_A_MODEL, app, *pages]
    run = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]


def test_what_a_prediction_worker_imports_does_not_import_keras_or_pandas():
    program = (
        "import sys, brainseg.models.engines, brainseg.models.networks, brainseg.inference.workers"
    )
    program += "; print({'keras', 'tensorflow', 'pandas', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"
