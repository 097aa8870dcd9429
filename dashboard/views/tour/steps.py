"""The eight steps of the guided tour as functions, and the tour as a notebook or a Python file.

The page shows the body of a step's function and the value that the function returns. The functions
have no type hints and no docstrings: they are read as notebook cells below the words of their step.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import FunctionType

import numpy as np
from PIL import Image

from brainseg import RESEARCH_USE, TUMOUR_MEANS
from brainseg.cohort import Cohort
from brainseg.imaging import contour, shown
from brainseg.plotting.style import pictures
from brainseg.statistics import case_table, file_table, random_pair, tumour_shares
from brainseg.volume import SEQUENCES
from dashboard.shared import source_code


@dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes:
        function: takes the cohort and the settings; named like the step.
        question: what it answers.
        text: what to know before reading the code, in Markdown.
        think: a question to the reader, who answers it by changing the code.
        settings: further arguments of the function.
    """

    function: Callable
    question: str
    text: str
    think: str
    settings: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the step, one word."""
        return self.function.__name__.capitalize()

    @property
    def heading(self) -> str:
        """Return the name and the question."""
        return f"{self.name}: {self.question}"

    @property
    def code(self) -> str:
        """Return the lines of the step, for an open cohort."""
        return source_code.cell(self.function, **self.settings)


_STEPS: list[Step] = []


def _step(question: str, text: str, think: str) -> Callable[[Callable], Callable]:
    """Return a decorator that makes a function the next step of the tour."""

    def add(function: Callable) -> Callable:
        _STEPS.append(Step(function, question, text, think))
        return function

    return add


def all_steps(seed: int, min_area_px: int = 1) -> list[Step]:
    """Return the eight steps, in order.

    Args:
        seed: of the slice that is drawn at random.
        min_area_px: smallest tumour area of that slice; 0 allows slices without tumour.
    """
    drawn = {"seed": seed, "min_area_px": min_area_px}
    return [
        replace(step, settings=drawn) if step.function.__code__.co_argcount > 1 else step
        for step in _STEPS
    ]


def run(step: Step, cohort: Cohort) -> tuple[object, str]:
    """Return the value of a step, and the text that it prints."""
    printed: list[str] = []

    def collect(*values: object) -> None:
        printed.append(" ".join(map(str, values)))

    # A copy with its own print: redirecting stdout would also catch the output of other threads.
    namespace = {**step.function.__globals__, "print": collect}
    function = FunctionType(step.function.__code__, namespace)
    return function(cohort, **step.settings), "\n".join(printed)


@_step(
    "Which files are there?",
    "One folder per patient. Each slice of the head is one image file next to its **mask**: the "
    "same size, white where an annotator outlined the tumour. Opening the cohort builds an **index** "
    "with one row per slice.",
    "Which slice numbers does the second case have? Change the last line.",
)
def find(cohort):
    files = cohort.slices[["case", "slice_number", "image_path", "mask_path"]]
    print(len(cohort.cases), "cases,", len(files), "slices")
    return files.head(8)


@_step(
    "What does one of them look like?",
    "Never trust a table of files alone: look at the images. A **seed** makes a random choice "
    "repeatable, so that two people see the same slice.",
    "Look at ten seeds. On how many slices would you have found the tumour?",
)
def peek(cohort, seed, min_area_px):
    pair = random_pair(cohort.slices[cohort.slices["area_px"] >= min_area_px], seed)
    pixels = cohort[pair.case].slice_pixels(pair.slice_number)
    print(pair.case, pair.slice_number)
    return Image.fromarray(shown(pixels))


@_step(
    "How many slices of each kind?",
    "Most slices of a head show no tumour. A model that always answers “no tumour” is then right most "
    "of the time, and useless: this is **class imbalance**, and why accuracy is a poor measure here.",
    "How accurate, slice by slice, is a model that never sees a tumour?",
)
def count(cohort):
    counts = tumour_shares(cohort.slices)
    return counts


@_step(
    "What is known about each case?",
    "One row per **case**. Neighbouring slices of one patient look alike, so a patient must never be in "
    "both training and test data: cohorts are split by patient, not by slice.",
    "Which case has the largest share of slices with tumour?",
)
def table(cohort):
    cases = case_table(cohort.slices)
    return cases.sort_values("tumour_vx", ascending=False).head(8)


@_step(
    "Do image and mask fit each other?",
    "An image is an **array**: rows × columns × channels. A mask has no channels. If their rows and "
    "columns differ, every later step is wrong, without any error message.",
    "What would you do with a mask that contains the values 0, 1 and 2?",
)
def shapes(cohort):
    files = file_table(cohort.slices)
    return files


@_step(
    "What are the three channels?",
    "Not red, green and blue, although the file says so: three MRI **sequences** of the same slice, "
    "from left to right before contrast agent, FLAIR, and after it. On FLAIR, free fluid is dark and "
    "many abnormalities are bright.",
    "Are two of the three the same picture? Compare the arrays.",
)
def image(cohort, seed, min_area_px):
    pair = random_pair(cohort.slices[cohort.slices["area_px"] >= min_area_px], seed)
    pixels = cohort[pair.case].slice_pixels(pair.slice_number)  # rows x columns x sequences
    print(pixels.shape, pixels.dtype, SEQUENCES)
    return pictures({name: shown(pixels, name) for name in SEQUENCES})


@_step(
    "What is in a mask?",
    "True or False for each pixel. The number of True pixels is the tumour **area**. An area in "
    "millimetres would need the distance between pixels, which these files do not contain.",
    "Compare this share with the share of slices that show a tumour: this is class imbalance again, now "
    "at pixel level.",
)
def mask(cohort, seed, min_area_px):
    pair = random_pair(cohort.slices[cohort.slices["area_px"] >= min_area_px], seed)
    mask = cohort[pair.case].slice_mask(pair.slice_number)
    print(mask.shape, mask.dtype, mask.sum(), "px,", f"{mask.mean():.2%} of the slice")
    return Image.fromarray(mask)


@_step(
    "Is the mask where the tumour is?",
    "Image, mask and overlay side by side: the outline of the mask, drawn on FLAIR, is the quickest "
    "check of all. It shows a mask that is shifted, mirrored or from another slice.",
    "Where would you have drawn the line? Annotators differ, and no mask is the truth.",
)
def overlay(cohort, seed, min_area_px):
    pair = random_pair(cohort.slices[cohort.slices["area_px"] >= min_area_px], seed)
    pixels = cohort[pair.case].slice_pixels(pair.slice_number)
    mask = cohort[pair.case].slice_mask(pair.slice_number)
    flair, white = shown(pixels), np.dstack([mask * np.uint8(255)] * 3)
    return pictures({"Image": flair, "Mask": white, "Overlay": contour(flair, mask)})


def as_notebook(steps: list[Step], folder: str) -> bytes:
    """Return the tour as a Jupyter notebook, format 4.5, which opens the cohort in a folder."""
    cells = [
        _cell(
            "markdown", f"# A tour of a brain MRI cohort\n\n{TUMOUR_MEANS}\n\n**{RESEARCH_USE}**"
        ),
        _cell("code", f"{source_code.opening(folder)}len(cohort.cases)"),
    ]
    for number, step in enumerate(steps, start=1):
        cells.append(_cell("markdown", f"## {number}. {step.heading}\n\n{step.text}"))
        cells.append(_cell("code", step.code))
        cells.append(_cell("markdown", f"*Think:* {step.think}"))
    notebook = {
        "cells": [cell | {"id": f"step-{index}"} for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def as_script(steps: list[Step], folder: str) -> bytes:
    """Return the tour as a Python file with cells, which Spyder and VS Code recognise."""
    parts = [
        f'# %%\n"""A tour of a brain MRI cohort. {RESEARCH_USE}"""\n',
        f"{source_code.opening(folder)}print(len(cohort.cases))\n",
        *(f"# %% {n}. {step.heading}\n{step.code}" for n, step in enumerate(steps, start=1)),
    ]
    return "\n".join(parts).encode()


def _cell(kind: str, text: str) -> dict:
    more: dict = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = text.strip().splitlines(keepends=True)
    return {"cell_type": kind, "metadata": {}, **more, "source": lines}
