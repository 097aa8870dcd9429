"""The prediction page in a real browser: real files on one server."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import tifffile
from playwright.sync_api import expect
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from support.browsing import act, asked, comes, settled
from support.two_folds import model_of_two_folds
from support.viewer import VIEWER, WAIT_MS, drawn, go, numbers_in, open_tab

from brainseg.cohort import Cohort
from brainseg.inference.prediction import predict
from brainseg.models import open_model
from brainseg.volume import FLAIR, Volume

pytestmark = pytest.mark.browser

PATIENT = "Doe^Jane"
REMOVES = '[data-testid="stFileChipDeleteBtn"]'
WINDOW = {"width": 1300, "height": 1000}


@pytest.fixture(scope="module")
def two_folds(tiny_model, tmp_path_factory):
    """Return the folder of a model of two folds; do not change it."""
    return model_of_two_folds(tiny_model, tmp_path_factory.mktemp("models") / "two")


@pytest.fixture(scope="module")
def case(taught_root, two_folds):
    """Return a case that fold 0 never saw."""
    name = open_model(str(two_folds)).folds[0].held_out[1]
    return Cohort.open(taught_root).case(name)


@pytest.fixture(scope="module")
def page_of(browser, served, taught_root, two_folds) -> Iterator[Callable]:
    """Return page_of(address) -> the prediction page in a session of its own."""
    contexts = []

    def page_of(address: str = ""):
        contexts.append(browser.new_context(viewport=WINDOW, accept_downloads=True))
        page = contexts[-1].new_page()
        page.failed = []
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.goto(f"{served(taught_root, BRAINSEG_MODEL=str(two_folds))}/prediction{address}")
        page.wait_for_selector("h1", timeout=WAIT_MS)
        return settled(page)

    yield page_of
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def uploads_page(page_of):
    """Return one page for all uploads of this module; each test gives it files of its own."""
    return page_of("?source=your+own+files")


@pytest.fixture
def upload(uploads_page) -> Iterator[Callable]:
    """Return upload((name, content), ...) -> the settled page; the files are removed."""

    def upload(*files: tuple[str, bytes]):
        given = [
            {"name": name, "mimeType": "application/octet-stream", "buffer": content}
            for name, content in files
        ]
        uploads_page.locator(".st-key-upload input[type=file]").set_input_files(given)
        chip = '[data-testid="stFileChip"]'  # in a box that folds once files are in
        uploads_page.wait_for_selector(chip, state="attached", timeout=WAIT_MS)
        return settled(uploads_page)

    yield upload
    removed(uploads_page)


def removed(page):
    """Return the page without the files that it was given."""
    box = page.locator(".st-key-your_files details")
    if box.get_attribute("open") is None:  # it folds once files are in
        box.locator("summary").click()
    files = page.locator(f"{REMOVES} button")
    while count := files.count():
        files.first.click()
        page.wait_for_function(
            "([mark, many]) => document.querySelectorAll(mark).length < many",
            arg=[REMOVES, count],
            timeout=WAIT_MS,
        )
    page.get_by_text("No file at hand?").wait_for(timeout=WAIT_MS)
    return settled(page)


def tiff(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels)
    return file.getvalue()


def nifti(pixels: np.ndarray, affine: np.ndarray) -> bytes:
    """Return one sequence, (n, h, w), as a NIfTI file with axes column, row, slice."""
    return nib.Nifti1Image(pixels.transpose(2, 1, 0), affine).to_bytes()


def dicom_series(pixels: np.ndarray) -> list[tuple[str, bytes]]:
    """Return one sequence, (n, h, w) uint8, as the files of a DICOM series of a named patient."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    files = []
    for place, plane in enumerate(pixels):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID = MRImageStorage
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID = frame
        image.PatientName, image.PatientID = PATIENT, "4711"
        image.Modality, image.SeriesDescription = "MR", "FLAIR axial"
        image.InstanceNumber = place + 1
        image.ImagePositionPatient = [0, 0, 5.0 * place]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = [0.9, 0.9], 5
        image.Rows, image.Columns = plane.shape
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 0
        image.PixelData = plane.astype("<u2").tobytes()
        file = io.BytesIO()
        image.save_as(file, enforce_file_format=True)
        files.append((f"IM{place + 1:04d}.dcm", file.getvalue()))
    return files


def downloaded(page, label: str) -> bytes:
    """Return a file that the page offers; click again if the page was being redrawn."""
    from playwright.sync_api import TimeoutError as NoDownload

    open_tab(page, "Files")
    for patience_ms in (20_000, WAIT_MS):
        try:
            with page.expect_download(timeout=patience_ms) as saved:
                page.get_by_role("button", name=label, exact=True).click()
            return saved.value.path().read_bytes()
        except NoDownload:
            if patience_ms == WAIT_MS:
                raise
            settled(page)


def archive(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def areas(content: bytes, column: str = "prediction_area_px") -> list[int]:
    return pd.read_csv(io.BytesIO(content), comment="#")[column].tolist()


def alone(volume: Volume, model) -> np.ndarray:
    """Return the prediction of the first fold, the default for an upload."""
    return predict(volume, model, (0,))


def test_a_dropped_case_folder_is_taken_with_its_masks(page_of, taught_root, case):
    page = page_of("?source=your+own+files")
    folder = taught_root / case.name
    place = page.locator('[data-testid="stFileUploaderDropzone"]').bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    drag = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": drag})
    slices = len(list(folder.glob("*_mask.tif")))
    used = f"{2 * slices} files: {slices} slices used, {slices} masks used, 0 left out"
    page.get_by_text(used).wait_for(timeout=WAIT_MS)


def test_a_moved_threshold_changes_the_numbers_at_once_and_the_files_once_it_rests(
    page_of, case, two_folds
):
    page = page_of(f"?case={case.name}")
    drawn(page, case=case.name)
    before = numbers_in(page)
    for _ in range(5):
        page.keyboard.press(".")
    page.wait_for_function("() => location.search.includes('threshold=')", timeout=WAIT_MS)
    assert comes(page, lambda: numbers_in(page) != before)
    chosen = None
    while chosen != (now := asked(page)["threshold"]):  # the address follows once the keys rest
        chosen = now
        page.wait_for_timeout(1000)
    open_tab(page, "Files")
    page.get_by_text(f"At the threshold {float(chosen):g} of the viewer").wait_for(timeout=WAIT_MS)
    found = predict(case.volume(), open_model(str(two_folds)), (0,)) >= np.float32(float(chosen))
    assert areas(downloaded(page, "Slices (CSV)")) == found.sum(axis=(1, 2)).tolist()
    again = page_of(page.url[page.url.index("?") :])
    assert drawn(again)["case"] == case.name
    open_tab(again, "Files")
    again.get_by_text(f"At the threshold {float(chosen):g} of").wait_for(timeout=WAIT_MS)
    assert page.failed == again.failed == []


def test_uncertainty_is_a_layer_with_a_legend_and_a_sentence(page_of, case):
    page = page_of(f"?case={case.name}&effort=full&uncertainty=on")
    drawn(page, case=case.name)
    expect(
        page.get_by_text("Standard deviation of the probability over the passes")
    ).to_be_visible()
    open_tab(page, "Measure")
    expect(page.get_by_text("original and mirrored) agree")).to_be_visible()
    go(page, "u")
    page.wait_for_function("() => !location.search.includes('uncertainty')", timeout=WAIT_MS)
    assert page.failed == []


def test_two_folds_are_compared_at_one_position(page_of, case):
    page = page_of(f"?case={case.name}&left=two:+fold+0&right=two:+fold+1")
    assert drawn(page, panes=3)["case"] == case.name
    last = case.readable["slice_number"].tolist()[-1]
    go(page, "End", settled=last)
    names = ["Left", "Right", "Difference (right − left)"]
    titles = page.locator(".top-left")
    assert comes(page, lambda: [one.split(":")[0] for one in titles.all_inner_texts()] == names)

    def labels() -> list[str]:
        return page.locator(".overlay").evaluate_all("all => all.map(one => one.ariaLabel)")

    assert comes(page, lambda: all(f"slice {last}" in label for label in labels()))
    expect(page.get_by_text("was trained on this patient").first).to_be_visible()
    assert comes(
        page, lambda: any(row.endswith("Dice between the two") for row in numbers_in(page))
    )
    assert page.failed == []


def where_drawn(page) -> list[list[int]]:
    """Return left, top, right and bottom, px, of what lies over the picture in each pane."""
    page.wait_for_timeout(300)  # what is drawn in the frames to come is drawn by then
    return page.locator(".overlay").evaluate_all("""all => all.map((canvas) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const ends = [width, height, -1, -1];
        for (let place = 0; place < width * height; place++) {
            if (!data[4 * place + 3]) continue;
            const [x, y] = [place % width, Math.floor(place / width)];
            ends[0] = Math.min(ends[0], x); ends[1] = Math.min(ends[1], y);
            ends[2] = Math.max(ends[2], x); ends[3] = Math.max(ends[3], y);
        }
        return ends;
    })""")


def test_layers_lie_on_the_picture_from_the_first_frame_on(page_of, case):
    page = page_of(f"?case={case.name}&left=two:+fold+0&right=two:+fold+1")
    for size in (WINDOW, {"width": 1000, "height": 800}):
        page.set_viewport_size(size)
        first = int(drawn(page, panes=3, case=case.name)["settled"])
        before = where_drawn(page)
        assert before[0][2] > 0, "nothing was drawn"
        # Drawn again at the same slice, nothing moves; the picture itself is in place by then.
        go(page, "ArrowUp", settled=first - 1)
        go(page, "ArrowDown", settled=first)
        # The rim of a line may take up a pixel more.
        np.testing.assert_allclose(where_drawn(page), before, atol=2)
    assert page.failed == []


def test_arrows_lead_to_the_next_case_and_its_prediction(page_of, taught_root, case):
    page = page_of(f"?case={case.name}")
    names = Cohort.open(taught_root).cases
    after = names[names.index(case.name) + 1]
    drawn(page, case=case.name)
    go(page, "ArrowRight", drawn=after)
    assert page.failed == []


def test_a_slice_of_the_cohort_is_predicted_as_the_core_does(upload, case, two_folds):
    image = case.slice_pixels(3)
    page = upload(("slice.tif", tiff(image)))
    drawn(page, case="upload")
    found = alone(Volume(image[np.newaxis]), open_model(str(two_folds)))
    threshold = open_model(str(two_folds)).threshold_for((0,))
    area = f"{int((found >= threshold).sum())} px"
    assert comes(page, lambda: area in str(numbers_in(page).get("1 Area")))
    assert page.failed == []


def test_a_nifti_of_a_case_comes_back_on_its_own_grid(upload, case):
    affine = np.array([[-0.9, 0, 0, 80], [0, -0.9, 0, 90], [0, 0, 5, -40], [0, 0, 0, 1]])
    volume = case.volume()
    files = [
        (f"scan_{word}.nii", nifti(volume.sequence(name), affine))
        for name, word in zip(volume.sequences, ("t1", "flair", "t1ce"), strict=True)
    ]
    page = upload(*files)
    drawn(page, case="upload")
    assert settled(page).get_by_text("missing, filled with FLAIR").count() == 0
    packed = archive(downloaded(page, "NIfTI (ZIP)"))
    (content,) = [one for name, one in packed.items() if "prediction.nii" in name]
    made = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    assert made.shape == (*volume.pixels.shape[2:0:-1], len(volume))
    assert np.allclose(made.affine, affine)
    assert comes(page, lambda: "mm" in str(numbers_in(page).get("2 Longest diameter")))


def test_a_dicom_series_gives_a_segmentation_without_identifiers_by_default(upload, case):
    page = upload(*dicom_series(case.volume().sequence(FLAIR)))
    drawn(page, case="upload")
    assert "Doe" not in page.content()
    label = "DICOM segmentation (ZIP)"
    (content,) = [one for name, one in archive(downloaded(page, label)).items() if ".dcm" in name]
    assert str(pydicom.dcmread(io.BytesIO(content)).PatientName) == ""
    assert PATIENT.encode() not in content
    page.get_by_test_id("stCheckbox").get_by_text("name and id").click()
    settled(page)
    (content,) = [one for name, one in archive(downloaded(page, label)).items() if ".dcm" in name]
    segmentation = pydicom.dcmread(io.BytesIO(content))
    assert str(segmentation.PatientName) == PATIENT
    assert segmentation.Modality == "SEG"
    assert page.failed == []


def test_a_measurement_on_a_dicom_series_is_in_a_dicom_report(upload, case):
    page = upload(*dicom_series(case.volume().sequence(FLAIR)))
    drawn(page, case="upload")
    label = "Measurements (DICOM SR, ZIP)"
    offered = page.get_by_role("button", name=label, exact=True)

    def draw() -> None:
        page.locator(".box").focus()
        for key in ("d", "Enter"):
            page.keyboard.press(key)
        open_tab(page, "Files")

    # A key may come while the page is drawn anew, which takes the focus.
    act(page, draw, lambda: offered.count())
    (content,) = [one for name, one in archive(downloaded(page, label)).items() if ".dcm" in name]
    assert pydicom.dcmread(io.BytesIO(content)).Modality == "SR"
    assert PATIENT.encode() not in content


def test_names_with_parent_folders_or_markup_are_plain_text(upload, case):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("../../climbed.tif", tiff(case.slice_pixels(3)))
    html = "<img src=x onerror=document.title='run'>.tif"
    page = upload(("slices.zip", packed.getvalue()), (html, b"no picture"))
    page.get_by_text("1 left out").first.click(
        timeout=WAIT_MS
    )  # the table names it, with the reason
    table = page.locator("[role=gridcell]", has_text="<img src=x onerror=")
    table.first.wait_for(state="attached", timeout=WAIT_MS)
    assert page.locator("[data-testid=stMain] img[src=x]").count() == 0
    assert page.title() != "run"


def test_a_bad_file_beside_a_good_one_is_named_and_removed_files_are_gone(upload, case):
    page = upload(("good.tif", tiff(case.slice_pixels(3))), ("bad.tif", b"x" * 300))
    drawn(page, case="upload")
    page.get_by_text("1 left out").first.click()
    cell = page.locator("[role=gridcell]", has_text="bad.tif").first
    cell.wait_for(state="attached", timeout=WAIT_MS)
    removed(page)
    page.wait_for_function(f"() => {VIEWER} === undefined")


def test_the_example_shows_a_prediction(page_of):
    page = page_of("?source=your+own+files")
    page.get_by_role("button", name="Try the example").click()
    assert drawn(page)["case"].startswith("SYNTH_")
    expect(page.get_by_text("Synthetic: not a patient")).to_be_visible()
    assert page.failed == []
