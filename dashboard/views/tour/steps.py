"""The eight steps of the guided tour as functions, and the tour as a notebook or a Python file.

The page shows the body of a step's function and the value that the function returns. The functions
have no type hints and no docstrings: they are read as notebook cells below the words of their step.
"""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import FunctionType

import cv2
import numpy as np
import pandas as pd

import brainseg as bs
from brainseg import RESEARCH_USE, TUMOUR_MEANS
from brainseg.cohort import Cohort
from brainseg.imaging import shown
from brainseg.statistics import random_pair, tumour_shares
from dashboard.shared import source_code
from dashboard.shared.triple_plot import plot

CHECK_OF_INSTALLATION = """import importlib.util

missing = [name for name in ("brainseg", "matplotlib") if importlib.util.find_spec(name) is None]
if missing:
    raise SystemExit(f"Install {' and '.join(missing)} first, for example with pip.")
"""


@dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes:
        function: takes the cohort and the settings; named like the step.
        question: what it answers.
        text: what to know before reading the code, in Markdown.
        think: a question to the reader.
        answer: to it.
        runs_here: whether the page runs the code; otherwise it takes too long for a page.
        settings: further arguments of the function.
    """

    function: Callable
    question: str
    text: str
    think: str
    answer: str
    runs_here: bool = True
    settings: dict[str, int | str] = field(default_factory=dict)

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


def _step(
    question: str, text: str, think: str, answer: str, runs_here: bool = True
) -> Callable[[Callable], Callable]:
    """Return a decorator that makes a function the next step of the tour."""

    def add(function: Callable) -> Callable:
        _STEPS.append(Step(function, question, text, think, answer, runs_here))
        return function

    return add


def all_steps(cohort: Cohort, seed: int) -> list[Step]:
    """Return the steps, in order; without a usable mask only those that need none.

    Args:
        cohort: the random slice is drawn from its slices with tumour, if it has any.
        seed: of the slice that is drawn at random.
    """
    areas = cohort.slices["area_px"]
    known: dict[str, int | str] = {"seed": seed, "min_area_px": int((areas > 0).any())}
    drawn = random_pair(cohort.slices[areas >= known["min_area_px"]], seed)
    if drawn is not None:
        known |= {"name": drawn.case, "slice_number": drawn.slice_number}
    steps = []
    for step in _STEPS:
        code = step.function.__code__
        needed = code.co_varnames[1 : code.co_argcount]
        if drawn is not None or not needed:
            steps.append(replace(step, settings={one: known[one] for one in needed}))
    return steps


def run(step: Step, cohort: Cohort) -> tuple[object, str]:
    """Return the value of a step, and the text that it prints."""
    printed: list[str] = []

    def collect(*values: object, sep: str = " ") -> None:
        printed.append(sep.join(map(str, values)))

    # A copy with its own print: redirecting stdout would also catch the output of other threads.
    namespace = {**step.function.__globals__, "print": collect}
    function = FunctionType(step.function.__code__, namespace)
    return function(cohort, **step.settings), "\n".join(printed)


@_step(
    "Which files are there?",
    "Each slice of a head is one **image** file. Next to it is its **mask**: a picture of the same "
    "size, white where an annotator outlined the tumour. The first thing to do with a new dataset is "
    "to list both and read a few names.",
    "How can you tell from a name which mask belongs to which image?",
    "A mask has the name of its image and “_mask”. The number before it is the number of the slice.",
)
def files(cohort):
    images = cohort.slices["image_path"].tolist()
    masks = cohort.slices["mask_path"].dropna().tolist()
    print("Images:", *images[:10], sep="\n")
    print("Masks:", *masks[:10], sep="\n")
    return images[0]


@_step(
    "How large is the dataset?",
    "Count before you trust: cases, images and masks. Most slices of a head show no tumour. A model "
    "that always answers “no tumour” is then right most of the time, and useless: this is **class "
    "imbalance**, and why accuracy is a poor measure here.",
    "How accurate, slice by slice, is a model that never sees a tumour?",
    "As accurate as the share of slices without tumour in the table.",
)
def count(cohort):
    print("cases:", len(cohort.cases))
    print("images:", len(cohort.slices))
    print("masks:", cohort.slices["mask_path"].notna().sum())
    return tumour_shares(cohort.slices)


@_step(
    "What is known about each slice?",
    "A **DataFrame** has one row per slice: its case, its files, their shape, and the tumour area in "
    "pixels. `cohort.slices` is all that the other pages count and plot.",
    "Neighbouring rows belong to one patient. Why does this matter when you split the data?",
    "Neighbouring slices look alike. If one is in the training data and the next in the test data, the "
    "model has seen the answer. The last step shows this.",
)
def table(cohort):
    columns = ["case", "slice_number", "image_path", "mask_path", "height", "width", "area_px"]
    return cohort.slices[columns].head()


@_step(
    "Do image and mask fit each other?",
    "An image is an **array**: rows × columns × channels. The channels are not colours but three MRI "
    "**sequences** of the same slice: before contrast agent, FLAIR, and after it. A mask has no "
    "channels. If rows and columns of the two differ, every later step is wrong, without any error "
    "message. A **seed** makes a random choice repeatable.",
    "What would you do with a mask that contains the values 0, 1 and 2?",
    "Ask what 2 means before you go on. It may be another kind of tissue, or an error.",
)
def shapes(cohort, seed, min_area_px):
    pair = random_pair(cohort.slices[cohort.slices["area_px"] >= min_area_px], seed)
    image = cohort[pair.case].slice_pixels(pair.slice_number)
    mask = cohort[pair.case].slice_mask(pair.slice_number)
    print(pair.case, "slice", pair.slice_number)
    return image.shape, mask.shape


_step(
    "Is the mask where the tumour is?",
    "Image, mask and overlay side by side: the outline of the mask, drawn on FLAIR, is the quickest "
    "check of all. It shows a mask that is shifted, mirrored or from another slice. On FLAIR, free "
    "fluid is dark and many abnormalities are bright.",
    "Where would you have drawn the line?",
    "The true border is unknown: experts who outline the same tumour differ. No mask is the truth, and "
    "a model cannot be measured more exactly than its masks were drawn.",
)(plot)


@_step(
    "What does a network learn in a minute?",
    "A small network, a few dozen batches: enough to see the loss fall and the validation Dice rise. "
    "The cases are split by patient into training, validation and held-out cases.",
    "Why does the validation Dice stay at 0 at first, while the loss falls?",
    "Most pixels show no tumour. A network first learns to answer “no tumour” everywhere, which is "
    "right for most of them.",
    runs_here=False,
)
def train(cohort):
    run = bs.train(
        cohort.root,
        network="lite_unet",
        encoder="efficientnet-lite0",
        size=128,
        epochs=3,
        steps_per_epoch=20,
        batch_size=8,
        learning_rate=0.003,
        averaging=0.9,
    )
    return run.history()[["epoch", "loss", "validation_dice"]]


@_step(
    "What does a trained network find?",
    "A model gives each pixel a **probability**; its **threshold** makes a mask of them. **Dice** "
    "measures the overlap with the manual mask: twice the common pixels, divided by the pixels of both, "
    "from 0 to 1.",
    "What happens to precision and recall when you raise the threshold?",
    "The mask becomes smaller. Fewer of its pixels are wrong, so precision usually rises; more tumour "
    "is missed, so recall falls.",
)
def predict(cohort, name, slice_number):
    import matplotlib.pyplot as plt

    case, model = cohort[name], bs.open_model()
    prediction = bs.predict(case, model)
    found = prediction.mask(model.threshold)
    masks, usable = case.masks()
    common = (found & masks)[usable].sum()
    print("Dice:", round(2 * common / (found[usable].sum() + masks[usable].sum()), 3))
    place = case.readable["slice_number"].tolist().index(slice_number)
    figure, axis = plt.subplots(figsize=(5, 5))
    axis.imshow(shown(case.slice_pixels(slice_number)))
    for mask, colour in ((masks[place], "orange"), (found[place], "deepskyblue")):
        axis.contour(mask, levels=[0.5], colors=colour)
    axis.set_title("Manual mask (orange), prediction (blue)")
    axis.axis("off")
    return figure


@_step(
    "What is a leak?",
    "For each slice of a few cases, how similar is the most similar other slice: of the same patient, "
    "and of another? Where training and test data share patients, each test slice has a near copy in "
    "the training data. The score is then for patients that the model knows: **leakage**.",
    "How would you split these cases into training and test data?",
    "By patient: all slices of one patient on the same side. The dataset page shows both splits, and "
    "“Flattering scores” on the evaluation page what a split by slice adds to the Dice.",
)
def leak(cohort):
    small, owners = [], []
    for name in cohort.cases[:8]:
        for flair in cohort[name].volume().sequence("FLAIR"):
            if flair.std() > 5:  # not the empty slices at the ends
                small.append(cv2.resize(flair, (32, 32)).ravel())
                owners.append(name)
    similarity = np.corrcoef(np.array(small, float))
    np.fill_diagonal(similarity, np.nan)
    same = np.equal.outer(owners, owners)
    nearest = {
        "of the same patient": np.where(same, similarity, -1.0),
        "of another patient": np.where(same, -1.0, similarity),
    }
    means = {whose: np.nanmax(values, axis=1).mean() for whose, values in nearest.items()}
    return pd.DataFrame({"most similar slice": means.keys(), "mean correlation": means.values()})


def as_notebook(steps: list[Step], folder: str, tumour_means: str = TUMOUR_MEANS) -> bytes:
    """Return the tour as a Jupyter notebook, format 4.5, which opens the cohort in a folder.

    Args:
        steps: of the tour.
        folder: of the cases.
        tumour_means: what the masks outline, as a sentence.
    """
    cells = [
        _cell(
            "markdown",
            f"# A tour of a brain MRI cohort\n\n{tumour_means}\n\n**{RESEARCH_USE}**",
        ),
        _cell("code", CHECK_OF_INSTALLATION),
        _cell("code", f"{source_code.opening(folder)}len(cohort.cases)"),
    ]
    for number, step in enumerate(steps, start=1):
        cells.append(_cell("markdown", f"## {number}. {step.heading}\n\n{step.text}"))
        cells.append(_cell("code", step.code))
        answer = f"<details><summary>Answer</summary>{step.answer}</details>"
        cells.append(_cell("markdown", f"*Think:* {step.think}\n\n{answer}"))
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
        f'# %%\n"""A tour of a brain MRI cohort. {RESEARCH_USE}"""\n\n{CHECK_OF_INSTALLATION}',
        f"{source_code.opening(folder)}print(len(cohort.cases))\n",
        *(f"# %% {n}. {step.heading}\n{_shown(step)}" for n, step in enumerate(steps, start=1)),
    ]
    return "\n".join(parts).encode()


def _shown(step: Step) -> str:
    """Return the code of a step whose value a script prints, or saves if it is a figure."""
    last = ast.parse(step.code).body[-1]
    lines = step.code.splitlines()
    value = "\n".join(lines[last.lineno - 1 :])
    saved = f'figure.savefig("tour_{step.name.lower()}.png")'
    ending = saved if value == "figure" else f"print({value})"
    return "\n".join([*lines[: last.lineno - 1], ending, ""])


def _cell(kind: str, text: str) -> dict:
    more: dict = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = text.strip().splitlines(keepends=True)
    return {"cell_type": kind, "metadata": {}, **more, "source": lines}
