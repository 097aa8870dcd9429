"""All rules by name, in the order in which they are checked and shown."""

from brainseg.checks import duplicates, files, folds, images, masks, patients, pixels

from brainseg.checks import readme_counts, sequences, slice_order, tumours  # isort: skip
from brainseg.checks.rule import Rule

_GROUPS: tuple[list[Rule], ...] = (
    files.RULES,
    images.RULES,
    masks.RULES,
    slice_order.RULES,
    sequences.RULES,
    pixels.RULES,
    tumours.RULES,
    duplicates.RULES,
    patients.RULES,
    folds.RULES,
    readme_counts.RULES,
)

RULES: dict[str, Rule] = {rule.name: rule for group in _GROUPS for rule in group}
