"""Masks worth a second look as findings, so that they are accepted like those of checks.

An acceptance is bound to the kind, the case and the slice with most of the contradiction, whatever model
found it, and lapses when that slice changes; see :mod:`brainseg.checks.acceptances`.
"""

from typing import TYPE_CHECKING

from brainseg.checks.finding import Finding
from brainseg.evaluation.second_look import MISSED, UNSUPPORTED, Contradiction, where_in_words

if TYPE_CHECKING:
    from pandas import Series

KINDS = {MISSED: "second_look_missed", UNSUPPORTED: "second_look_unsupported"}
"""What a contradiction is -> the kind of its finding; no rule of a check has these names."""

WHY = (
    "Networks that did not learn from the patient contradict the mask here; the model may be wrong."
)
REMEDY = "look at the slice: edit the mask, or accept the finding"


def finding_of(case: str, one: "Contradiction | Series") -> Finding:
    """Return the finding of a contradiction, or of its row in the table of a second look."""
    fact = f"{case} {where_in_words(one)}: {one.kind}, {one.volume_vx:,} voxels"
    message = f"{fact}: {REMEDY}"
    return Finding("info", KINDS[one.kind], case, int(one.slice_number), None, message, WHY, REMEDY)
