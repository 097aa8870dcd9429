"""The browser page: random slices by seed; image, mask and overlay side by side."""

import json
from base64 import b64decode

import numpy as np
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.explore import run
from support.pages import open_page, pictures_of, texts

from brainseg.cohort import Cohort
from brainseg.cohort.random_slices import random_slices
from brainseg.imaging import MASK_COLOUR, automatic_window, windowed
from dashboard.shared import window_width


def shown(app) -> tuple[str, int]:
    return app.selectbox("case").value, app.select_slider("slice").value


def drawn(root, seed: int, *filters) -> tuple[str, int]:
    row = random_slices(Cohort.open(root).slices, 1, seed, *filters).iloc[0]
    return row["case"], int(row["slice_number"])


@pytest.mark.parametrize("seed", [0, 3, 999_999])
def test_the_seed_in_the_address_reopens_the_slice(monkeypatch, tiny_cohort, seed):
    app = open_page(monkeypatch, tiny_cohort, "browser", seed=seed)
    assert not app.exception
    assert shown(app) == drawn(tiny_cohort, seed)


def test_the_tumour_filter_is_kept_in_the_address_and_draws_at_once(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", seed=4)
    for tumour in ("with", "without"):
        app.segmented_control("tumour").set_value(tumour).run()
        assert app.query_params["tumour"] == tumour
        assert shown(app) == drawn(tiny_cohort, 4, tumour)


def test_a_new_random_slice_writes_its_seed_into_the_address(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", case=FIRST, slice=10, sequence="FLAIR")
    app.button("new_random").click().run()
    seed = int(app.query_params["seed"])
    assert shown(app) == drawn(tiny_cohort, seed)
    assert not {"case", "slice"} & set(app.query_params)


def test_random_slices_can_come_from_one_case(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", case=OTHER_SITE, **{"from": "this case"})
    for _ in range(5):
        app.button("new_random").click().run()
        seed = int(app.query_params["seed"])
        assert shown(app) == drawn(tiny_cohort, seed, "any", OTHER_SITE)


def test_a_choice_by_hand_overrides_the_seed_and_is_reopened(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", seed=1)
    app.selectbox("case").set_value(FLAIR_REPEATED).run()
    app.select_slider("slice").set_value(3).run()
    again = open_page(monkeypatch, tiny_cohort, "browser", **app.query_params)
    assert shown(again) == shown(app) == (FLAIR_REPEATED, 3)


def test_image_mask_and_overlay_are_side_by_side_and_zoom_together(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", case=FIRST, slice=1)
    image, mask, overlay = pictures_of(app)
    assert image.shape == mask.shape == overlay.shape == (64, 64, 3)
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    for axis in "xy":
        others = [layout[f"{axis}axis{n}"]["matches"] for n in ("2", "3")]
        assert others == [axis, axis]


def test_a_marked_corner_pixel_is_in_the_same_corner_of_each_picture(monkeypatch, tiny_cohort):
    stem = tiny_cohort / FIRST / f"{FIRST}_1"
    image, mask = tifffile.imread(f"{stem}.tif"), tifffile.imread(f"{stem}_mask.tif")
    image[0, 0] = 201
    mask[0, 0] = 255
    tifffile.imwrite(f"{stem}.tif", image)
    tifffile.imwrite(f"{stem}_mask.tif", mask)
    address = {"case": FIRST, "slice": 1, "mask": "fill", "opacity": 100, "preset": "stored"}
    app = open_page(monkeypatch, tiny_cohort, "browser", **address)
    corners = [[tuple(picture[c]) for picture in pictures_of(app)] for c in [(0, 0), (-1, -1)]]
    assert corners[0] == [(201,) * 3, (255,) * 3, MASK_COLOUR]
    assert corners[1] == [(0, 0, 0)] * 3


def test_the_pixels_shown_are_those_of_the_file(monkeypatch, tiny_cohort):
    address = {"case": FIRST, "slice": 2, "sequence": "post-contrast", "preset": "stored"}
    app = open_page(monkeypatch, tiny_cohort, "browser", **address)
    image, mask, _ = pictures_of(app)
    stem = tiny_cohort / FIRST / f"{FIRST}_2"
    assert np.array_equal(image[..., 1], tifffile.imread(f"{stem}.tif")[..., 2])
    assert np.array_equal(mask[..., 0], tifffile.imread(f"{stem}_mask.tif"))


def test_a_slice_is_drawn_with_the_window_of_its_case_and_hovering_shows_what_the_file_stores(
    monkeypatch, tiny_cohort
):
    app = open_page(monkeypatch, tiny_cohort, "browser", case=FIRST, slice=2)
    stored = Cohort.open(tiny_cohort).case(FIRST).volume().sequence("FLAIR")
    image, _, _ = pictures_of(app)
    assert np.array_equal(image[..., 0], windowed(stored[1], automatic_window(stored)))
    assert not np.array_equal(image[..., 0], stored[1])
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    values = figure["data"][0]["customdata"]
    assert np.array_equal(np.frombuffer(b64decode(values["bdata"]), np.uint8), stored[1].ravel())


def test_without_a_usable_mask_only_the_image_is_shown(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "browser", case=FIRST, slice=1)
    assert len(pictures_of(app)) == 1
    assert "no usable mask" in app.warning[0].value


def test_each_picture_of_the_grid_opens_its_slice(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", show="grid", seed=2, tumour="with")
    assert not app.exception
    expected = random_slices(Cohort.open(tiny_cohort).slices, 12, 2, "with")
    buttons = [button for button in app.button if button.key.startswith("open ")]
    assert len(buttons) == len(expected) == 5
    buttons[2].click().run()
    row = expected.iloc[2]
    assert shown(app) == (row["case"], row["slice_number"])
    assert app.query_params["tumour"] == "with"
    assert "show" not in app.query_params


def test_an_unknown_case_shows_a_message_and_the_list_of_cases(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser", case="TCGA_NO")
    assert not app.exception
    assert "Unknown case" in app.error[0].value
    assert not app.get("plotly_chart")


@pytest.mark.parametrize("seed", ["x", "-1", "1000000", "1.5", "٣"])
def test_a_wrong_seed_shows_a_message_and_means_the_default(monkeypatch, tiny_cohort, seed):
    app = open_page(monkeypatch, tiny_cohort, "browser", seed=seed)
    assert not app.exception
    default = app.number_input("seed").value
    assert f"from 0 to 999999: using seed {default}." in app.warning[0].value


def test_the_first_slice_shows_a_tumour_and_its_code_draws_it(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "browser")
    case, number = shown(app)
    assert Cohort.open(tiny_cohort).case(case).slice_mask(number).any()
    (code,) = (code.value for code in app.code if "plt.subplots" in code.value)
    drawn_by = run(code)
    assert (drawn_by["name"], drawn_by["slice_number"]) == (case, number)
    assert [axis.get_title() for axis in drawn_by["axes"]] == ["Image", "Mask", "Overlay"]


@pytest.mark.parametrize("key", ["show", "tumour", "from", "sequence", "mask"])
def test_a_wrong_choice_shows_a_message_and_means_the_default(monkeypatch, tiny_cohort, key):
    app = open_page(monkeypatch, tiny_cohort, "browser", **{key: "**x**"})
    assert not app.exception
    assert r" “\*\*x\*\*”: showing" in app.warning[0].value


def test_a_message_appears_if_no_slice_can_be_drawn(monkeypatch, tiny_cohort):
    for path in tiny_cohort.rglob("*_mask.tif"):
        path.unlink()
    app = open_page(monkeypatch, tiny_cohort, "browser", tumour="with")
    assert not app.exception
    assert "This cohort has no slice with tumour" in texts(app)


def test_the_sequences_are_explained(monkeypatch, tiny_cohort):
    told = texts(open_page(monkeypatch, tiny_cohort, "browser"))
    for sequence in ("pre-contrast", "FLAIR", "post-contrast"):
        assert f"**{sequence}**" in told


def test_pictures_are_lower_in_a_window_that_cannot_show_them_wider(monkeypatch, tiny_cohort):
    def height(**window: bool) -> int:
        app = open_page(monkeypatch, tiny_cohort, "browser")
        app.session_state[window_width.KEY] = window
        return json.loads(app.run().get("plotly_chart")[0].proto.spec)["layout"]["height"]

    assert (
        height(narrow=False) == height(narrow=False, wide=True) > height(narrow=False, wide=False)
    )
