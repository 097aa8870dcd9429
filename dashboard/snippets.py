"""The few lines of brainseg behind each step of the dataset page, to be copied into a notebook.

Each stands alone; a test runs them and compares what they give with what the page shows.
"""

OPEN = """\
import os

from brainseg.cohort import Cohort
"""

COHORT = """
cohort = Cohort.open(os.environ["BRAINSEG_DATA"])  # or the path of your folder
"""

FIND = f"""\
{OPEN}{COHORT}
found = cohort.slices[["image_path", "mask_path"]].notna().sum()
print(len(cohort.cases), "folders,", *found, "images and masks")
"""

COUNT = f"""\
{OPEN}\
from brainseg.statistics import area_histogram, case_table, institution_table, tumour_shares
{COHORT}
shares = tumour_shares(cohort.slices)  # slices with and without tumour
cases = case_table(cohort.slices)  # slices and tumour voxels of each case
institutions = institution_table(cohort.slices)
areas = area_histogram(cohort.slices)  # areas.bins, areas.without_tumour, areas.left_out
"""

TABLE = f"""\
{OPEN}\
from brainseg.statistics import catalogue
{COHORT}
table = catalogue(cohort.slices)
table.head(10)
"""

PATIENTS = f"""\
{OPEN}\
from brainseg.statistics import join_patients, patient_columns
{COHORT}
patients = join_patients(cohort.slices, cohort.patients)  # codes as in data.csv
columns = patient_columns(cohort.slices, cohort.patients)  # known and missing values
"""


def peek(seed: int, with_tumour: bool = True) -> str:
    """Return the lines that draw the random slice of a seed."""
    usable = " > 0" if with_tumour else ".notna()"
    return f"""\
{OPEN}\
from brainseg.imaging import contour, shown
from brainseg.statistics import random_pair
from PIL import Image
{COHORT}
slices = cohort.slices[cohort.slices["area_px"]{usable}]
pair = random_pair(slices, seed={seed})
case = cohort.case(pair.case)
pixels = case.slice_pixels(pair.slice_number)  # (h, w, 3): pre-contrast, FLAIR, post-contrast
mask = case.slice_mask(pair.slice_number)  # (h, w) of True and False
Image.fromarray(contour(shown(pixels), mask))
"""


def shapes(seed: int) -> str:
    """Return the lines that print the shapes of the random pair of a seed."""
    return f"""\
{OPEN}\
from brainseg.statistics import file_table, random_pair
{COHORT}
pair = random_pair(cohort.slices, seed={seed})
print("image", pair.image_shape, pair.image_dtype)
print("mask ", pair.mask_shape, pair.mask_dtype)
files = file_table(cohort.slices)  # the same, of all files
"""
