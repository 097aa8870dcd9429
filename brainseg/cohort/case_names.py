"""What the name of a case states, by rule 4 of :mod:`brainseg.cohort.discovery`."""

import re

_LGG_NAME = re.compile(r"^(?P<patient>[A-Za-z]+_(?P<institution>[A-Za-z0-9]+)_[A-Za-z0-9]+)_\d{8}$")


def patient_of(case: str) -> tuple[str, str | None]:
    """Return the patient and the institution that a case name gives."""
    named = _LGG_NAME.match(case)
    return (named["patient"], named["institution"]) if named else (case, None)
