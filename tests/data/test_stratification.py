"""Iterative stratification."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retort.data.stratification import iterative_stratification


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_iterative_stratification_fills_every_subset_exactly(rows: int, width: int, seed: int, density: float) -> None:
    generator = np.random.default_rng(seed)
    positive = generator.random((rows, width)) < density
    wanted = [rows - rows // 3 - rows // 5, rows // 3, rows // 5]
    places = iterative_stratification(positive, wanted, generator)
    assert np.bincount(places, minlength=3).tolist() == wanted
