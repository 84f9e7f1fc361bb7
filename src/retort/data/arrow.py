"""Cells of Arrow columns. This file needs pyarrow."""

from typing import Any

import numpy as np
import pyarrow as pa

from retort.data.chunks import Cells, hashable


def cells_of(column: pa.Array) -> Cells:
    """Floating-point numbers as a float64 array with NaN for null, everything else as Python values.

    Bytes that are not UTF-8 come as lone surrogates.
    """
    if pa.types.is_floating(column.type):
        numbers: np.ndarray = column.to_numpy(zero_copy_only=False).astype(np.float64)
        return numbers
    return _values(column)


def _values(column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if cell is None else cell.decode("utf-8", "surrogateescape") for cell in column.to_pylist()]
    try:
        return [hashable(cell) for cell in column.to_pylist()]
    except UnicodeDecodeError:
        return _values(column.cast(pa.large_binary()))
