"""Reviews: one per reader and case, safe from kills and parallel writers, tied to the pixels."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
import tifffile
from support.cohorts import FIRST, OTHER_SITE, blob, write_pair, write_tiny_cohort

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews import (
    AGREE,
    LONGEST_COMMENT,
    NEEDS_EDIT,
    REJECT,
    Reviews,
    as_comment,
    as_reader,
    open_reviews,
)
from brainseg.reviews.database import Database
from brainseg.reviews.table import COLUMNS

TWO_WRITE_AT_ONCE = """
import sys
from brainseg.cohort import Cohort
from brainseg.reviews.table import ReviewedPrediction
from brainseg.reviews import open_reviews

reviews = open_reviews(Cohort.open(sys.argv[1]))
prediction = ReviewedPrediction("net", "d1", (0,), 0.5)
print("ready", flush=True)
sys.stdin.readline()
for round in range(40):
    for case in sys.argv[3:]:
        reviews.put(case, sys.argv[2], "agree", f"round {round}")
        reviews.put(case, sys.argv[2], "reject", f"round {round}", prediction)
        assert len(reviews.of(case)) >= 1
"""

READ_ONLY_HOME = """
import os, sys
from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews import open_reviews

reviews = open_reviews(Cohort.open(sys.argv[1]))
case = reviews.cohort.slices["case"].iloc[0]
reviews.put(case, "AB", "agree")
reviews.database.path.chmod(0o444)
reviews.database.path.parent.chmod(0o555)
reviews.database.path.parent.parent.chmod(0o755)
if os.geteuid() == 0:
    os.seteuid(65534)  # who administers may write anywhere
print(len(reviews.table()), "review")
try:
    reviews.put(case, "CD", "agree")
except ReviewError as error:
    print(error)
finally:
    if os.getuid() == 0:
        os.seteuid(0)
    reviews.database.path.parent.chmod(0o755)
"""

KILLED_WHILE_WRITING = """
import json, os, random, signal, sys, time
from brainseg.cohort import Cohort
from brainseg.reviews.table import ReviewedPrediction
from brainseg.reviews import open_reviews

reviews = open_reviews(Cohort.open(sys.argv[1]))
prediction = ReviewedPrediction("net", "d1", (0,), 0.5) if sys.argv[2] == "prediction" else None
case = reviews.cohort.slices["case"].iloc[0]
chance = random.Random(7)
last = -1
for life in range(25):
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        number = last
        while True:
            number += 1
            reviews.put(case, "KILL", "agree", str(number) + " " + "x" * (number % 1900), prediction)
            os.write(tells, f"{number}\\n".encode())
    os.close(tells)
    with os.fdopen(told) as lines:
        # Every other life lasts beyond its first review, however slow the disk is.
        kept = [lines.readline()] if life % 2 else []
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kept += lines
    last = max([last, *(int(line) for line in kept if line.endswith("\\n"))])
    table = reviews.of(case)
    found = int(table["comment"].iloc[0].split()[0]) if len(table) else -1
    # The one in flight may have been kept or not; no promised one is ever lost.
    assert last <= found <= last + 1, (life, last, found)
    last = found
print(json.dumps({"kept": last}))
"""


@pytest.fixture
def cohort(tiny_cohort: Path) -> Cohort:
    return Cohort.open(tiny_cohort)


@pytest.fixture
def reviews(review_place, cohort: Cohort) -> Reviews:
    return open_reviews(cohort)


def script(text: str, *words: object) -> list[str]:
    return [sys.executable, "-c", text, *map(str, words)]


@pytest.mark.of_file
def test_before_the_first_review_there_is_an_empty_table_and_no_file(reviews, home):
    for table in (reviews.table(), reviews.of(FIRST), reviews.of_other_images()):
        assert list(table.columns) == list(COLUMNS)
        assert table.empty
    assert not reviews.delete(FIRST, "AB")
    assert not (home / "reviews.sqlite").exists()


def test_a_reader_has_one_review_per_case_and_the_last_one_counts(reviews, cohort):
    reviews.put(FIRST, "ab", AGREE)
    reviews.put(FIRST, " AB ", NEEDS_EDIT, "the cortex\r\nin front\tis missing ")
    reviews.put(FIRST, "cd", AGREE)
    table = open_reviews(cohort).of(FIRST)
    assert table["reader"].tolist() == ["AB", "CD"]
    assert table["state"].tolist() == [NEEDS_EDIT, AGREE]
    assert table["comment"].tolist() == ["the cortex\nin front is missing", ""]
    assert str(table["changed_at"].dtype) == "datetime64[s, UTC]"
    assert not table["mask_changed"].any()


def test_cases_are_in_the_order_of_the_cohort(reviews, cohort):
    reviews.put(OTHER_SITE, "AB", REJECT)
    reviews.put(FIRST, "CD", AGREE)
    reviews.put(FIRST, "AB", AGREE)
    reviews.put(OTHER_SITE, "EF", AGREE)
    order = reviews.table()[["case", "reader"]].to_numpy().tolist()
    assert order == [[FIRST, "AB"], [FIRST, "CD"], [OTHER_SITE, "AB"], [OTHER_SITE, "EF"]]


def test_withdrawing_a_review_keeps_the_others(reviews):
    reviews.put(FIRST, "AB", AGREE)
    reviews.put(FIRST, "CD", REJECT)
    assert reviews.delete(FIRST, "ab")
    assert not reviews.delete(FIRST, "ab")
    assert reviews.of(FIRST)["reader"].tolist() == ["CD"]


def test_an_edited_mask_keeps_its_reviews_and_marks_them(reviews, tiny_cohort):
    reviews.put(FIRST, "AB", NEEDS_EDIT)
    reviews.put(OTHER_SITE, "AB", AGREE)
    tifffile.imwrite(tiny_cohort / FIRST / f"{FIRST}_1_mask.tif", blob(20, 20, 14))
    table = open_reviews(Cohort.open(tiny_cohort)).table().set_index("case")
    assert table["mask_changed"].to_dict() == {FIRST: True, OTHER_SITE: False}
    again = open_reviews(Cohort.open(tiny_cohort))
    again.put(FIRST, "AB", AGREE)
    assert not again.of(FIRST)["mask_changed"].any()


def test_reviews_follow_the_pixels_of_a_case_not_its_name(reviews, tiny_cohort, tmp_path):
    reviews.put(FIRST, "AB", AGREE)
    reviews.put(OTHER_SITE, "AB", AGREE)
    copy = shutil.copytree(tiny_cohort, tmp_path / "copy")
    write_pair(copy / FIRST, FIRST, 3, tifffile.imread(copy / FIRST / f"{FIRST}_1.tif"), None)
    copied = open_reviews(Cohort.open(copy))
    assert copied.table()["case"].tolist() == [OTHER_SITE]
    others = copied.of_other_images()
    assert others["case"].tolist() == [FIRST]
    assert others["mask_changed"].isna().all()


@pytest.mark.parametrize(
    "initials", ["", " ", "A B", "a.b", "ABCDEFGHI", "../x", "ab\n", "<b>", "=1"]
)
def test_initials_are_one_to_eight_letters_or_digits(initials):
    if initials.strip() == "ab":
        assert as_reader(initials) == "AB"
        return
    with pytest.raises(ReviewError, match="must be 1 to 8 letters or digits"):
        as_reader(initials)


def test_initials_may_be_of_any_script_and_are_normalised():
    assert as_reader("öz") == as_reader("ÖZ") == as_reader("O\u0308Z") == "ÖZ"
    assert as_reader("иг") == "ИГ"
    assert as_reader("ａｂ") == "AB"


@pytest.mark.of_file
def test_invalid_arguments_are_refused_and_nothing_is_saved(reviews, home):
    for case, reader, state, comment, sentence in [
        ("TCGA_nobody", "AB", AGREE, "", "unknown case “TCGA_nobody”"),
        ("../../etc", "AB", AGREE, "", "unknown case"),
        (FIRST, "A-B", AGREE, "", "initials are “A-B”"),
        (FIRST, "AB", "maybe", "", "must be one of agree, needs edit, reject"),
        (FIRST, "AB", AGREE, "x" * (LONGEST_COMMENT + 1), "has 2001 characters"),
    ]:
        with pytest.raises(ReviewError, match=sentence):
            reviews.put(case, reader, state, comment)
    assert not (home / "reviews.sqlite").exists()


def test_a_comment_may_be_any_text_and_is_returned_unchanged(reviews):
    for comment in ["'; DROP TABLE review; --", "<img onerror=x>", "患者 🧠 é", "=1+1", "ü" * 2000]:
        reviews.put(FIRST, "AB", AGREE, comment)
        assert reviews.of(FIRST)["comment"].tolist() == [comment]
    assert as_comment("nul\0 and \ud800 half") == "nul  and   half"


def test_two_processes_that_write_at_once_lose_nothing(tiny_cohort, reviews, cohort):
    writers = [
        subprocess.Popen(
            script(TWO_WRITE_AT_ONCE, tiny_cohort, reader, *cohort.cases),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for reader in ("AB", "CD")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=240)
    assert [writer.returncode for writer in writers] == [0, 0]
    table = reviews.table()
    assert len(table) == 2 * 2 * len(cohort.cases)
    assert set(table["comment"]) == {"round 39"}


@pytest.mark.of_file
@pytest.mark.parametrize("subject", ["mask", "prediction"])
def test_a_kill_at_any_moment_loses_no_saved_review(tiny_cohort, reviews, subject):
    done = subprocess.run(
        script(KILLED_WHILE_WRITING, tiny_cohort, subject),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["kept"] > 0
    with closing(sqlite3.connect(reviews.database.path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.of_file
def test_a_writer_killed_before_its_first_review_leaves_a_usable_file(reviews):
    reviews.database.path.parent.mkdir(parents=True, exist_ok=True)
    reviews.database.path.touch()
    assert reviews.table().empty
    reviews.put(FIRST, "AB", AGREE)
    assert len(reviews.table()) == 1


def damaged(path: Path) -> bytes:
    """Fill a file with reviews, overwrite its later pages, and return it."""
    content = bytearray(path.read_bytes())
    content[4096 + 100 :] = b"\xa5" * (len(content) - 4196)
    return bytes(content)


@pytest.mark.of_file
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: b"\x00\x01nonsense" * 500, "is damaged"),
        (lambda path: path.read_bytes()[:5000], "is damaged"),
        (damaged, "is damaged"),
        (lambda path: path.read_bytes()[:1500], "is damaged"),
    ],
)
def test_a_damaged_file_is_one_sentence_and_does_not_change(reviews, cohort, spoil, sentence):
    for number in range(30):
        reviews.put(FIRST, f"R{number}", AGREE, "y" * 300)
    content = spoil(reviews.database.path)
    reviews.database.path.write_bytes(content)
    calls = [
        reviews.table,
        lambda: reviews.of(FIRST),
        lambda: reviews.put(FIRST, "AB", REJECT),
        lambda: reviews.delete(FIRST, "AB"),
    ]
    for call in calls:
        with pytest.raises(ReviewError, match=sentence) as refused:
            call()
        assert "left as it is" in str(refused.value) or "left as it was" in str(refused.value)
        assert reviews.database.path.read_bytes() == content


@pytest.mark.of_file
def test_files_of_newer_versions_and_other_programs_are_refused_and_do_not_change(reviews):
    reviews.put(FIRST, "AB", AGREE)
    for change, sentence in [
        ("PRAGMA user_version = 9", "has version 9, but this brainseg reads up to 1"),
        ("PRAGMA application_id = 5", "is a database of another program"),
    ]:
        with closing(sqlite3.connect(reviews.database.path)) as database:
            database.execute(change)
        content = reviews.database.path.read_bytes()
        for call in (reviews.table, lambda: reviews.put(FIRST, "CD", AGREE)):
            with pytest.raises(ReviewError, match=sentence):
                call()
        assert reviews.database.path.read_bytes() == content


@pytest.mark.of_file
def test_an_unwritable_home_is_one_sentence(reviews, cohort, tmp_path):
    (tmp_path / "file").write_text("no folder")
    blocked = Reviews(Database(tmp_path / "file" / "reviews.sqlite"), cohort)
    assert blocked.table().empty
    with pytest.raises(ReviewError, match=r"cannot be used \(File exists\): .*BRAINSEG_HOME"):
        blocked.put(FIRST, "AB", AGREE)


@pytest.mark.of_file
def test_a_read_only_home_shows_its_reviews_and_refuses_new_ones(tiny_cohort):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            script(READ_ONLY_HOME, tiny_cohort),
            env=os.environ | {"BRAINSEG_HOME": str(Path(folder) / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 review" in done.stdout
    assert "attempt to write a readonly database" in done.stdout
    assert "choose a folder that you may write" in done.stdout


@pytest.mark.of_file
def test_a_full_disk_is_one_sentence_and_keeps_earlier_reviews(reviews, monkeypatch):
    reviews.put(FIRST, "AB", AGREE)
    connect = sqlite3.connect

    def full(*words: object, **more: object) -> sqlite3.Connection:
        database = connect(*words, **more)
        # SQLite then says "database or disk is full", as where no block is left.
        database.execute(
            f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}"
        )
        return database

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(ReviewError, match=r"is full.*free some space"):
        for number in range(200):
            reviews.put(FIRST, f"R{number}", AGREE, "z" * LONGEST_COMMENT)
    monkeypatch.undo()
    assert "AB" in reviews.of(FIRST)["reader"].tolist()


@pytest.mark.of_file
def test_a_file_locked_for_long_is_one_sentence(reviews, monkeypatch):
    reviews.put(FIRST, "AB", AGREE)
    monkeypatch.setattr("brainseg.reviews.database._BUSY_S", 0.1)
    with closing(sqlite3.connect(reviews.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ReviewError, match=r"in use .* try again"):
            reviews.put(FIRST, "CD", AGREE)
        assert len(reviews.table()) == 1


def test_reviews_need_no_model(tiny_cohort):
    code = (
        "import sys; from brainseg.cohort import Cohort; from brainseg.reviews import open_reviews; "
        f"r = open_reviews(Cohort.open({str(tiny_cohort)!r})); r.put({FIRST!r}, 'AB', 'agree'); "
        "print(len(r.table()), {'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(script(code), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "set()"]


def test_reviews_of_another_cohort_are_not_in_the_table(reviews, tmp_path):
    reviews.put(FIRST, "AB", AGREE)
    other = tmp_path / "elsewhere"
    write_tiny_cohort(tmp_path / "model")
    shutil.copytree(tmp_path / "model" / OTHER_SITE, other / OTHER_SITE)
    there = open_reviews(Cohort.open(other))
    assert there.table().empty
    assert there.of_other_images().empty
