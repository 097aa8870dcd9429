"""The measures of each label on a slice, where they differ from those of the union of the labels."""

import json
from collections.abc import Collection, Mapping

import numpy as np

from brainseg.cohort.slice_features import column_of, describe_slice
from brainseg.volume import SEQUENCES

OF_LABEL = (
    *("area_px", "components", "largest_component_px", "islands", "pinholes", "holes"),
    *("hole_px", "perimeter_px", "outside_head_px", "tumour_row", "tumour_column", "tumour_grid"),
    *(column_of("tumour_mean", sequence) for sequence in SEQUENCES),
)
"""The columns of the index that describe a region: the union of the labels, or one of them."""


def measures_of_labels(
    image: np.ndarray, regions: Mapping[str, np.ndarray], row: dict, hidden: Collection[str] = ()
) -> str | None:
    """Return :data:`OF_LABEL` of each label that differs from the union as JSON, None if none does.

    Args:
        image: as for :func:`brainseg.cohort.slice_features.describe_slice`.
        regions: (h, w) bool by label.
        row: of the union.
        hidden: columns that are not known of this image.
    """
    found = {}
    for name, region in regions.items():
        if region.any() and np.count_nonzero(region) != row.get("area_px"):
            own = describe_slice(image, region.view(np.uint8))
            found[name] = [None if column in hidden else own.get(column) for column in OF_LABEL]
    return json.dumps(found, default=float) if found else None
