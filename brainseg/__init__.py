"""brainseg: see, check, train on and predict brain MRI segmentations.

The core of the dashboard: everything with a number in it. It knows nothing of Streamlit, and it
imports Keras only where a network is built, trained or run.
"""

from brainseg.backends import choose_backend

__version__ = "0.1.0"

RESEARCH_USE = "Research and education only. Not a medical device."

TUMOUR_MEANS = (
    "“Tumour” on this page means the dataset's manual FLAIR abnormality: "
    "the region an annotator outlined on FLAIR."
)

choose_backend()  # before anything imports Keras
