"""Python code to copy from the pages: the source of the functions whose results the pages show."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import streamlit as st

from brainseg.storage.addresses import place_in_words

OPENS_WITH = "import brainseg as bs"
_PARSING = Lock()


def data_folder(root: Path) -> str:
    """Return the folder of the cases as the reader would name it.

    That is its path, or its address, where browser and server are one machine. On a hosted server it is
    the folder's name alone: a visitor cannot use the path, and should not learn it.
    """
    return place_in_words(root) if is_local() else root.name


def is_local() -> bool:
    """Return whether the visitor's browser runs on this machine, without a proxy in between."""
    own = ("localhost", "127.0.0.1", "::1")
    forwarded = any("forwarded" in name.lower() for name in st.context.headers)
    host = urlsplit(st.context.url or "").hostname
    return host in own and st.context.ip_address is None and not forwarded


def opening(folder: str, label: str | None = None) -> str:
    """Return the lines that open a cohort, and choose a label of its masks."""
    chosen = "" if label is None else f".of_label({label!r})"
    return f"{OPENS_WITH}\n\ncohort = bs.open_cohort({folder!r}){chosen}\n"


@cache
def definition(function: Callable) -> str:
    """Return the source of a function, after the imports that it needs."""
    source = inspect.getsource(function)
    return f"{_imports(function, _parsed(source).body)}\n\n\n{source}"


def call(function: Callable, result: str, *given: str, **arguments: object) -> str:
    """Return the line that calls a function; `given` are arguments as code, `arguments` as values."""
    listed = [*given, *(f"{name}={value!r}" for name, value in arguments.items())]
    return f"{result} = {function.__name__}({', '.join(listed)})\n"


def cell(function: Callable, **arguments: object) -> str:
    """Return a function as the lines of a notebook cell after :func:`opening`.

    The first lines set the arguments; the function's last statement must return a value, which is the
    cell's last expression.
    """
    source = inspect.getsource(function)
    node = next(node for node in _parsed(source).body if isinstance(node, ast.FunctionDef))
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    own = [one for one in statements if isinstance(one, ast.Import | ast.ImportFrom)]
    statements = statements[len(own) :]  # imports come first
    lines, last = source.splitlines(), statements[-1].lineno - 1
    steps = textwrap.dedent("\n".join(lines[statements[0].lineno - 1 : last]))
    value = textwrap.dedent("\n".join(lines[last:])).removeprefix("return ")
    given = "".join(f"{name} = {setting!r}\n" for name, setting in arguments.items())
    imported = [*map(ast.unparse, own), *_imports(function, statements).splitlines()]
    needed = [line for line in imported if line != OPENS_WITH]
    parts = ["\n".join(needed), f"{given}{steps}\n{value}".strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _parsed(source: str) -> ast.Module:
    # Python 3.11 counts the depth of all threads in one place, and fails where a garbage collection lets
    # another thread parse: "AST constructor recursion depth mismatch".
    with _PARSING:
        return ast.parse(source)


def _imports(function: Callable, nodes: Iterable[ast.AST]) -> str:
    """Return the imports of a function's module that some of its lines need, one per line."""
    module = inspect.getmodule(function)
    names = [name for node in nodes for name in ast.walk(node) if isinstance(name, ast.Name)]
    own_names = {function.__name__, *function.__code__.co_varnames}
    used = {name.id for name in names} - own_names
    found: list[ast.AST] = []
    for node in _parsed(inspect.getsource(module)).body if module else []:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [name for name in node.names if (name.asname or name.name) in used]
            used -= {name.asname or name.name for name in node.names}
            found += [node] if node.names else []
    own = [ast.alias(name) for name in sorted(used & vars(module).keys())]
    if module and own:
        found.append(ast.ImportFrom(module.__name__, own, 0))
    return "\n".join(map(ast.unparse, found))
