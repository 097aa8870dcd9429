"""How objects of the public API appear in a notebook: a small table of facts."""

from collections.abc import Mapping
from html import escape


def facts_as_html(title: str, facts: Mapping[str, object]) -> str:
    """Return a title and a table of facts as HTML, every text escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table></div>"


def facts_as_text(title: str, facts: Mapping[str, object]) -> str:
    """Return a title and facts as one line, such as ``Case(name=TCGA_…, slices=20)``."""
    return f"{title}({', '.join(f'{name}={value}' for name, value in facts.items())})"


class Shown:
    """A class with ``_facts``, shown as one line in a terminal and as a table in a notebook."""

    def _facts(self) -> dict[str, object]:
        """Return what identifies this object, by name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return one line of facts."""
        return facts_as_text(type(self).__name__, self._facts())

    def _repr_html_(self) -> str:
        """Return a table of facts for a notebook."""
        return facts_as_html(type(self).__name__, self._facts())
