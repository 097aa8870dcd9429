"""Train a network on one fold of a cohort: settings, one loop, and a run that survives anything.

Keras is imported when a training begins, not with this package, so that a page can offer the settings.
"""

from brainseg.training.config import TrainingConfig, changed
from brainseg.training.session import new_run, train

__all__ = ["TrainingConfig", "changed", "new_run", "train"]
