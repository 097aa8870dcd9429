"""Whether predictions are right where the passes agree.

    python benchmarks/uncertainty.py DATA [--model NAME] [--most CASES]

Each held-out case is predicted with all permitted folds and mirror images. Errors are counted separately
for voxels on which the passes agree and disagree; the agreement of a case is compared with its Dice.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from brainseg.cohort import Cohort
from brainseg.inference.prediction import FULL, STANDARD, predict_timed
from brainseg.inference.uncertainty import agreement_of, certain_and_possible
from brainseg.metrics import dice
from brainseg.models import HELD_OUT, open_model


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--most", type=int, help="cases, the first of those held out")
    options = parser.parse_args()
    cohort, model = Cohort.open(options.data), open_model(options.model)
    chosen = [
        name for name in cohort.cases if model.exposure(cohort.case(name)).relation == HELD_OUT
    ]
    rows, counted = [], np.zeros((2, 2), np.int64)
    for name in chosen[: options.most]:
        case = cohort.case(name)
        volume, (masks, has_mask), exposure = case.volume(), case.masks(), model.exposure(case)
        full = predict_timed(volume, model, exposure, FULL)
        threshold = model.threshold_for(exposure.folds)
        scored = predict_timed(volume, model, exposure, STANDARD)
        agreement = agreement_of(full, threshold)
        predicted = full.mask(threshold)
        wrong = predicted != masks
        # Voxels where no pass predicts tumour are left out: agreement there means nothing.
        agreed, possible = certain_and_possible(full, threshold)
        for place, group in enumerate((agreed, possible & ~agreed)):
            group = group[has_mask]
            counted[place] += (int(group.sum()), int((group & wrong[has_mask]).sum()))
        rows.append(
            {
                "case": name,
                "agreement": agreement.share,
                "dice": dice(masks[has_mask], predicted[has_mask]),
                "dice_as_scored": dice(masks[has_mask], scored.mask(threshold)[has_mask]),
                "members": full.ensemble_size,
            }
        )
    known = [(row["agreement"], row["dice"]) for row in rows if row["agreement"] is not None]
    agreement, score = np.array(known).T
    order = np.argsort(-agreement)
    half = len(order) // 2
    found = spearmanr(agreement, score)
    facts = {
        "model": model.name,
        "cases": len(rows),
        "members": sorted({row["members"] for row in rows}),
        "mean_dice": float(np.mean([row["dice"] for row in rows])),
        "mean_dice_as_scored": float(np.mean([row["dice_as_scored"] for row in rows])),
        "voxels_agreed": int(counted[0, 0]),
        "wrong_of_agreed": counted[0, 1] / counted[0, 0],
        "voxels_doubtful": int(counted[1, 0]),
        "wrong_of_doubtful": counted[1, 1] / max(1, counted[1, 0]),
        "spearman_agreement_dice": float(found.statistic),
        "spearman_p": float(found.pvalue),
        "dice_of_the_more_agreed_half": float(score[order[:half]].mean()),
        "least_dice_of_the_more_agreed_half": float(score[order[:half]].min()),
        "dice_of_the_less_agreed_half": float(score[order[half:]].mean()),
        "by_case": rows,
    }
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
