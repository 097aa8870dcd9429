"""Score predictions against masks, case by case, on cases that the model never saw.

Nothing here imports Keras before a network runs: saved scores are loaded, summarised, grouped and
compared without it.
"""

from brainseg.evaluation.calibration import Calibration, calibration
from brainseg.evaluation.cases_to_score import (
    KNOWS_THE_PATIENT,
    LEARNED_FROM,
    scorable,
    scorable_names,
)
from brainseg.evaluation.comparison import Comparison, compare
from brainseg.evaluation.conventions import conventions, dice_at_thresholds
from brainseg.evaluation.groups import by_group, subgroups
from brainseg.evaluation.leakage import (
    Leakage,
    leakage_path,
    load_leakage,
    measure_leakage,
    save_leakage,
)
from brainseg.evaluation.scores import (
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    Evaluation,
    by_case,
    relations,
    worst,
)
from brainseg.evaluation.scoring import evaluate, measure
from brainseg.evaluation.shipped import load_scores, ship_scores
from brainseg.evaluation.store import save_scores, saved_scores
from brainseg.evaluation.summaries import (
    as_json,
    as_lines,
    distance_unit,
    figure_text,
    interval_text,
    summary,
)

__all__ = [
    "KNOWS_THE_PATIENT",
    "LEARNED_FROM",
    "SCORE_COLUMNS",
    "SLICE_COLUMNS",
    "Calibration",
    "Comparison",
    "Evaluation",
    "Leakage",
    "as_json",
    "as_lines",
    "by_case",
    "by_group",
    "calibration",
    "compare",
    "conventions",
    "dice_at_thresholds",
    "distance_unit",
    "evaluate",
    "figure_text",
    "interval_text",
    "leakage_path",
    "load_leakage",
    "load_scores",
    "measure",
    "measure_leakage",
    "relations",
    "save_leakage",
    "save_scores",
    "saved_scores",
    "scorable",
    "scorable_names",
    "ship_scores",
    "subgroups",
    "summary",
    "worst",
]
