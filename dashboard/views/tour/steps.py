"""The eight steps of the guided tour: what each is for, its lines, and the tour as a notebook.

Each step's code stands alone. In the notebook the cohort is opened once and the steps follow each other.
"""

import ast
import json
from dataclasses import dataclass

from brainseg import RESEARCH_USE, TUMOUR_MEANS
from dashboard.shared import snippets


@dataclass(frozen=True)
class Lesson:
    """One step of the tour.

    Attributes:
        name: one word.
        question: what it answers.
        text: what to know before reading the lines, in Markdown.
        imports: import lines.
        body: the lines that follow once ``cohort`` is open; the last one is what a notebook shows.
        think: a question to the student, answered by changing the lines.
    """

    name: str
    question: str
    text: str
    imports: tuple[str, ...]
    body: str
    think: str

    @property
    def code(self) -> str:
        """Return the step as lines that stand alone."""
        return snippets.whole(self.imports, self.body)


@dataclass(frozen=True)
class Result:
    """What lines gave.

    Attributes:
        value: of their last expression, None where they end with none.
        printed: by them.
    """

    value: object
    printed: str


def run(code: str) -> Result:
    """Return what lines of this module give, so that a page shows the result of what it shows as code.

    Args:
        code: of a lesson; never text that a person wrote.
    """
    lines = ast.parse(code)
    last = lines.body[-1]
    printed: list[str] = []
    # A print of their own: the process has other threads, whose output is theirs.
    names = {"print": lambda *values: printed.append(" ".join(map(str, values)))}
    if not isinstance(last, ast.Expr):
        exec(compile(lines, "lesson", "exec"), names)
        return Result(None, "\n".join(printed))
    exec(compile(ast.Module(lines.body[:-1], []), "lesson", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "lesson", "eval"), names)
    return Result(value, "\n".join(printed))


TUMOUR, MASK = "with_tumour", "with_mask"
_ROWS = {
    TUMOUR: 'with_tumour = cohort.slices[cohort.slices["area_px"] > 0]',
    MASK: 'with_mask = cohort.slices[cohort.slices["area_px"].notna()]',
}
_PAIR = "from brainseg.statistics import random_pair"
_PICTURE = "from PIL import Image"


def lessons(seed: int, among: str = TUMOUR) -> list[Lesson]:
    """Return the eight steps, in order.

    Args:
        seed: of the slice that the steps from peek on look at.
        among: whether that slice is one with tumour, or any with a usable mask.
    """
    pick = (
        f"{_ROWS[among]}\npair = random_pair({among}, seed={seed})\ncase = cohort.case(pair.case)\n"
    )
    pixels = pick + "pixels = case.slice_pixels(pair.slice_number)  # rows x columns x sequences\n"
    return [
        Lesson(
            "Find",
            "Which files are there?",
            "A folder a patient. In it, each slice of the head is one image file, and beside it stands "
            "its **mask**: the same size, white where an annotator outlined the tumour. The cohort is "
            "opened once; its **index** then holds a row a slice.",
            (),
            """
files = cohort.slices[["case", "slice_number", "image_path", "mask_path"]]
print(len(cohort.cases), "cases,", len(files), "slices")
files.head(8)
""",
            "Which slice numbers does the second case have? Change the last line.",
        ),
        Lesson(
            "Peek",
            "What does one of them look like?",
            "Never trust a table of files alone: look. A **seed** makes a random choice repeatable, so "
            "that two people see the same slice.",
            (_PAIR, _PICTURE, "from brainseg.imaging import shown"),
            pixels + "print(pair.case, pair.slice_number)\nImage.fromarray(shown(pixels))\n",
            "Look at ten seeds. On how many slices would you have found the tumour?",
        ),
        Lesson(
            "Count",
            "How much is there of what?",
            "Most slices of a head show no tumour. A model that always answers “no tumour” is then "
            "right most of the time, and useless: that is **class imbalance**, and why accuracy is a "
            "poor measure here.",
            ("from brainseg.statistics import tumour_shares",),
            """
counts = tumour_shares(cohort.slices)
counts
""",
            "How accurate, slice by slice, is a model that never sees a tumour?",
        ),
        Lesson(
            "Table",
            "What is known of each case?",
            "A row a **case**. Neighbouring slices of one patient look alike, so a patient must never "
            "stand in training and in test at once: cohorts are split by patient, not by slice.",
            ("from brainseg.statistics import case_table",),
            """
cases = case_table(cohort.slices)
cases.sort_values("tumour_vx", ascending=False).head(8)
""",
            "Which case has the largest share of slices with tumour?",
        ),
        Lesson(
            "Shapes",
            "Do image and mask fit each other?",
            "An image is an **array**: rows × columns × channels. A mask has no channels. If the rows "
            "and columns of the two differ, every later step is wrong, and nothing tells you.",
            ("from brainseg.statistics import file_table",),
            """
files = file_table(cohort.slices)
files
""",
            "What would you do with a mask that holds the values 0, 1 and 2?",
        ),
        Lesson(
            "Image",
            "What are the three channels?",
            "Not red, green and blue, though the file says so: three MRI **sequences** of the same "
            "slice, from left to right before contrast agent, FLAIR, and after it. On FLAIR free fluid "
            "is dark and much that is abnormal is bright.",
            (
                _PAIR,
                _PICTURE,
                "from numpy import hstack",
                "from brainseg.imaging import shown",
                "from brainseg.volume import SEQUENCES",
            ),
            pixels
            + """\
print(pixels.shape, pixels.dtype, SEQUENCES)
Image.fromarray(hstack([shown(pixels, name) for name in SEQUENCES]))
""",
            "Is one of the three the same picture as another? Compare the arrays.",
        ),
        Lesson(
            "Mask",
            "What is in a mask?",
            "True or False for each pixel. How many are True is the tumour's **area** in pixels. In "
            "millimetres it would need the distance between pixels, and these files do not hold it.",
            (_PAIR, _PICTURE),
            pick
            + """\
mask = case.slice_mask(pair.slice_number)
print(mask.shape, mask.dtype, mask.sum(), "px,", f"{mask.mean():.2%} of the slice")
Image.fromarray(mask)
""",
            "Compare this share with the share of slices that show a tumour: imbalance, twice.",
        ),
        Lesson(
            "Overlay",
            "Does the mask lie where the tumour is?",
            "The outline of the mask, drawn on FLAIR: the quickest check there is. A mask that is "
            "shifted, mirrored or of another slice shows here first.",
            (_PAIR, _PICTURE, "from brainseg.imaging import contour, shown"),
            pixels
            + """\
mask = case.slice_mask(pair.slice_number)
Image.fromarray(contour(shown(pixels), mask))
""",
            "Where would you have drawn the line? Readers differ, and no mask is the truth.",
        ),
    ]


def as_notebook(steps: list[Lesson]) -> bytes:
    """Return the tour as a Jupyter notebook, format 4.5, with the cohort opened once."""
    cells = [
        _markdown(f"# A tour of a brain MRI cohort\n\n{TUMOUR_MEANS}\n\n**{RESEARCH_USE}**"),
        _code(snippets.whole([], "len(cohort.cases)")),
    ]
    for number, step in enumerate(steps, start=1):
        cells.append(_markdown(f"## {number}. {step.name}: {step.question}\n\n{step.text}"))
        cells.append(_code(_cell(step)))
        cells.append(_markdown(f"*Think:* {step.think}"))
    notebook = {
        "cells": [cell | {"id": f"step-{place}"} for place, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def as_script(steps: list[Lesson]) -> bytes:
    """Return the tour as a Python file with cells, as Spyder and VS Code know them."""
    parts = [f'# %%\n"""A tour of a brain MRI cohort. {RESEARCH_USE}"""\n']
    parts.append(snippets.whole([], "print(len(cohort.cases))"))
    for number, step in enumerate(steps, start=1):
        parts.append(f"# %% {number}. {step.name}: {step.question}\n{_cell(step)}\n")
    return "\n".join(parts).encode()


def _cell(step: Lesson) -> str:
    """Return a step's lines where the cohort is open already."""
    return "\n".join([*snippets.merged(step.imports), "", step.body.strip()]).strip()


def _markdown(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict:
    source = text.strip().splitlines(keepends=True)
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }
