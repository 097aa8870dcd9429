"""The folders that ship with the package: the dashboard and the models."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_A_WHEEL = _PACKAGE / "_bundled"

BUNDLED = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _PACKAGE.parent
"""The folder with ``dashboard`` and ``models``.

It is the repository in a checkout. A wheel has both inside the package (see pyproject.toml), so
that an installation adds no top-level package with a name as common as ``dashboard``.
"""
