"""Random fields of the sample: the same on each kind of processor."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.interpolate import BSpline

from brainseg.sample.fields import _interpolated

PROGRAM = """
import hashlib
import numpy as np
from brainseg.sample.fields import smooth_noise
field = smooth_noise(np.random.default_rng(0), (80, 90, 70), (14, 14, 14))
print(hashlib.sha256(field.tobytes()).hexdigest())
"""


def test_a_field_is_interpolated_as_by_a_product_with_the_basis():
    rng = np.random.default_rng(1)
    for count, length in ((1, 9), (14, 80)):
        field = rng.standard_normal((count + 3, 6, 5)).astype(np.float32)
        points = np.linspace(0, count, length, endpoint=False)
        knots = np.arange(-3, count + 4, dtype=float)
        basis = BSpline.design_matrix(points, knots, 3).toarray().astype(np.float32)
        found = _interpolated(field, basis)
        assert found.shape == (6, 5, length) and found.dtype == np.float32
        np.testing.assert_allclose(found, np.tensordot(field, basis, (0, 1)), atol=2e-6)


@pytest.mark.slow
def test_a_field_does_not_depend_on_the_kernels_that_a_processor_chooses():
    hashes = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"OPENBLAS_CORETYPE": kind},
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        for kind in ("Haswell", "Nehalem", "")
    }
    assert len(hashes) == 1
