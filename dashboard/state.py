"""The names of query parameters and widget keys, and the pages: each written once.

A parameter of the address and the widget that shows it have the same name.
"""

CASE = "case"
SLICE = "slice"
SEQUENCE = "sequence"
MASK = "mask"
OPACITY = "opacity"
SEED = "seed"
TUMOUR = "tumour"
FROM = "from"
SHOW = "show"
INSTITUTION = "institution"
SEARCH = "search"
WHERE = "where"
SORT = "sort"
COLUMNS = "columns"
READER = "reader"
COLUMN = "column"
SEVERITY = "severity"
KIND = "kind"
RUN = "run"
MODEL = "model"
SOURCE = "source"
THRESHOLD = "threshold"

PAGE = "_page"
"""Not a widget: the address of the page that is open, set by app.py before the page runs."""

OVERVIEW = "views/overview.py"
WORKLIST = "views/worklist.py"
CASE_PAGE = "views/case.py"
BROWSER = "views/browser.py"
DATASET = "views/dataset.py"
CHECKS = "views/checks.py"
TRAINING = "views/training.py"
EVALUATION = "views/evaluation.py"
PREDICTION = "views/prediction.py"

VIEWER = "viewer"

DATA_ENVIRONMENT = "BRAINSEG_DATA"
