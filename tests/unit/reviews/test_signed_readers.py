"""Each signed-in reader keeps initials that no other reader has."""

import pytest
from support.cohorts import FIRST

from brainseg.cohort import Cohort
from brainseg.reviews import AGREE, open_reviews
from brainseg.reviews.signed_readers import initials_for


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Anna Maria Öhl", "AMÖ"), ("anna", "A"), ("", "R"), ("- !", "R"), ("李 明", "李明")],
)
def test_initials_are_those_of_the_name(review_place, name, initials):
    assert initials_for("issuer subject", name) == initials


def test_an_identity_keeps_its_initials_and_shares_them_with_nobody(review_place, tiny_cohort):
    open_reviews(Cohort.open(tiny_cohort)).put(FIRST, "AB2", AGREE)
    assert initials_for("issuer 1", "Anna Berg") == "AB"
    assert initials_for("issuer 2", "Arno Blum") == "AB3", "AB2 may be another reader"
    assert initials_for("issuer 1", "Anna Married") == "AB"
