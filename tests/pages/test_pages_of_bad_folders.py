"""Every page opens on a folder of bad files and strange tables."""

import itertools
from pathlib import Path

import pytest
from support.bad_files import archives, pictures, volumes
from support.cohorts import FIRST, blob, head, write_pair, write_tiny_cohort
from support.odd_files import ODD
from support.pages import open_page, texts

from brainseg.cohort import Cohort

PAGES = ["overview", "worklist", "case", "browser", "dataset", "similar", "checks", "evaluation"]
STRANGE = [
    *("case", "institution", "slices", "slices (data.csv)", "patient_id", "area_by_slice", "dice"),
    *("review", "errors", "_usable", "_tumour", "masks", "", " ", "column", "grade<b>", "index"),
    *("histologic_grade", "patient_id (data.csv)", "missing_sequences", "volume_ml", "0", "nan"),
]
CELLS = ["1", "", "1e999", "9" * 400, "<img src=x>", "2,5", "true", "nan", "-0", "1e-320", "ä\x01"]


def write_strange_tables(root: Path) -> None:
    cells = itertools.cycle(CELLS)
    header = ",".join(["Patient", "patient", *STRANGE])
    patients = ["TCGA_XX_0001", "TCGA_XX_0002", "TCGA_YY_0003", "", "TCGA_XX_0001"]
    rows = [",".join([name, "x", *(f'"{next(cells)}"' for _ in STRANGE)]) for name in patients]
    (root / "data.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    codes = [f'{name},"{cell}",{name}' for name in STRANGE for cell in CELLS]
    (root / "codebook.csv").write_text("\n".join(["column,code,label", *codes]), encoding="utf-8")


@pytest.fixture(scope="module")
def bad_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tiny_cohort(tmp_path_factory.mktemp("bad") / "cohort")
    write_strange_tables(root)
    for number, (name, data, _) in enumerate((*pictures(), *volumes(), *archives())):
        if isinstance(data, bytes):
            path = root / f"c{number:03d}" / Path(name).name[-80:]
            path.parent.mkdir()
            path.write_bytes(data)
    for number, make in enumerate(ODD.values(), start=20):
        make(root / FIRST / f"{FIRST}_{number}.tif")
        write_pair(root / FIRST, FIRST, number + 20, head(number), None)
        make(root / FIRST / f"{FIRST}_{number + 20}_mask.tif")
    write_pair(root / "thin", "thin", 1, head(1)[:, :5], blob(1, 1)[:, :5])
    return root


def test_strange_columns_are_read_as_they_are(bad_root: Path) -> None:
    cohort = Cohort.open(bad_root)
    assert cohort.patients is not None and cohort.codebook is not None
    assert cohort.patients["patient_id"].tolist()[:2] == ["TCGA_XX_0001", "TCGA_XX_0002"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_on_bad_files_and_strange_tables(
    bad_root: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(monkeypatch, bad_root, page)
    assert not app.exception
    assert texts(app)
