"""brainseg: see, check, train on and predict brain MRI segmentations.

The core of the dashboard, and a package of its own. It never imports Streamlit, and it imports Keras
only where a network is built, trained or run. The public API:

    import brainseg as bs

    cohort = bs.open_cohort("kaggle_3m")
    report = bs.check(cohort)
    model = bs.open_model()
    prediction = bs.predict(cohort["TCGA_CS_4941_19960909"], model)
    scores = bs.evaluate(cohort, model)
"""

import importlib
from typing import TYPE_CHECKING

from brainseg.backends import choose_backend

if TYPE_CHECKING:
    from brainseg.api import check, evaluate, open_cohort, open_model, predict, train

__all__ = ["check", "evaluate", "open_cohort", "open_model", "predict", "train"]

__version__ = "0.1.0"

RESEARCH_USE = "Research and education only. Not a medical device."

TUMOUR_MEANS = (
    "“Tumour” on this page means the dataset's manual FLAIR abnormality: "
    "the region an annotator outlined on FLAIR."
)

choose_backend()  # before anything imports Keras


def __getattr__(name: str) -> object:
    """Return a function of the public API, imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'brainseg' has no attribute {name!r}")
    return getattr(importlib.import_module("brainseg.api"), name)


def __dir__() -> list[str]:
    """Return the names of the module, those of the public API included."""
    return sorted({*globals(), *__all__})
