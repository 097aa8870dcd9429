"""What exported files say."""

import gzip
import io

import nibabel as nib
from PIL import Image
from pypdf import PdfReader


def text_of(name: str, content: bytes) -> str:
    """Return the text of a file in reading order."""
    if name.endswith(".pdf"):
        said = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        # The foot of the page comes first in the file, and last on the paper.
        return " ".join(said.split()).split("Case report upload ")[1]
    if name.endswith(".nii.gz"):
        header = nib.Nifti1Image.from_bytes(gzip.decompress(content)).header
        return header.extensions[0].get_content().decode()
    if name.endswith(".png"):
        return f"Warning: {Image.open(io.BytesIO(content)).text['Warning']}"
    return content.decode().removeprefix("# ")
