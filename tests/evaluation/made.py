"""Labels and probabilities made for the tests of this folder."""

import numpy as np


def drawn(rows: int, seed: int, *, ties: bool = False, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) with both classes, probabilities (n,) that know something of them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < share).astype(np.int64)
    labels[:4] = 0, 1, 0, 1
    scores = np.clip(rng.normal(0.3 + 0.3 * labels, 0.25), 0, 1)
    return labels, np.round(scores, 1) if ties else scores


def arms_of(rows: int, skills: dict[str, float], share: float = 0.2, seed: int = 0, seeds: int = 1, apart: float = 0.3):
    """Labels (n, 1) and {arm: (S, n, 1)}: models of different skill that agree on what is difficult."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, 1)) < share).astype(float)
    noise = rng.normal(0, 1, (rows, 1))
    logits = {
        arm: skill * labels - 1.5 + noise + apart * rng.normal(0, 1, (seeds, rows, 1)) for arm, skill in skills.items()
    }
    return labels, {arm: 1 / (1 + np.exp(-one)) for arm, one in logits.items()}


def at(threshold: float, predictions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same threshold for every arm, seed and label."""
    return {arm: np.full(one.shape[::2], threshold) for arm, one in predictions.items()}
