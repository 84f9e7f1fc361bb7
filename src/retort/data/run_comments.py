"""The comments that a run folder keeps, by split."""

from pathlib import Path

import pandas as pd

from retort import runs


def run_above(folder: Path) -> Path | None:
    """The run that `folder` belongs to: a run folder itself, an arm, or an arm's export; None when it is in no run."""
    whole = folder.resolve()
    return next((place for place in (whole, *whole.parents[:2]) if (place / runs.SPLITS).is_file()), None)


def keeps_texts(run: Path) -> bool:
    """Whether the run was made without --no-texts."""
    return (run / runs.COMMENTS).is_file()


def split_with_texts(run: Path, split: str) -> pd.DataFrame:
    """The rows of one split with the columns of splits.parquet and `text`; for a run that keeps texts."""
    splits, texts = pd.read_parquet(run / runs.SPLITS), pd.read_parquet(run / runs.COMMENTS)
    return splits[splits["split"] == split].merge(texts, on="id", validate="one_to_one")
