"""Acceptances: findings that a user reviewed and accepted, each with a reason.

They are saved in the user's folder, in ``acceptances.jsonl``, or in a table of the PostgreSQL database
that ``BRAINSEG_DATABASE`` names. Both only grow: each line accepts a
finding or withdraws an acceptance, and the last line on a finding counts. A kill at any moment leaves
whole lines, two pages may write at once, and the file shows what was accepted, when and why.

An acceptance is bound to the rule, the place, and the pixels of the files there. It remains valid for a
copy of the cohort and when other slices change; it lapses when the slice itself changes. The finding is
then open again and shown with its former reason.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pandas as pd

from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.people import OWNER, require
from brainseg.reviews import record
from brainseg.reviews.opening import open_database
from brainseg.reviews.postgres import Postgres
from brainseg.storage import state_dir

LONGEST_REASON = 500

_Place = tuple[str, str | None, int | None, str | None, str | None, str | None]
"""Rule, case, slice_number, sequence and label, file name, and the fact if it is about no case."""

_Pixels = dict[str, dict[int, list[str]]]
"""Hashes of the files of each slice, by case and slice_number."""


@dataclass(frozen=True)
class Acceptance:
    """An accepted finding, with reason and date.

    Attributes:
        reason: in the user's words.
        at: date and time, ISO, UTC.
        lapsed: whether the files have changed since, so that it is no longer valid.
    """

    reason: str
    at: str
    lapsed: bool = False


def open_acceptances(cohort: Cohort) -> "Acceptances":
    """Return the acceptances of a cohort's findings; nothing is written before the first one."""
    named = open_database()
    database = named if isinstance(named, Postgres) else None
    path = state_dir() / "acceptances.jsonl"
    return Acceptances(path, cohort.slices, cohort.identity, database)


def as_reason(text: str) -> str:
    """Return a reason as it is saved: one line of at most :data:`LONGEST_REASON` characters.

    Raises:
        BrainsegError: it is empty or longer.
    """
    reason = " ".join(text.split())
    if not reason:
        raise BrainsegError("no reason was given: say in a few words why the finding is accepted.")
    if len(reason) > LONGEST_REASON:
        raise BrainsegError(
            f"the reason has {len(reason)} characters, but at most {LONGEST_REASON} are allowed: "
            "shorten it."
        )
    return reason


@dataclass(frozen=True)
class Acceptances:
    """The accepted findings of a cohort.

    Attributes:
        path: the file of lines; its folder is made with the first line.
        slices: the index of the cohort; see :mod:`brainseg.cohort.index`.
        cohort: its identity, written with each line for readers of the file.
        database: keeps the lines in place of the file.
    """

    path: Path
    slices: pd.DataFrame
    cohort: str
    database: Postgres | None = None

    def accept(self, findings: Iterable[Finding], reason: str) -> None:
        """Accept findings with a reason.

        Raises:
            BrainsegError: the reason is empty or too long, or the file cannot be written.
            NotAllowedError: the person who acts is no owner.
        """
        self._append(findings, {"accepted": True, "reason": as_reason(reason)})

    def withdraw(self, findings: Iterable[Finding]) -> None:
        """Withdraw acceptances; raises as :meth:`accept`."""
        self._append(findings, {"accepted": False, "reason": ""})

    def of(self, findings: Sequence[Finding]) -> list[Acceptance | None]:
        """Return the acceptance of each finding, in their order: None where it is open.

        Raises:
            BrainsegError: the file exists and cannot be read.
        """
        lines = self._lines()
        if not lines:
            return [None] * len(findings)
        found = {
            number: (finding, by_content)
            for number, finding in enumerate(findings)
            if (by_content := lines.get(_place(finding)))
        }
        pixels = self._pixels({finding.case for finding, _ in found.values()})
        given: list[Acceptance | None] = [None] * len(findings)
        for number, (finding, by_content) in found.items():
            given[number] = _acceptance(by_content, finding, pixels)
        return given

    def stamp(self) -> tuple:
        """Return a value that changes with every line, as a cache key."""
        if self.database:
            return self.database.stamp()
        try:
            file = self.path.stat()
        except OSError:
            return 0, 0
        return file.st_mtime_ns, file.st_size

    def _lines(self) -> dict[_Place, dict[str, dict]]:
        """Return the last line by place and content, in the order they were written."""
        found: dict[_Place, dict[str, dict]] = {}
        for line in map(_parse, self._texts()):
            if line is not None:
                place = (*(line[key] for key in _PLACE_KEYS[:-1]), _saved_fact(line["message"]))
                by_content = found.setdefault(place, {})
                by_content.pop(line["content"], None)
                by_content[line["content"]] = line
        return found

    def _texts(self) -> list[str]:
        if self.database:
            with self.database.reading() as database:
                rows = (
                    database.execute("SELECT line FROM acceptance ORDER BY id") if database else ()
                )
                return [row[0] for row in rows]
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BrainsegError(
                f"{self.path} cannot be read ({error.strerror}): give this user the right to."
            ) from error

    def _append(self, findings: Iterable[Finding], verdict: dict) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        findings = list(findings)
        pixels = self._pixels({finding.case for finding in findings})
        lines = [
            dict(zip(_PLACE_KEYS, _place(finding), strict=True))
            | {"message": finding.message if finding.case is None else None}
            | {"content": _content(finding, pixels), **verdict, "at": at, "cohort": self.cohort}
            for finding in findings
        ]
        if not lines:
            return
        action = "accept finding" if verdict["accepted"] else "withdraw acceptance"
        require(OWNER, f"{action}s")
        shown = [[line[key] for key in ("kind", "case", "slice_number")] for line in lines]
        record(action, findings=shown, reason=verdict["reason"], cohort=self.cohort)
        if self.database:
            with self.database.writing() as database:
                for line in lines:
                    text = json.dumps(line, ensure_ascii=False)
                    database.execute("INSERT INTO acceptance (line) VALUES (?)", (text,))
            return
        # The leading line feed ends a line that a full disk may have cut; empty lines are skipped.
        content = "".join(f"\n{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One write to the end of the file, so that two writers do not mix their lines.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                written = file.write(content)
                os.fsync(file.fileno())
        except OSError as error:
            raise BrainsegError(
                f"{self.path} cannot be written ({error.strerror}): free some space, or choose a "
                "folder that you may write (BRAINSEG_HOME)."
            ) from error
        if written != len(content):
            raise BrainsegError(
                f"{self.path} could only be written in part: free some space and accept again."
            )

    def _pixels(self, cases: set[str | None]) -> _Pixels:
        """Return the hashes of the files of each slice of some cases."""
        found: _Pixels = {}
        columns = ["case", "slice_number", "image_hash", "mask_hash"]
        rows = self.slices.loc[self.slices["case"].isin(cases - {None}), columns] if cases else None
        for case, number, *hashes in (
            () if rows is None else rows.itertuples(index=False, name=None)
        ):
            parts = found.setdefault(case, {}).setdefault(int(number), [])
            parts += ["" if pd.isna(one) else one for one in hashes]
        return found


_PLACE_KEYS = ("kind", "case", "slice_number", "sequence", "file", "message")


def _place(finding: Finding) -> _Place:
    # The name alone: the same cohort may be opened from the folder above it.
    file = None if finding.file is None else PurePath(finding.file).name
    fact = finding.fact if finding.case is None else None
    part = ", ".join(filter(None, (finding.sequence, finding.label))) or None
    return finding.kind, finding.case, finding.slice_number, part, file, fact


def _acceptance(
    by_content: dict[str, dict], finding: Finding, pixels: _Pixels
) -> Acceptance | None:
    """Return the acceptance that the lines on the place of a finding make, by content."""
    if not by_content:
        return None
    line = by_content.get(_content(finding, pixels))
    if line is not None:
        return Acceptance(line["reason"], line["at"]) if line["accepted"] else None
    *_, last = by_content.values()
    return Acceptance(last["reason"], last["at"], lapsed=True) if last["accepted"] else None


def _content(finding: Finding, pixels: _Pixels) -> str:
    """Return a hash of the pixels of the finding's files, 32 hexadecimal digits."""
    if finding.case is None:
        return ""
    of_case = pixels.get(finding.case, {})
    if finding.slice_number in of_case:
        return _digest(of_case[finding.slice_number])
    return _digest(part for number in sorted(of_case) for part in (str(number), *of_case[number]))


def _saved_fact(message: object) -> str | None:
    """Return the fact of a saved message; its remedy, and one phrase, may be of an older version."""
    if not isinstance(message, str):
        return None
    return message.rpartition(": ")[0].replace(", here are ", ", this folder has ")


def _parse(line: str) -> dict | None:
    """Return a line of the file, or None if it is incomplete."""
    try:
        content = json.loads(line)
        whole = {*_PLACE_KEYS, "content", "accepted", "reason", "at"} <= content.keys()
    except (ValueError, AttributeError):
        return None
    return content if whole else None


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b(repr(tuple(parts)).encode(), digest_size=16).hexdigest()
