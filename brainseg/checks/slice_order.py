"""Checks of the slices of a case: their numbers, and where in the stack the head stands."""

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.foreground import brightness, within_head
from brainseg.checks.registry import finding, kind, on_slices

LEAST_BLANK, LEAST_BLANK_SHARE = 3, 0.1
"""So many dark slices at an end of a stack, and this share of its slices, are worth a word."""


@kind(
    "warning",
    checks="The slice numbers of a case have no gap.",
    why="The volume lacks slices: tumour volume is too small, "
    "and slices stand side by side that are not neighbours.",
    remedy="copy the missing slices again from their source",
    scope=coverage.cases,
)
def check_slice_gap(evidence: Evidence) -> list[Finding]:
    """Return a finding for each run of slice numbers that a case lacks."""
    numbers = evidence.slices[["case", "slice_number"]].drop_duplicates()
    before = numbers.groupby("case", sort=False)["slice_number"].shift()
    # Numbers may start at 0 or at 1; a case that starts later lacks its first slices.
    before = before.where(before.notna(), numbers["slice_number"].clip(upper=1) - 1)
    missing = numbers["slice_number"] - before - 1
    rows = numbers.assign(first=before + 1, last=numbers["slice_number"] - 1)[missing > 0]
    found = []
    for row in rows.itertuples():
        first, last = int(row.first), int(row.last)
        lacks = f"slice {first}" if first == last else f"slices {first} to {last}"
        found.append(
            finding("slice_gap", row.case, f"{row.case} has no {lacks}", slice_number=first)
        )
    return found


@kind(
    "error",
    checks="Each slice number stands once in a case.",
    why="Which file is the slice is unknown, and only the first is shown by its number.",
    remedy="remove or renumber one of the two files",
    scope=coverage.slices,
)
def check_slice_repeat(evidence: Evidence) -> list[Finding]:
    """Return a finding for each file that has the number of another slice of its case."""
    slices = evidence.slices
    file = slices["image_path"].fillna(slices["mask_path"])
    first = file.groupby([slices["case"], slices["slice_number"]]).transform("first")
    repeated = slices.duplicated(["case", "slice_number"])
    rows = slices.assign(first_file=first)[repeated]
    return on_slices("slice_repeat", rows, "image", lambda r: f"has the number of {r.first_file}")


@kind(
    "warning",
    checks="No slice between others of its case is almost black.",
    why="The picture is lost there: a model sees nothing, and a mask on it has nothing to stand on.",
    remedy="export the slice again from its source",
    scope=coverage.uint8_slices,
)
def check_black_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each dark slice inside the head, and for each case without any head."""
    slices = evidence.slices.assign(brightness=brightness(evidence.slices))
    shows, judged = evidence.shows_head, slices["brightness"].notna()
    dark = judged & ~shows & ~evidence.is_constant & within_head(slices, shows)
    found = on_slices(
        "black_slice",
        slices[dark],
        "image",
        lambda r: (
            f"is almost black ({r.brightness:.0f} of 255), slices before and after it are not"
        ),
    )
    never = (judged.groupby(slices["case"], sort=False).sum() > 0) & ~shows.groupby(
        slices["case"], sort=False
    ).any()
    return found + [
        finding("black_slice", case, f"{case} shows a head on none of its slices")
        for case in never.index[never]
    ]


@kind(
    "warning",
    checks="No slice between others of its case has one value alone.",
    why="The picture is lost there: a model sees nothing, and a mask on it has nothing to stand on.",
    remedy="export the slice again from its source",
    scope=coverage.uint8_slices,
)
def check_constant_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice inside the head whose sequences have one value each."""
    slices = evidence.slices
    rows = slices[evidence.is_constant & within_head(slices, evidence.shows_head)]
    return on_slices(
        "constant_slice", rows, "image", lambda r: "has one value alone in each sequence"
    )


@kind(
    "info",
    checks="A stack does not go on far beyond the head.",
    why="Slices of air at its ends count as slices without tumour, and make a tumour's share smaller.",
    remedy="nothing is to be done, or leave them out where slices are counted",
    scope=coverage.uint8_slices,
)
def check_blank_end(evidence: Evidence) -> list[Finding]:
    """Return a finding for each end of a case where a tenth of its slices, three or more, are dark."""
    slices = evidence.slices
    shows, judged = evidence.shows_head, brightness(slices).notna()
    found = []
    for case, rows in slices[["slice_number"]].groupby(slices["case"], sort=False):
        lit = shows[rows.index].to_numpy().nonzero()[0]
        if not len(lit) or not judged[rows.index].all():
            continue
        numbers = rows["slice_number"].to_numpy()
        for end in (numbers[: lit[0]], numbers[lit[-1] + 1 :]):
            if len(end) >= max(LEAST_BLANK, LEAST_BLANK_SHARE * len(rows)):
                fact = f"{case} shows no head on {len(end)} of {len(rows)} slices, {end[0]} to {end[-1]}"
                found.append(finding("blank_end", case, fact, slice_number=int(end[0])))
    return found
