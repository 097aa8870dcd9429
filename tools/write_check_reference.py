"""Write docs/checks.md from the checks themselves: run it after a check changed.

python tools/write_check_reference.py
"""

from pathlib import Path

from brainseg.checks import RULES

TARGET = Path(__file__).resolve().parents[1] / "docs" / "checks.md"

INTRODUCTION = """# Checks

`brainseg check DATA` and the checks page run these rules over the index; no file is opened again. What
cannot be checked is reported as not checked, never as passed. A file with an *error* cannot be used, one
with a *warning* is used but suspicious, an *info* is a fact to know.

`tools/write_check_reference.py` writes this page.
"""

HEADER = ("| check | severity | rule | why | remedy |", "|---|---|---|---|---|")


def check_reference() -> str:
    """Return the page that lists every check, as Markdown."""
    parts = [INTRODUCTION]
    for group in dict.fromkeys(rule.group for rule in RULES.values()):
        rows = [
            f"| `{name}` | {rule.severity} | {rule.rule} | {rule.why} | {rule.remedy} |"
            for name, rule in RULES.items()
            if rule.group == group
        ]
        heading = f"## {group.capitalize()}"
        parts.append("\n".join([heading, "", *HEADER, *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(check_reference(), encoding="utf-8")
