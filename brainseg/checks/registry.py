"""All rules by name, in the order in which they are checked and shown."""

from dataclasses import replace

from brainseg.checks import duplicates, files, folds, images, masks, patients, pixels

from brainseg.checks import readme_counts, sequences, slice_order, tumours, volumes  # isort: skip
from brainseg.checks.rule import Rule

_GROUPS = {
    "files": files.RULES,
    "images": images.RULES,
    "masks": masks.RULES,
    "volumes": volumes.RULES,
    "stacks": slice_order.RULES,
    "sequences": sequences.RULES,
    "pixels": pixels.RULES,
    "tumours": tumours.RULES,
    "duplicates": duplicates.RULES,
    "patients": patients.RULES,
    "folds": folds.RULES,
    "claims": readme_counts.RULES,
}

_COMPARE_CASES = ("duplicates", "patients", "folds", "claims")

RULES: dict[str, Rule] = {
    rule.name: replace(
        rule, group=group, compares_cases=rule.compares_cases or group in _COMPARE_CASES
    )
    for group, rules in _GROUPS.items()
    for rule in rules
}
