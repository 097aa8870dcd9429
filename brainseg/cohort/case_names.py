"""What the name of a case states, by rule 4 of :mod:`brainseg.cohort.discovery`."""

import re

FLAIR_ABNORMALITY = "FLAIR abnormality"
"""What the masks of the LGG cohort and of the sample outline."""

OUTLINED = "region outlined in the masks"
"""What masks of one label show where neither names nor files say it."""

_LGG_NAME = re.compile(r"^(?P<patient>[A-Za-z]+_(?P<institution>[A-Za-z0-9]+)_[A-Za-z0-9]+)_\d{8}$")


def patient_of(case: str) -> tuple[str, str | None]:
    """Return the patient and the institution that a case name gives."""
    named = _LGG_NAME.match(case)
    return (named["patient"], named["institution"]) if named else (case, None)


def is_of_lgg(case: str) -> bool:
    """Return whether a name is one of the LGG cohort, whose masks outline the FLAIR abnormality."""
    return case.startswith("TCGA_") and patient_of(case)[1] is not None
