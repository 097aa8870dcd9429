"""The tags of a DICOM file that give its sequence, its patient and study, and its repeat.

They are read separately from the header that exports use, so none of them leaves the program.
"""

import hashlib
import math
import re
import struct
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brainseg.io.dicom.dataset import number, read_header, text, texts
from brainseg.io.dicom.elements import Elements
from brainseg.io.sequence_guess import Evidence

if TYPE_CHECKING:
    import pydicom

_AGENT_SEQUENCE = 0x00180012
TAGS = (
    *(0x00080005, 0x00080008, 0x00080032, 0x00080033, 0x00080070, 0x0008103E, 0x00100020),
    *(0x00180010, 0x00180020, 0x00180024, 0x00180025, 0x00180080, 0x00180081, 0x00180082),
    *(0x00180086, 0x00181030, 0x00181041, 0x00181044, 0x00181048, 0x00181060, 0x00189005),
    *(0x00189087, 0x0020000D, 0x0020000E, 0x00200011, 0x00200012, 0x00200013, 0x00200100),
)
_REPEATS = (
    *("EchoNumbers", "DiffusionBValue", "TemporalPositionIdentifier", "TemporalPositionIndex"),
    *("AcquisitionNumber", "FrameAcquisitionNumber", "TriggerTime"),
)
_MOMENT = ("AcquisitionTime", "ContentTime", "InstanceNumber")
_PRIVATE_B_VALUES = {"siemens": 0x0019100C, "ge medical": 0x00431039, "philips": 0x20011003}
_NO_AGENT = re.compile(
    r"|no\b.*|none.*|n\s*/\s*a|na|nil|null|not\b.*|non\b.*|without.*|w/o.*|sans\b.*|ohne\b.*|kein.*|sin\b.*|"
    r"senza\b.*|sem\b.*|zonder\b.*|bez\b.*|geen\b.*|aucun.*|nessun.*|nenhum.*|ningun.*|brak|nein|nativ.*|"
    r"false|0+(\.0+)?(\s*ml)?|-+|pre"
)
_UNKNOWN_AGENT = re.compile(r"\?+|unknown|unbekannt|inconnu|x+")


@dataclass(frozen=True)
class Belonging:
    """The patient, study and series of a DICOM image, and its position in them; never shown.

    Attributes:
        patient: a hash of Patient ID, empty if unknown.
        study: a hash of Study Instance UID, empty if unknown.
        series_uid: Series Instance UID.
        series_number: as scanners and viewers show it, or None.
        echo_ms: TE.
        repeats: values that distinguish repeats at one position, the strongest first; NaN if unknown.
        moment: acquisition time, content time and number of the image, which sort repeats.
    """

    patient: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    series_number: int | None = None
    echo_ms: float | None = None
    repeats: tuple[float | str, ...] = field(default=(), repr=False)
    moment: tuple[float, ...] = field(default=(), repr=False)

    @property
    def whose(self) -> tuple[str, str]:
        """Return the hashes of patient and study."""
        return self.patient, self.study


def read_evidence(elements: Elements, frame: "pydicom.Dataset") -> tuple[Evidence, Belonging]:
    """Return the evidence for an image's sequence, and its patient and study; unusable values are None.

    Args:
        elements: of the file.
        frame: the header of the image, which in an enhanced file is one frame.
    """
    header = read_header(elements.only(TAGS))
    for tag in frame.keys():  # noqa: SIM118 - iterating would interpret every value
        header[tag] = frame.get_item(tag)
    return _evidence(header, elements), belonging_of(header)


_NO_PATIENT = re.compile(
    r"(?i)|0+|x+|none|unknown|(de-?identified|anon(ymous|ymi[sz]ed?)?|patient|subject)[ _^-]*"
)
"""Patient IDs that anonymisers give to everybody: they do not tell patients apart."""


def whose(elements: Elements) -> tuple[str, str]:
    """Return the hashes of the patient and the study of a DICOM file, each empty if unknown."""
    return belonging_of(read_header(elements.only(TAGS))).whose


def belonging_of(header: "pydicom.Dataset") -> Belonging:
    """Return the patient, study and series of an image, by the tags of :data:`TAGS`."""
    series_number = number(header, "SeriesNumber")
    patient = text(header, "PatientID")
    return Belonging(
        "" if _NO_PATIENT.fullmatch(patient.strip()) else _stand_in(patient),
        _stand_in(text(header, "StudyInstanceUID")),
        text(header, "SeriesInstanceUID"),
        None if series_number is None else int(series_number),
        _echo(header),
        _repeats(header),
        tuple(number(header, name) or 0.0 for name in _MOMENT),
    )


def _evidence(header: "pydicom.Dataset", elements: Elements) -> Evidence:
    return Evidence(
        text(header, "SeriesDescription"),
        text(header, "ProtocolName"),
        text(header, "SequenceName") or text(header, "PulseSequenceName"),
        "",
        (*texts(header, "ImageType"), *texts(header, "FrameType")),
        tuple(texts(header, "ScanningSequence")),
        number(header, "RepetitionTime"),
        _echo(header),
        number(header, "InversionTime") or number(header, "InversionTimes"),
        _agents(header, elements),
        _b_value(header, elements),
        text(header, "AngioFlag").upper() == "Y",
    )


def _echo(header: "pydicom.Dataset") -> float | None:
    return number(header, "EchoTime") or number(header, "EffectiveEchoTime")


def _repeats(header: "pydicom.Dataset") -> tuple[float | str, ...]:
    found = [number(header, name) for name in _REPEATS]
    kind = (*texts(header, "ImageType"), *texts(header, "FrameType"))
    return ("\\".join(kind), *(math.nan if one is None else one for one in found))


def _agents(header: "pydicom.Dataset", elements: Elements) -> frozenset[bool]:
    """Return whether the contrast tags state agent (True), no agent (False), both or nothing."""
    said = set()
    for name in ("ContrastBolusAgent", "ContrastBolusIngredient"):
        if name in header:
            words = _plain(text(header, name))
            if not _UNKNOWN_AGENT.fullmatch(words):
                said.add(not _NO_AGENT.fullmatch(words))
    for name in ("ContrastBolusVolume", "ContrastBolusTotalDose"):
        if (amount := number(header, name)) is not None and amount > 0:
            said.add(True)
    sequence = elements.found.get(_AGENT_SEQUENCE)
    # An empty sequence has 8 bytes or, with undefined length, 16 more; an item has at least 8 more.
    if sequence and sequence.end - sequence.value > 16:
        said.add(True)
    if said == {True, False} and not _plain(text(header, "ContrastBolusAgent")):
        said.discard(False)
    return frozenset(said)


def _b_value(header: "pydicom.Dataset", elements: Elements) -> float | None:
    value = number(header, "DiffusionBValue")
    maker = text(header, "Manufacturer").lower()
    tag = next((tag for name, tag in _PRIVATE_B_VALUES.items() if maker.startswith(name)), None)
    if value is None and tag in elements.found:
        value = _private_number(elements, tag)
    return value if value and 0 < value < 50_000 else None


def _private_number(elements: Elements, tag: int) -> float | None:
    """Return the first number of a private element written as text (Siemens, GE) or float (Philips)."""
    element = elements.found[tag]
    content = elements.body[element.value : element.end]
    if tag == _PRIVATE_B_VALUES["philips"] and len(content) == 4:
        return struct.unpack(">f" if elements.is_big_endian else "<f", content)[0]
    try:
        # GE adds 1e9 to a b-value that it also stores elsewhere.
        return float(content.decode("ascii").strip("\0 ").split("\\")[0]) % 1e9
    except ValueError:
        return None


def _stand_in(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16] if value else ""


def _plain(words: str) -> str:
    words = unicodedata.normalize("NFKD", words.lower().strip())
    return "".join(one for one in words if not unicodedata.combining(one))
