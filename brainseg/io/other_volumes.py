"""Recognise the formats of volumes other than NIfTI by their content, and open them."""

from brainseg.io.archives import GZIP_MAGIC
from brainseg.io.metaimage import looks_like_metaimage, open_metaimage
from brainseg.io.mgh import looks_like_mgh, open_mgh
from brainseg.io.nrrd import MAGIC, open_nrrd
from brainseg.io.stored_volume import StoredVolume

_OPEN = {"NRRD": open_nrrd, "MetaImage": open_metaimage, "MGH": open_mgh}


def kind_of_volume(start: bytes) -> str | None:
    """Return the format by the first bytes of an inflated file: NRRD, MetaImage, MGH or None."""
    if start.startswith(MAGIC):
        return "NRRD"
    if looks_like_mgh(start):
        return "MGH"
    return "MetaImage" if looks_like_metaimage(start) else None


def open_other(data: bytes, start: bytes) -> StoredVolume | None:
    """Return a volume of another format than NIfTI, None for any other file.

    Args:
        data: the whole file, gzip or not.
        start: its first bytes, inflated.

    Raises:
        DecodeError: of such a format, but damaged or of a variant that is not read.
    """
    kind = kind_of_volume(start)
    # Only MGH is compressed as a whole.
    return _OPEN[kind](data) if kind and (kind == "MGH" or data[:2] != GZIP_MAGIC) else None
