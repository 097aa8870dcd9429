"""Train a network on one fold of a cohort.

Keras is imported when a training starts, not with this package, so that pages can show the settings
without it.
"""

from brainseg.training.config import TrainingConfig, changed
from brainseg.training.session import new_run, train

__all__ = ["TrainingConfig", "changed", "new_run", "train"]
