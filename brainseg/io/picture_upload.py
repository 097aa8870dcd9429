"""Read pictures as one stack of slices, or as one stack per sequence if their names give sequences."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import too_large
from brainseg.io.decoded import Decoded, check_usable, spread_few_bits
from brainseg.io.limits import MAX_INFLATED_BYTES, MAX_SLICES
from brainseg.io.mask_upload import masks_of, part_masks
from brainseg.io.names import base_of
from brainseg.io.orientation import NO_ORIENTATION
from brainseg.io.picture_slices import Slice, in_order, number_in, numbers_of
from brainseg.io.pictures import decode
from brainseg.io.sequence_guess import UNKNOWN, Evidence, SequenceGuess, guess_sequence
from brainseg.io.sequences import guess_from_words
from brainseg.io.subjects import case_of_slice
from brainseg.io.tiff_spacing import stated_spacing
from brainseg.io.upload import ALL_PAGES, Grid, PagesError, Series, Upload
from brainseg.io.upload_file import Refusals, UploadFile
from brainseg.io.window import to_eight_bits
from brainseg.volume import SEQUENCES

OTHER_CASE = "its name tells another case than that of the files used: give one case at a time"
GREY_IN_COLOUR = "three equal channels, read as one grey picture"


def gather_pictures(items: list[UploadFile], refusals: Refusals) -> Upload:
    """Return the upload of TIFF, PNG and JPEG files.

    Slices are sorted by the numbers at the end of their names, or by name if numbers are missing or
    repeated. Masks are never slices: see :mod:`brainseg.io.mask_upload`.

    Raises:
        PagesError: a TIFF has several pages and none was chosen.
        DecodeError: nothing is usable.
    """
    items = _of_one_case(items, refusals)
    images, masks = part_masks(_decoded(items, refusals), refusals)
    slices = _alike(images, refusals)
    if not slices:
        raise refusals.as_error()
    if len(slices) > MAX_SLICES:
        raise DecodeError(f"{len(slices)} slices exceed {MAX_SLICES}: give fewer at a time.")
    stacks = _by_sequence(slices)
    spacing, unused = _spacing_of(items, slices)
    grid = Grid(numbers_of(stacks[0]), spacing)
    unknown = (NO_ORIENTATION,) if spacing else ()
    series = [part for stack in stacks for part in _series(stack, len(stacks))]
    truth = masks_of(stacks[0], masks, refusals)
    return Upload(
        "images",
        tuple(replace(part, grid=grid, warnings=part.warnings + unknown) for part in series),
        notes=truth.notes + unused,
        warnings=truth.warnings,
        refused=refusals.messages(),
        masks=truth.masks,
        has_mask=truth.has_mask,
        labels=truth.labels,
    )


def _spacing_of(
    items: list[UploadFile], slices: list[Slice]
) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    """Return what the file of a stack states of its spacing: all slices are pages of it."""
    names = {name for name, _, _ in slices}
    of_stack = [item for item in items if item.name in names and item.page == ALL_PAGES]
    if len(of_stack) != 1 or len(names) != 1 or len(slices) < 2:
        return None, ()
    return stated_spacing(of_stack[0].data)


def _of_one_case(items: list[UploadFile], refusals: Refusals) -> list[UploadFile]:
    """Return the files of the most frequent case if slices of two cases have the same number."""
    cases: dict[str, list[UploadFile]] = defaultdict(list)
    for item in items:
        cases[case_of_slice(item.name)].append(item)
    named = {case: held for case, held in cases.items() if case}
    most = max(named, key=lambda case: len(named[case]), default="")
    if len(named) < 2 or len(named[most]) < 2:
        return items
    numbers = {number_in(item.name) for item in named[most]}
    lost = {
        case
        for case, held in named.items()
        if case != most and numbers & {number_in(item.name) for item in held}
    }
    for item in (item for case in lost for item in named[case]):
        refusals.add(item.name, OTHER_CASE)
    return [item for item in items if case_of_slice(item.name) not in lost]


def _decoded(items: list[UploadFile], refusals: Refusals) -> list[Slice]:
    slices, taken = [], 0
    for item in items:
        try:
            for page, decoded in _pages(item):
                check_usable(decoded)
                taken += decoded.pixels.nbytes
                if taken > MAX_INFLATED_BYTES:
                    raise too_large(taken)
                slices.append((item.name, page, spread_few_bits(decoded)))
        except PagesError:
            raise
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    return slices


def _pages(item: UploadFile) -> list[tuple[int | None, Decoded]]:
    """Return the chosen pages of a file."""
    wanted = item.page if item.page is not None else 0
    first = decode(item.data, item.name, max(wanted, 0))
    if first.pages == 1 or (item.page is not None and item.page != ALL_PAGES):
        return [(None, first)]
    if item.page == ALL_PAGES:
        if first.pages > MAX_SLICES:
            raise DecodeError(f"{first.pages} pages exceed {MAX_SLICES}")
        rest = [decode(item.data, item.name, page) for page in range(1, first.pages)]
        return list(enumerate([first, *rest], start=1))
    if item.index is None:
        raise DecodeError(f"it has {first.pages} pages; give it by itself to choose one")
    raise PagesError(item.name, item.index, first.pages)


def _alike(slices: list[Slice], refusals: Refusals) -> list[Slice]:
    """Return the slices of the size and depth that most have, the others refused."""

    def kind(decoded: Decoded) -> tuple:
        height, width = decoded.pixels.shape[:2]
        return height, width, decoded.channels, decoded.pixels.dtype.name

    if not slices:
        return []
    most, _ = Counter(kind(decoded) for _, _, decoded in slices).most_common(1)[0]
    for name, _, decoded in slices:
        height, width, channels, depth = own = kind(decoded)
        if own != most:
            refusals.add(
                name,
                f"it is {width} x {height} px, {channels} channels of {depth}; the others are "
                f"{most[1]} x {most[0]} px, {most[2]} channels of {most[3]}",
            )
    return [one for one in slices if kind(one[2]) == most]


def _by_sequence(slices: list[Slice]) -> list[list[Slice]]:
    """Return the slices as one stack, or as one stack per sequence if every name gives its sequence."""
    if slices[0][2].channels == 1 and all(page is None for _, page, _ in slices):
        named = defaultdict(list)
        for one in slices:
            named[guess_from_words(base_of(one[0]))].append(one)
        if len(named) > 1 and None not in named and len(set(map(len, named.values()))) == 1:
            return [in_order(stack) for stack in named.values()]
    return [in_order(slices)]


def _series(slices: list[Slice], stacks: int) -> list[Series]:
    notes = tuple(dict.fromkeys(note for _, _, decoded in slices for note in decoded.notes))
    pixels = np.stack([decoded.pixels for _, _, decoded in slices])
    if pixels.ndim == 4 and pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
        notes += ("black and white, read as 0 and 255",)
    if pixels.ndim == 4 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
        notes += (GREY_IN_COLOUR,)
    if pixels.ndim == 3:
        grey, rescaled = to_eight_bits(pixels)
        suggestion = UNKNOWN
        if len(slices) == 1 or stacks > 1:
            suggestion = guess_sequence(Evidence(file_name=base_of(slices[0][0])))
        label = "grey picture" if len(slices) == 1 else f"stack of {len(slices)} slices"
        return [Series(suggestion.sequence or label, grey, suggestion, (*notes, *rescaled))]
    made = []
    for index, sequence in enumerate(SEQUENCES):
        channel, rescaled = to_eight_bits(pixels[..., index])
        label = f"channel {index + 1} of 3"
        suggestion = SequenceGuess(sequence, reasons=(label,))
        channel = np.ascontiguousarray(channel)
        made.append(Series(label, channel, suggestion, (*notes, *rescaled)))
    return made
