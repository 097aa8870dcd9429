"""The open findings of a case beside its picture: listed with their places, and accepted there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.finding import Finding
from brainseg.checks.location import Box, boxes_of
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import cache, widgets
from dashboard.shared.cache_keys import kept


@dataclass(frozen=True)
class CaseFindings:
    """The open findings of one case of a cohort."""

    cohort: Cohort
    case: str
    findings: Sequence[Finding]

    def listed(self) -> list[dict[str, Any]]:
        """Return what the viewer lists; see FindingsList in static/viewer/findings.js."""
        places = _boxes(
            self.cohort, self.case, tuple((one.kind, one.slice_number) for one in self.findings)
        )
        return [
            {
                "id": finding.id,
                "severity": finding.severity,
                "text": finding.fact,
                "why": finding.why,
                "remedy": finding.remedy,
                "slice": finding.slice_number,
                "sequence": finding.sequence,
                "boxes": boxes,
            }
            for finding, boxes in zip(self.findings, places, strict=True)
        ]

    def accept(self, asked: Mapping[str, Any]) -> None:
        """Accept the finding that the viewer names, with its reason, from a callback."""
        try:
            identity, reason = str(asked["id"]), str(asked["reason"])
        except (TypeError, KeyError):
            return
        found = [finding for finding in self.findings if finding.id == identity]
        if not found:
            return  # it was accepted elsewhere meanwhile
        try:
            open_acceptances(self.cohort).accept(found, reason)
        except BrainsegError as error:
            st.toast(widgets.plain(f"Not accepted: {error}", longest=400), icon=":material/error:")
            return
        st.toast("Finding accepted. The Checks page can withdraw it.", icon=":material/check:")


@kept
def _boxes(
    cohort: Cohort, case: str, places: tuple[tuple[str, int | None], ...]
) -> list[list[Box]]:
    """Return the places of findings on their slices; each has a kind and a slice number."""
    masks = _masks(cohort, case) if any(number is not None for _, number in places) else {}
    return [boxes_of(kind, masks.get(number)) for kind, number in places]


def _masks(cohort: Cohort, case: str) -> dict[int | None, np.ndarray]:
    """Return the masks of a case by slice_number."""
    try:
        masks, has_mask = cache.masks(cohort, case)
    except BrainsegError:
        return {}
    numbers = cohort.case(case).readable["slice_number"]
    return {
        int(number): mask
        for number, mask, known in zip(numbers, masks, has_mask, strict=True)
        if known
    }
