"""The quality of the neighbours on the page "Similar slices", and the time to compute their features.

The weight of the mirror image was chosen on every second patient; the others measure it.
Usage: python benchmarks/features.py DATA
"""

import sys
import time
from dataclasses import replace

import numpy as np
from support.measuring import machine

WEIGHTS = (0.0, 1.0, 1.4, 2.0)
NEIGHBOURS = 10


def main() -> None:
    from sklearn.decomposition import PCA
    from sklearn.manifold import trustworthiness

    from brainseg.cohort import Cohort
    from brainseg.statistics import embeddings
    from brainseg.statistics.neighbours import agreement

    cohort = Cohort.open(sys.argv[1])
    started = time.perf_counter()
    found = embeddings.describe_images(cohort)
    seconds = time.perf_counter() - started
    print(machine())
    print(f"{len(found)} slices described and mapped in {seconds:.1f} s")
    patients = cohort.slices["patient_id"].drop_duplicates().sort_values().tolist()
    halves = {"chosen on": patients[::2], "measured on": patients[1::2]}
    mirrored = np.arange(found.vectors.shape[1]) >= embeddings.CELLS**2
    for weight in WEIGHTS:
        scale = np.where(mirrored, weight / embeddings.MIRROR_WEIGHT, 1).astype(np.float32)
        agreements = []
        for name, half in halves.items():
            slices = cohort.slices[cohort.slices["patient_id"].isin(half)]
            measured = agreement(replace(found, vectors=found.vectors * scale), slices)
            agreements.append(
                f"{name} {measured.same_state:.1%} (same place {measured.same_state_by_position:.1%}, "
                f"chance {measured.same_state_by_chance:.1%})"
            )
        print(f"mirror weight {weight:3.1f}: same tumour state: {'; '.join(agreements)}")
    flat = PCA(2, random_state=0).fit_transform(found.vectors)
    for name, places in ((found.method, found.places), ("PCA", flat)):
        kept = trustworthiness(found.vectors, places, n_neighbors=NEIGHBOURS)
        print(f"{name}: trustworthiness of {NEIGHBOURS} neighbours {kept:.3f}")


if __name__ == "__main__":
    main()
