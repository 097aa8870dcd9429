"""Measurements that readers draw on a case, by reader, in the file of the reviews.

They have a table of their own, which older programs do not know and do not change.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews.database import as_reader, fingerprints_of, shortened, signing_reader
from brainseg.reviews.history import MEASURE, UNMEASURE, note, now
from brainseg.reviews.opening import AnyDatabase, open_database

RULER, ELLIPSE, ANGLE, PRODUCT = "ruler", "ellipse", "angle", "product"

POINTS = {RULER: 2, ELLIPSE: 2, ANGLE: 3, PRODUCT: 4}
"""Kind -> number of points: the ends; the corners of the box; the vertex in the middle; the ends of the
two diameters."""

KIND_WORDS = {RULER: "Ruler", ELLIPSE: "Ellipse", ANGLE: "Angle", PRODUCT: "Two diameters"}

LONGEST_NAME = 60
MOST_OF_A_READER = 200
"""Measurements on one case."""

_MOST_VOXELS = 1e5
_TABLE = "measurement"
_ID = re.compile(r"[a-z0-9]{1,16}")

_PUT = f"""
INSERT INTO {_TABLE} (case_name, images, reader, id, content, changed_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (case_name, images, reader, id) DO UPDATE
SET content = excluded.content, changed_at = excluded.changed_at
"""


@dataclass(frozen=True)
class Measurement:
    """A measurement as drawn, without its values; see :mod:`brainseg.statistics.drawn`.

    Attributes:
        id: 1 to 16 letters or digits, chosen by the program that drew it.
        kind: a key of :data:`POINTS`.
        normal: the axis at right angles to its plane: 0 column, 1 row, 2 slice.
        points: each (column, row, slice) in voxels of the volume, where voxel i covers i to i + 1.
        name: given by the reader, may be empty.
        sequence: whose grey values an ellipse has.
        reader: initials; empty for a measurement that is not saved.
    """

    id: str
    kind: str
    normal: int
    points: tuple[tuple[float, float, float], ...]
    name: str = ""
    sequence: str = ""
    reader: str = ""

    @property
    def index(self) -> int:
        """Return the index of the slice, row or column that it lies on."""
        return math.floor(self.points[0][self.normal])

    def as_dict(self) -> dict[str, Any]:
        """Return it as the viewer has it."""
        content = asdict(self)
        del content["reader"]
        return content | {"points": [list(point) for point in self.points]}


def as_measurement(content: Any, reader: str = "") -> Measurement:
    """Return a measurement from the fields of :meth:`Measurement.as_dict`.

    Raises:
        ReviewError: a field is missing or invalid.
    """
    try:
        identity, kind, normal = content["id"], content["kind"], content["normal"]
        points = tuple(tuple(float(value) for value in point) for point in content["points"])
        name, sequence = str(content["name"]), str(content["sequence"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ReviewError("a measurement lacks a field: draw it again.") from error
    values = [value for point in points for value in point]
    valid = (
        isinstance(identity, str)
        and _ID.fullmatch(identity)
        and isinstance(kind, str)
        and len(points) == POINTS.get(kind)
        and normal in (0, 1, 2)
        and all(len(point) == 3 for point in points)
        and all(0 <= value <= _MOST_VOXELS for value in values)  # false for NaN, too
        and len({math.floor(point[normal]) for point in points}) == 1
        and len(name) <= LONGEST_NAME
        and len(sequence) <= LONGEST_NAME
    )
    if not valid:
        raise ReviewError(
            f"a measurement of kind “{shortened(str(kind))}” has points outside of its plane or a wrong "
            "field: draw it again."
        )
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return Measurement(identity, kind, int(normal), points, plain, sequence, reader)  # type: ignore[arg-type]


def open_measurements(cohort: Cohort) -> "Measurements":
    """Return the measurements on a cohort's cases; the first one creates the file."""
    return Measurements(open_database(), cohort)


@dataclass(frozen=True)
class Measurements:
    """The measurements on a cohort's cases; any thread or process may call.

    Attributes:
        database: keeps them; see :func:`brainseg.reviews.opening.open_database`.
        cohort: whose cases they belong to.
    """

    database: AnyDatabase
    cohort: Cohort

    def change(
        self, case: str, reader: str, put: Iterable[Mapping] = (), removed: Iterable[str] = ()
    ) -> None:
        """Save new and changed measurements of a reader, and delete others, all together.

        The change is on the disk when this returns, even after a kill or a power cut, and in the
        history.

        Args:
            case: a case of the cohort.
            reader: initials; see :func:`brainseg.reviews.as_reader`.
            put: see :meth:`Measurement.as_dict`; one of the same id is replaced.
            removed: ids.

        Raises:
            ReviewError: an argument is invalid, the reader would have more than
                :data:`MOST_OF_A_READER`, or the file cannot be written, is damaged, or is newer; it
                then does not change.
        """
        images, _ = fingerprints_of(self.cohort, case)
        key = case, images, signing_reader(reader)
        at = now()
        items = [as_measurement(one) for one in put]
        rows = [(*key, one.id, json.dumps(one.as_dict()), at) for one in items]
        which = "case_name = ? AND images = ? AND reader = ?"
        with self.database.writing() as database:
            for identity in map(str, removed):
                found = database.execute(
                    f"DELETE FROM {_TABLE} WHERE {which} AND id = ?", (*key, identity)
                )
                if found.rowcount:
                    note(database, UNMEASURE, key[2], {"id": identity}, case, images, at)
            for item, row in zip(items, rows, strict=True):
                database.execute(_PUT, row)
                note(database, MEASURE, key[2], item.as_dict(), case, images, at)
            counted = database.execute(f"SELECT count(*) FROM {_TABLE} WHERE {which}", key)
            if (number := counted.fetchone()[0]) > MOST_OF_A_READER:
                raise ReviewError(
                    f"the case would have {number} measurements of {key[2]}, but at most "
                    f"{MOST_OF_A_READER} are saved: delete some."
                )

    def of(self, case: str, reader: str | None = None) -> Sequence[Measurement]:
        """Return the measurements on a case, by reader, in the order in which they were first saved.

        Args:
            case: a case of the cohort.
            reader: initials; all readers by default.

        Raises:
            ReviewError: the case is unknown, or the file cannot be read, is damaged, or is newer.
        """
        images, _ = fingerprints_of(self.cohort, case)
        values: tuple = (case, images)
        where = "case_name = ? AND images = ?"
        if reader is not None:
            values += (as_reader(reader),)
            where += " AND reader = ?"
        with self.database.reading() as database:
            if database is None or not database.has_table(_TABLE):
                return ()
            rows = database.execute(
                f"SELECT content, reader FROM {_TABLE} WHERE {where} ORDER BY reader, rowid", values
            ).fetchall()
        return tuple(
            as_measurement(json.loads(content), its_reader) for content, its_reader in rows
        )
