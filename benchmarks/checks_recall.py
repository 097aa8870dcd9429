"""The share of planted defects that the checks find on real cases, and their false findings.

    python benchmarks/checks_recall.py DATA

Each kind of defect is planted in ten cases of a copy of DATA, each at a slice drawn by seed. It counts
as found if a finding that was absent before names the case and, for a defect of one slice, that slice or
one beside it; for a copied slice, also its source. Findings on cases without a defect count as
false. The copy is made of links; DATA is not changed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tifffile

Place = tuple[str, int]
"""A case and a slice number."""

Change = Callable[[np.ndarray], np.ndarray]


class Planter:
    """A copy of a cohort in which defects are planted and taken out again."""

    def __init__(self, data: Path, copy: Path, index: pd.DataFrame) -> None:
        self.data, self.copy, self.index = data, copy, index
        self.changed: set[str] = set()
        for file in data.rglob("*"):
            if file.is_file():
                link = copy / file.relative_to(data)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)

    def path(self, place: Place, what: str) -> str:
        """Return the path of an image or mask, relative to the cohort."""
        rows = self.index[
            (self.index["case"] == place[0]) & (self.index["slice_number"] == place[1])
        ]
        return str(rows[f"{what}_path"].iloc[0])

    def read(self, place: Place, what: str) -> np.ndarray:
        """Return the pixels of the untouched cohort."""
        return tifffile.imread(self.data / self.path(place, what))

    def write(self, place: Place, what: str, pixels: np.ndarray) -> None:
        """Replace an image or mask."""
        relative = self.path(place, what)
        self._replace(relative)
        tifffile.imwrite(self.copy / relative, np.ascontiguousarray(pixels))

    def cut(self, place: Place, what: str) -> None:
        """Truncate a file."""
        relative = self.path(place, what)
        content = (self.data / relative).read_bytes()
        self._replace(relative)
        (self.copy / relative).write_bytes(content[: len(content) // 2])

    def change(self, place: Place, what: str, how: Change) -> None:
        """Replace an image or mask by a changed one."""
        self.write(place, what, how(self.read(place, what)))

    def whole_case(self, place: Place) -> Iterator[Place]:
        """Yield the places of a case's slices."""
        for number in self.index.loc[self.index["case"] == place[0], "slice_number"]:
            yield place[0], int(number)

    def restore(self) -> None:
        """Take out all planted defects."""
        for relative in self.changed:
            (self.copy / relative).unlink()
            (self.copy / relative).symlink_to(self.data / relative)
        self.changed.clear()

    def _replace(self, relative: str) -> None:
        (self.copy / relative).unlink()
        self.changed.add(relative)


def moved(px: int) -> Change:
    """Return a function that moves pixels down and to the right."""
    return lambda pixels: np.roll(pixels, (px, px), axis=(0, 1))


def mirrored(pixels: np.ndarray) -> np.ndarray:
    """Return pixels with left and right exchanged."""
    return pixels[:, ::-1]


def cropped(pixels: np.ndarray) -> np.ndarray:
    """Return pixels without 2% of their height and width, at the former size."""
    height, width = pixels.shape[:2]
    top, left = round(0.01 * height), round(0.01 * width)
    inner = np.ascontiguousarray(pixels[top : height - top, left : width - left])
    return cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)


def cut_off(share: float, channel: int) -> Change:
    """Return a function that blackens the lower part of the head in one sequence."""

    def change(pixels: np.ndarray) -> np.ndarray:
        pixels = pixels.copy()
        rows = np.flatnonzero((pixels.max(axis=2) > 20).mean(axis=1) > 0.05)
        pixels[round(rows[-1] - share * (rows[-1] - rows[0])) :, :, channel] = 0
        return pixels

    return change


def noisy(pixels: np.ndarray) -> np.ndarray:
    """Return pixels with Gaussian noise of 15 grey levels."""
    noise = np.random.default_rng(0).normal(0, 15, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def island(mask: np.ndarray) -> np.ndarray:
    """Return a mask with an isolated pixel in its middle row, left of the tumour."""
    rows, columns = np.nonzero(mask)
    mask = mask.copy()
    mask[int(np.median(rows)), columns.min() - 4] = 255
    return mask


def exchange(planter: Planter, one: Place, other: Place) -> None:
    """Exchange image and mask of two slices."""
    for what in ("image", "mask"):
        pixels = planter.read(one, what), planter.read(other, what)
        planter.write(one, what, pixels[1])
        planter.write(other, what, pixels[0])


def borrow(planter: Planter, place: Place, other: Place, how: Change) -> None:
    """Replace image and mask of a slice by those of another case, changed."""
    planter.write(place, "image", how(planter.read(other, "image")))
    mask = how(planter.read(other, "mask"))
    planter.write(place, "mask", np.where(mask > 127, 255, 0).astype(np.uint8))


def mask_of(planter: Planter, place: Place, other: Place) -> None:
    """Replace a slice's mask by that of another case."""
    planter.write(place, "mask", planter.read(other, "mask"))


def masks_of(planter: Planter, place: Place, other: Place) -> None:
    """Replace all masks of a case by those of another, slice by slice, middle on middle."""
    own, foreign = list(planter.whole_case(place)), list(planter.whole_case(other))
    for index, at in enumerate(own):
        mask_of(planter, at, foreign[index * len(foreign) // len(own)])


Plant = Callable[[Planter, Place, Place], None]


def on(what: str, how: Change) -> Plant:
    """Return a defect of one image or mask."""
    return lambda planter, place, _: planter.change(place, what, how)


def on_case(what: str, how: Change) -> Plant:
    """Return a defect of all images or masks of a case."""

    def plant(planter: Planter, place: Place, _: Place) -> None:
        for at in planter.whole_case(place):
            planter.change(at, what, how)

    return plant


def beside(step: int) -> Plant:
    """Return the exchange of a slice with one further up the stack."""
    return lambda planter, place, _: exchange(planter, place, (place[0], place[1] + step))


def copy_of(how: Change) -> Plant:
    """Return the replacement of a slice by a changed one of another case."""
    return lambda planter, place, other: borrow(planter, place, other, how)


DEFECTS: dict[str, tuple[Plant, bool]] = {
    "two neighbouring slices exchanged": (beside(1), True),
    "two slices exchanged, 4 apart": (beside(4), True),
    "FLAIR without the lower third of the head": (on("image", cut_off(1 / 3, 1)), True),
    "pre-contrast without the lower quarter": (on("image", cut_off(1 / 4, 0)), True),
    "FLAIR empty on a slice": (on("image", cut_off(2, 1)), True),
    "mask moved by 6 px on a slice": (on("mask", moved(6)), True),
    "mask moved by 12 px on a slice": (on("mask", moved(12)), True),
    "mask mirrored on a slice": (on("mask", mirrored), True),
    "mask of another case on a slice": (mask_of, True),
    "mask inverted on a slice": (on("mask", lambda mask: 255 - mask), True),
    "mask empty on a slice": (on("mask", np.zeros_like), True),
    "mask with an isolated pixel": (on("mask", island), True),
    "mask of another size": (on("mask", lambda mask: mask[:-8]), True),
    "all masks of a case mirrored": (on_case("mask", mirrored), False),
    "all masks of a case moved by 6 px": (on_case("mask", moved(6)), False),
    "all masks from another case": (masks_of, False),
    "FLAIR and pre-contrast exchanged in a case": (
        on_case("image", lambda image: image[..., [1, 0, 2]]),
        False,
    ),
    "FLAIR and post-contrast exchanged in a case": (
        on_case("image", lambda image: image[..., [0, 2, 1]]),
        False,
    ),
    "slice of another case, as it is": (copy_of(np.copy), True),
    "slice of another case, moved by 3 px": (copy_of(moved(3)), True),
    "slice of another case, cropped by 2%": (copy_of(cropped), True),
    "image blurred (sigma 2 px)": (
        on("image", lambda image: cv2.GaussianBlur(image, (0, 0), 2)),
        True,
    ),
    "image with noise (15 grey levels)": (on("image", noisy), True),
    "image at half the brightness": (on("image", lambda image: image // 2), True),
    "image black": (on("image", np.zeros_like), True),
    "image truncated": (lambda planter, place, _: planter.cut(place, "image"), True),
}
"""Defect -> how it is planted at a slice, with one of another case; whether it is of one slice."""


def places(index: pd.DataFrame, number: int, seed: int) -> list[tuple[Place, Place]]:
    """Draw slices of different cases, inside the tumour, each with one of yet another case."""
    random = np.random.default_rng(seed)
    inside = index[(index["area_px"] >= 300) & (index["fingerprint"].notna())]
    by_case = inside.groupby("case")["slice_number"]
    large = by_case.agg(["size", "min", "max"])
    cases = large.index[large["size"] >= 8].to_numpy()
    drawn = random.permutation(cases)[: 2 * number]
    own = [
        (str(case), int(random.integers(large.loc[case, "min"] + 1, large.loc[case, "max"] - 5)))
        for case in drawn
    ]
    return list(zip(own[:number], own[number:], strict=True))


@contextmanager
def fresh_state(home: Path) -> Iterator[None]:
    """Let the index be kept in a folder of its own."""
    before = os.environ.get("BRAINSEG_HOME")
    os.environ["BRAINSEG_HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.pop("BRAINSEG_HOME")
        if before is not None:
            os.environ["BRAINSEG_HOME"] = before


def keys(root: Path) -> set[tuple[str, str | None, int | None, str]]:
    """Return kind, case, slice and message of the warnings and errors of a cohort."""
    from brainseg.checks import run_checks
    from brainseg.cohort import Cohort

    return {
        (finding.kind, finding.case, finding.slice_number, finding.message)
        for finding in run_checks(Cohort.open(root))
        if finding.severity != "info"
    }


def main() -> int:
    """Plant each defect, and print recall and false findings."""
    parser = argparse.ArgumentParser(description="Measure the recall of the checks.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--plantings", type=int, default=10)
    parser.add_argument("--only", default="", help="part of the names of the defects")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    with tempfile.TemporaryDirectory() as folder, fresh_state(Path(folder) / "home"):
        measure(data, Path(folder) / "cohort", arguments.plantings, arguments.only)
    return 0


def measure(data: Path, copy: Path, plantings: int, only: str = "") -> None:
    """Print one row per defect."""
    from brainseg.cohort import Cohort

    planter = Planter(data, copy, Cohort.open(data).slices)
    untouched = keys(copy)
    print(f"{len(untouched)} errors and warnings on the untouched cohort\n")
    print("| planted defect | found | by | findings on other cases |\n|---|---|---|---|")
    for seed, (name, (plant, one_slice)) in enumerate(DEFECTS.items()):
        if only not in name:
            continue
        drawn = places(planter.index, plantings, seed)
        for place, other in drawn:
            plant(planter, place, other)
        new = keys(copy) - untouched
        planter.restore()
        found, by = 0, dict[str, int]()
        for place, other in drawn:
            copied = {place, other} if name.startswith("slice of another") else {place}
            kinds = {
                kind
                for kind, case, number, _ in new
                if any(_names(case, number, one, one_slice) for one in copied)
            }
            found += bool(kinds)
            for kind in kinds:
                by[kind] = by.get(kind, 0) + 1
        planted = {case for pair in drawn for case, _ in pair}
        false = sum(case not in planted for _, case, *_ in new)
        listed = ", ".join(f"`{kind}` {by[kind]}" for kind in sorted(by, key=lambda one: -by[one]))
        print(f"| {name} | {found} of {len(drawn)} | {listed or '–'} | {false} |", flush=True)


def _names(case: str | None, number: int | None, place: Place, one_slice: bool) -> bool:
    """Return whether a finding is about a planted place."""
    if case != place[0]:
        return False
    return not one_slice or number is None or abs(number - place[1]) <= 1


if __name__ == "__main__":
    sys.exit(main())
