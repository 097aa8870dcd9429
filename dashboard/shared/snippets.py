"""The few lines of brainseg behind each chart and table, to be copied into a notebook.

Each stands alone and ends with ``figure`` or ``table``; a test runs the text that a page shows and
compares what it gives with what the page shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Chosen:
    """Which cases a person chose, as code.

    Attributes:
        where: a filter's text, or "" for all cases; see :mod:`brainseg.cohort.filters`.
        names: the cases by name, where no filter of the files alone says it; else None.
    """

    where: str = ""
    names: tuple[str, ...] | None = None

    def imports(self) -> list[str]:
        """Return the imports that :meth:`lines` needs."""
        if self.names is not None or not self.where:
            return []
        return [
            "from brainseg.cohort.filters import Filter",
            "from brainseg.worklist import case_rows",
        ]

    def lines(self) -> list[str]:
        """Return the lines that set ``names``."""
        if self.names is not None:
            return ["names = [", *(f"    {name!r}," for name in self.names), "]"]
        if not self.where:
            return ["names = cohort.cases  # all of them, or a list of some"]
        return [
            "rows = case_rows(cohort)",
            f"names = rows.loc[Filter.parse({self.where!r}).rows(rows), 'case']",
        ]


def whole(imports: Sequence[str], body: str, chosen: Chosen | None = None) -> str:
    """Return a piece of code that stands alone.

    Args:
        imports: its import lines, in any order.
        body: what follows once ``cohort`` is open, and ``names`` set where cases can be chosen.
        chosen: the chosen cases, or None where it makes no difference.
    """
    wanted = ["from brainseg.cohort import Cohort", *imports, *(chosen.imports() if chosen else [])]
    opened = 'cohort = Cohort.open(os.environ["BRAINSEG_DATA"])  # or the path of your folder'
    lines = ["import os", "", *merged(wanted), "", opened]
    return "\n".join([*lines, *(chosen.lines() if chosen else []), "", body.strip()]) + "\n"


def merged(imports: Sequence[str]) -> list[str]:
    """Return "from … import …" lines sorted, each module once."""
    names: dict[str, set[str]] = {}
    for line in imports:
        module, _, listed = line.removeprefix("from ").partition(" import ")
        names.setdefault(module, set()).update(listed.split(", "))
    return [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]


def _from(module: str, *names: str) -> str:
    return f"from {module} import {', '.join(sorted(names))}"


_statistics = partial(_from, "brainseg.statistics")
_atlas = partial(_from, "brainseg.statistics.atlas")
_counts = partial(_from, "brainseg.plotting.counts")
_points = partial(_from, "brainseg.plotting.measures")
_maps = partial(_from, "brainseg.plotting.maps")
_CASE_ROWS = "from brainseg.worklist import case_rows"


def tumour_share(chosen: Chosen) -> str:
    """Return the lines of the bar of slices with and without tumour."""
    body = """
slices = cohort.slices[cohort.slices["case"].isin(names)]
table = tumour_shares(slices)
figure = tumour_share(table)
figure
"""
    return whole([_statistics("tumour_shares"), _counts("tumour_share")], body, chosen)


def slices_by_case(chosen: Chosen) -> str:
    """Return the lines of the bars of slices a case."""
    body = """
table = case_table(cohort.slices)
figure = slices_by_case(table, table["case"].isin(names))
figure
"""
    return whole([_statistics("case_table"), _counts("slices_by_case")], body, chosen)


def institutions(chosen: Chosen) -> str:
    """Return the lines of the bars of cases by institution."""
    body = """
cases = case_table(cohort.slices)
table = category_counts(cases["institution"], cases["case"].isin(names))
figure = categories(table, "Institution", "cases", missing="unknown")
figure
"""
    imports = [_statistics("case_table", "category_counts"), _counts("categories")]
    return whole(imports, body, chosen)


def of_slices(value: str, title: str, chosen: Chosen) -> str:
    """Return the lines of a histogram over the slices with tumour.

    Args:
        value: a column of :func:`brainseg.statistics.slice_measures`.
        title: of the axis.
        chosen: the chosen cases.
    """
    body = f"""
slices = slice_measures(cohort.slices)
slices = slices[slices["tumour"].fillna(False)]
table = histogram(slices["{value}"], slices["case"].isin(names))
figure = bins(table, "{title}", "slices", tumour=True)
figure
"""
    return whole([_statistics("histogram", "slice_measures"), _counts("bins")], body, chosen)


def pieces(chosen: Chosen) -> str:
    """Return the lines of the bars of pieces a slice."""
    body = """
slices = slice_measures(cohort.slices)
slices = slices[slices["tumour"].fillna(False)]
table = category_counts(slices["components"], slices["case"].isin(names))
figure = categories(table, "Pieces of the tumour on the slice", "slices", tumour=True)
figure
"""
    imports = [_statistics("category_counts", "slice_measures"), _counts("categories")]
    return whole(imports, body, chosen)


def parts(chosen: Chosen) -> str:
    """Return the lines of the bars of parts a case."""
    imports, cases = _case_measures(with_atlas=True)
    body = f"""
{cases}
table = category_counts(cases["components"], cases["case"].isin(names))
figure = categories(table, "Parts of the tumour as a volume", "cases", tumour=True)
figure
"""
    return whole([*imports, _statistics("category_counts"), _counts("categories")], body, chosen)


def along(chosen: Chosen) -> str:
    """Return the lines of the bars along the case."""
    body = """
slices = slice_measures(cohort.slices)
table = along_the_case(slices, slices["case"].isin(names))
figure = along(table)
figure
"""
    imports = [_statistics("along_the_case", "slice_measures"), _counts("along")]
    return whole(imports, body, chosen)


def overlap(chosen: Chosen) -> str:
    """Return the lines of the heat map of the head."""
    body = """
atlas = open_atlas(cohort)  # reads every file the first time, then it is kept
found = overlap(atlas, names)
figure = overlap_map(found)
figure
"""
    return whole([_atlas("open_atlas", "overlap"), _maps("overlap_map")], body, chosen)


def intensities(chosen: Chosen) -> str:
    """Return the lines of the curves of intensities."""
    body = """
atlas = open_atlas(cohort)  # reads every file the first time, then it is kept
table = intensity_table(atlas, names)
figure = intensities(table)
figure
"""
    return whole([_atlas("intensity_table", "open_atlas"), _points("intensities")], body, chosen)


def _case_measures(with_atlas: bool) -> tuple[list[str], str]:
    if with_atlas:
        line = "cases = case_measures(cohort.slices, open_atlas(cohort))"
        return [_atlas("open_atlas"), _statistics("case_measures")], line
    return [_statistics("case_measures")], "cases = case_measures(cohort.slices)"


def inside_and_outside(sequence: str, with_atlas: bool, chosen: Chosen) -> str:
    """Return the lines of the points of a sequence's intensity inside and outside of the tumour."""
    imports, cases = _case_measures(with_atlas)
    body = f"""
{cases}
group = cases["institution"]
inside, outside = INSIDE["{sequence}"], OUTSIDE["{sequence}"]
figure = inside_and_outside(cases, inside, outside, cases["case"].isin(names), group)
figure
"""
    imports = [*imports, _statistics("INSIDE", "OUTSIDE"), _points("inside_and_outside")]
    return whole(imports, body, chosen)


def strips(measure: str, title: str, by: str, with_atlas: bool, chosen: Chosen) -> str:
    """Return the lines of the points of a measure by group.

    Args:
        measure: a column of :func:`brainseg.statistics.case_measures`.
        title: of the vertical axis.
        by: a column of the worklist: the institution, or one of ``data.csv``.
        with_atlas: whether the measure may need the atlas.
        chosen: the chosen cases.
    """
    imports, cases = _case_measures(with_atlas)
    body = f"""
{cases}
group = case_rows(cohort)[{by!r}]
figure = strips(cases, "{measure}", group, cases["case"].isin(names), "{title}")
figure
"""
    imports = [*imports, _CASE_ROWS, _points("strips")]
    return whole(imports, body, chosen)


def scatter(
    x: tuple[str, str], y: tuple[str, str], by: str, with_atlas: bool, chosen: Chosen
) -> str:
    """Return the lines of the points of two measures; arguments as for :func:`strips`."""
    imports, cases = _case_measures(with_atlas)
    body = f"""
{cases}
group = case_rows(cohort)[{by!r}]
x, y = {x!r}, {y!r}
figure = scatter(cases, x, y, cases["case"].isin(names), group)
figure
"""
    imports = [*imports, _CASE_ROWS, _points("scatter")]
    return whole(imports, body, chosen)


def against_code(column: str, y: tuple[str, str], with_atlas: bool, chosen: Chosen) -> str:
    """Return the lines of the points of a measure against numbers of ``data.csv``."""
    imports, cases = _case_measures(with_atlas)
    body = f"""
{cases}
rows = case_rows(cohort)
cases[{column!r}] = rows[{column!r}]
x, y = {(column, column)!r}, {y!r}
figure = scatter(cases, x, y, cases["case"].isin(names), rows["institution"])
figure
"""
    imports = [*imports, _CASE_ROWS, _points("scatter")]
    return whole(imports, body, chosen)


def codes(column: str, in_bins: bool, chosen: Chosen) -> str:
    """Return the lines of the bars of a column of ``data.csv``, in bins or a bar a value."""
    counted = (
        f'table = histogram(codes, chosen)\nfigure = bins(table, {column!r}, "cases")'
        if in_bins
        else "table = code_counts(codes, chosen, cohort.codebook)\n"
        f'figure = categories(table, {column!r}, "cases")'
    )
    body = f"""
codes = case_rows(cohort)[{column!r}]
chosen = case_rows(cohort)["case"].isin(names)
{counted}
figure
"""
    imports = [
        _CASE_ROWS,
        _statistics("histogram" if in_bins else "code_counts"),
        _counts("bins" if in_bins else "categories"),
    ]
    return whole(imports, body, chosen)


PATIENT_COLUMNS = whole(
    [_statistics("patient_columns")],
    """
table = patient_columns(cohort.slices, cohort.patients)  # codes as in data.csv
table
""",
)

FILES = whole(
    [_statistics("file_table")],
    """
table = file_table(cohort.slices)  # shapes, types and mask values of all files
table
""",
)


def slice_table(chosen: Chosen) -> str:
    """Return the lines of the table of slices."""
    body = """
slices = slice_measures(cohort.slices)
table = slices[slices["case"].isin(names)]
table
"""
    return whole([_statistics("slice_measures")], body, chosen)


def case_table(with_atlas: bool, chosen: Chosen) -> str:
    """Return the lines of the table of cases."""
    imports, cases = _case_measures(with_atlas)
    body = f"""
{cases}
table = cases[cases["case"].isin(names)]
table
"""
    return whole(imports, body, chosen)


def group_table(by: str, measures: Sequence[str], with_atlas: bool, chosen: Chosen) -> str:
    """Return the lines of the table of groups; arguments as for :func:`strips`."""
    imports, cases = _case_measures(with_atlas)
    listed = "\n".join(f"    {measure!r}," for measure in measures)
    body = f"""
{cases}
group = case_rows(cohort)[{by!r}]
chosen = cases["case"].isin(names)
measures = [
{listed}
]
table = group_table(cases[chosen], group[chosen], measures)  # medians, each with its n
table
"""
    imports = [*imports, _CASE_ROWS, _statistics("group_table")]
    return whole(imports, body, chosen)


def _described(model: str | None) -> tuple[list[str], str]:
    if model is None:
        line = "described = kept(cohort) or describe_images(cohort)"
        return ["from brainseg.statistics.embeddings import describe_images, kept"], line
    imports = [
        "from brainseg.statistics.embeddings import kept",
        "from brainseg.models import open_model",
    ]
    return imports, f"described = kept(cohort, open_model({model!r}))  # of `brainseg features`"


def slice_map(model: str | None, colour: str, mark: tuple[str, int] | None, chosen: Chosen) -> str:
    """Return the lines of the map of slices.

    Args:
        model: whose description it is, None for that of the images alone.
        colour: a column of :func:`brainseg.statistics.slice_measures`, or of ``data.csv``.
        mark: case and slice number of a slice that has a ring around it.
        chosen: the chosen cases.
    """
    marked = "" if mark is None else f", mark={mark!r}"
    imports, described = _described(model)
    body = f"""
{described}
slices = slice_measures(cohort.slices)
table = described.table().merge(slices, on=["case", "slice_number"])
colour = slice_colour(table, case_rows(cohort), {colour!r})
figure = slice_map(table, colour, table["case"].isin(names){marked})
figure
"""
    imports = [
        *imports,
        _CASE_ROWS,
        _statistics("slice_measures"),
        _maps("slice_colour", "slice_map"),
    ]
    return whole(imports, body, chosen)


def neighbours(
    model: str | None,
    case: str,
    slice_number: int,
    most: int,
    other_cases: bool,
    one_a_case: bool,
) -> str:
    """Return the lines of the neighbours of a slice; see :func:`neighbours`."""
    imports, described = _described(model)
    body = f"""
{described}
table = neighbours(
    described,
    {case!r},
    {slice_number},
    most={most},
    other_cases={other_cases},
    one_a_case={one_a_case},
)
table
"""
    return whole([*imports, "from brainseg.statistics.neighbours import neighbours"], body)
