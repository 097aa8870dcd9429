"""Server and decoding workers exchange plain values; what is none is refused, whatever it is."""

import io
import json
import pickle
import struct

import numpy as np
import pytest
from support.files import nifti, voxels

from brainseg.errors import DecodeError
from brainseg.io import InputFile, PagesError, Series, Upload, open_inputs
from brainseg.io.sandbox.messages import read_message, write_message


def sent(message: object) -> object:
    stream = io.BytesIO()
    write_message(stream, message)
    stream.seek(0)
    return read_message(stream)


def framed(text: bytes, rest: bytes = b"") -> io.BytesIO:
    return io.BytesIO(struct.pack("<QQ", len(text), len(rest)) + text + rest)


def test_an_upload_arrives_as_it_was_sent():
    upload = open_inputs([InputFile("t1.nii", nifti(voxels()))])
    arrived = sent(upload)
    assert isinstance(arrived, Upload)
    assert (arrived.kind, arrived.grid.slice_numbers) == (upload.kind, upload.grid.slice_numbers)
    assert (arrived.grid.spacing_mm, arrived.notes) == (upload.grid.spacing_mm, upload.notes)
    np.testing.assert_array_equal(arrived.grid.affine, upload.grid.affine)
    assert arrived.grid.source.geometry == upload.grid.source.geometry
    assert arrived.grid.source.orientation == upload.grid.source.orientation
    (series,) = arrived.series
    np.testing.assert_array_equal(series.pixels, upload.series[0].pixels)
    series.pixels[0] = 0  # whoever gets it may write to it, as to the one that was sent


def test_values_names_and_refusals_arrive_as_they_were_sent():
    odd = "sc\udc80an\n“1”.tif"
    (file,) = sent((InputFile(odd, b"\x00\xff"),))
    assert (file.name, file.data) == (odd, b"\x00\xff")
    assert sent((None, True, np.int64(4), 0.1)) == (None, True, 4, 0.1)
    assert sent({"a": [1, {"b": "c"}]}) == {"a": (1, {"b": "c"})}
    assert np.isnan(sent(float("nan")))
    assert sent(np.zeros((0, 3), np.uint8)).shape == (0, 3)
    swapped = np.arange(6, dtype=">i2").reshape(2, 3)[:, ::-1]
    np.testing.assert_array_equal(sent(swapped), swapped)
    assert str(sent(DecodeError("no"))) == "no"
    pages, again = PagesError("a.tif", 2, 7), sent(PagesError("a.tif", 2, 7))
    assert isinstance(again, PagesError)
    assert str(again) == str(pages)
    assert (again.file_index, again.pages) == (2, 7)


def test_what_is_no_part_of_an_upload_is_not_sent():
    for stranger in (object(), DecodeError, Series, {1, 2}):
        with pytest.raises(TypeError, match="a message cannot contain"):
            write_message(io.BytesIO(), stranger)


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple:
        return pytest.fail, ("a message ran code",)


@pytest.mark.parametrize(
    "text",
    [
        pickle.dumps(Evil()),
        b"{",
        b"[" * 100_000,
        *(
            json.dumps(message).encode()
            for message in (
                {"kind": "Popen", "fields": {"args": "true"}},
                {"kind": "Series", "fields": {"label": "a", "code": 1}},
                {"kind": ["Series"], "fields": {}},
                {"kind": "Series", "fields": 3},
                {"neither": 1},
                {"bytes": [0, 9]},
                {"bytes": [-1, 1]},
                {"bytes": [0]},
                {"bytes": "ab"},
                {"array": [0, 4], "dtype": "O", "shape": [1]},
                {"array": [0, 4], "dtype": "V4", "shape": [1]},
                {"array": [0, 4], "dtype": "<u4", "shape": [2]},
                {"array": [0, 4], "dtype": "<u4", "shape": [-2, -1]},
                {"array": [0, 3], "dtype": "<u4", "shape": [1]},
                {"array": [0, 4], "dtype": "no type", "shape": [1]},
                {"pages": ["a.tif"]},
                {"dict": [1]},
            )
        ),
    ],
)
def test_a_message_that_is_none_is_refused(text):
    with pytest.raises(ValueError):
        read_message(framed(text, b"1234"))


def test_a_message_that_says_it_is_endless_is_not_read():
    endless = struct.pack("<QQ", 2**63, 2**62)
    with pytest.raises(ValueError, match="longer than allowed"):
        read_message(io.BytesIO(endless), 1_000)


@pytest.mark.parametrize("kept", [0, 3, 16, 20])
def test_a_message_that_breaks_off_is_the_end(kept):
    stream = io.BytesIO()
    write_message(stream, ["whole"])
    with pytest.raises(EOFError):
        read_message(io.BytesIO(stream.getvalue()[:kept]))
