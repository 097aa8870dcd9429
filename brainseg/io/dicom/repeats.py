"""Group DICOM images by study, by echo and by time point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from brainseg.io.sequence_guess import guess_sequence
from brainseg.volume import FLAIR

if TYPE_CHECKING:
    from brainseg.io.dicom.series import Plane
    from brainseg.io.upload_file import Refusals

_SAME_ECHO = 0.05
"""Echo times of one echo differ by less than this fraction, because scanners adjust them by slice."""


def of_one_study(planes: list[Plane], refusals: Refusals) -> list[Plane]:
    """Return the images of one study: one with FLAIR if there is one, otherwise the largest.

    The others are left out with a sentence without names. Images without a patient id are added to those
    of the same study that have one.
    """
    studies: dict[tuple[str, str], list[Plane]] = defaultdict(list)
    for plane in planes:
        studies[plane.image.belonging.whose].append(plane)
    for patient, study in [*studies]:
        named = [key for key in studies if key[0] and key[1] == study]
        if not patient and len(named) == 1:
            studies[named[0]] += studies.pop((patient, study))
    if len(studies) < 2:
        return planes

    def worth(held: list[Plane]) -> tuple[bool, int]:
        evidence = {plane.image.series: plane.image.evidence for plane in held}
        return any(guess_sequence(one).sequence == FLAIR for one in evidence.values()), len(held)

    used = max(studies.values(), key=worth)
    patients = len({patient for patient, _ in studies})
    of_whom = (
        f"{len(studies)} studies of {patients} patients"
        if patients > 1
        else f"{len(studies)} studies"
    )
    for held in studies.values():
        if held is not used:
            refusals.add_study(len(held), f"the files hold {of_whom}; give one study at a time")
    return used


def echoes(series: list[Plane]) -> list[list[Plane]]:
    """Return the images of a series by echo time; images without one are one group."""
    timed = sorted(series, key=lambda plane: plane.image.belonging.echo_ms or 0.0)
    groups: list[list[Plane]] = []
    last = None
    for plane in timed:
        echo = plane.image.belonging.echo_ms or 0.0
        if last is None or echo - last > _SAME_ECHO * max(echo, 1.0):
            groups.append([])
        groups[-1].append(plane)
        last = echo
    return groups


def by_repeat(series: list[Plane], most: int) -> Iterator[list[list[Plane]]]:
    """Yield the images grouped by each tag that distinguishes repeats in at most ``most`` groups."""
    for index in range(len(series[0].image.belonging.repeats)):
        groups: dict[str, list[Plane]] = defaultdict(list)
        for plane in series:
            groups[str(plane.image.belonging.repeats[index])].append(plane)
        if 1 < len(groups) <= most:
            yield [*groups.values()]
