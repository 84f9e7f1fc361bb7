"""comparison.json from a run folder: every figure comes from saved predictions, so judging again trains nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort import runs
from retort.config import DECISION_THRESHOLD
from retort.data.splits import Splits, labels
from retort.errors import DataError
from retort.evaluation.metrics import METRICS, measure, why_missing
from retort.evaluation.predictions import read_predictions
from retort.evaluation.statistics import judge
from retort.recipes.costs import costs_of
from retort.recipes.decision import review_figures
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.identities import bias_by_identity
from retort.recipes.trainings import Training, draw_folder, finished_seeds, read_failures
from retort.report.choice import recommend, verdict
from retort.report.limits import why_excluded
from retort.training.terms import loss_titles

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]

SCHEMA = 3


@dataclass(frozen=True)
class TrainedArm:
    """One arm of one draw in all of its trainings; the first is that of the run's first seed.

    about: the first one's retort.json. records: their training.json. histories: their history.jsonl. thresholds: of
    each training, (S, n_attributes). predictions: split -> (S, n, n_attributes). An arm without chance in training has
    one training, whatever the number of seeds.
    """

    about: dict[str, Any]
    seeds: list[int]
    records: list[dict[str, Any]]
    histories: list[list[dict[str, Any]]]
    thresholds: Array
    predictions: dict[str, Array]


@dataclass(frozen=True)
class TrainedDraw:
    """One draw of the comments with its arms. labels: split -> (n, n_attributes), NaN where unrated."""

    draw: int
    seeds: list[int]
    splits: Splits
    attributes: tuple[str, ...]
    labels: dict[str, Labels]
    arms: dict[str, TrainedArm]


def comparison_of(
    run: Path, settings: ExperimentSettings, resident_bytes: Mapping[str, int] = MappingProxyType({})
) -> dict[str, Any]:
    """The content of comparison.json of all that is trained in `run`, which has at least its first training.

    resident_bytes: the memory that serving an arm takes, where it was measured. Raises ModelError or DataError, naming
    the file, when the folder is not whole.
    """
    own = _read_draw(run, settings, 0)
    tests, pairs = _judged(own, settings)
    record = runs.read_json(run / runs.RUN, "a finished run has one")
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "preset": settings.preset,
        "seed": settings.seed,
        "seeds": own.seeds,
        "failed_seeds": read_failures(run),
        "base": settings.base,
        "task": settings.task.as_dict(),
        "attributes": list(own.attributes),
        "primary": settings.task.primary,
        "label_threshold": settings.label_threshold,
        "decision_threshold": settings.decision_threshold,
        "margin": settings.evaluation.margin,
        "limits": dict(settings.evaluation.limits),
        "terms": {name: {"title": title} for name, title in loss_titles().items()},
        "data": _data(own, settings, record),
        "notes": record["notes"],
        "costs": record["costs"],
        "arms": _entries(own, settings, tests, record["costs"], resident_bytes),
        "pairs": pairs,
        "bias": _bias(own, settings),
    }
    if (run / runs.TUNING).is_file():
        content["tuning"] = runs.read_json(run / runs.TUNING, "run the comparison again")
    if settings.resplits > 1:
        content["resplits"] = _resplits(run, settings, content)
    content["recommendation"] = recommend(content)
    return content | {"verdict": verdict(content)}


def own_figures(
    truth: Labels, probabilities: Array, attributes: Sequence[str], thresholds: Mapping[str, float]
) -> dict[str, dict[str, dict[str, Any]]]:
    """{label: {metric: {"value"}}} of one training, without intervals; both matrices are (n, n_attributes).

    A value that does not exist is None, with its reason as "why".
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for column, name in enumerate(attributes):
        one = (truth[:, column], probabilities[:, column], thresholds[name])
        missing = why_missing(*one)
        found[name] = {
            metric: {"value": value} | ({"why": missing[metric]} if metric in missing else {})
            for metric, value in measure(*one).items()
        }
    return found


def _by_seed(arm: TrainedArm, draw: TrainedDraw, split: str) -> dict[str, dict[str, dict[str, Any]]]:
    """{label: {metric: {"value": mean over seeds, "seeds": [...]}}} on one split."""
    found = [
        own_figures(draw.labels[split], probabilities, draw.attributes, dict(zip(draw.attributes, row, strict=True)))
        for probabilities, row in zip(arm.predictions[split], arm.thresholds, strict=True)
    ]
    return {
        name: {metric: _mean([one[name][metric] for one in found]) for metric in METRICS} for name in draw.attributes
    }


def _mean(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over seeds; None, with the reason, where a seed has none."""
    values = [figure["value"] for figure in figures]
    why = [figure["why"] for figure in figures if "why" in figure]
    if why:
        return {"value": None, "seeds": values, "why": why[0]}
    return {"value": float(np.mean(values)), "seeds": values}


def _judged(draw: TrainedDraw, settings: ExperimentSettings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return judge(
        draw.labels["test"],
        {name: arm.predictions["test"] for name, arm in draw.arms.items()},
        draw.attributes,
        {name: arm.thresholds for name, arm in draw.arms.items()},
        samples=settings.evaluation.ece_samples,
        seed=settings.data.seed,
        margin=settings.evaluation.margin,
        primary=settings.task.primary,
    )


def _bias(draw: TrainedDraw, settings: ExperimentSettings) -> dict[str, Any]:
    """Figures by identity on the primary label, and of every arm less the teacher."""
    column = draw.attributes.index(settings.task.primary)
    return bias_by_identity(
        draw.splits.part("test"),
        draw.splits.identities,
        draw.labels["test"][:, column],
        {name: arm.predictions["test"][:, :, column] for name, arm in draw.arms.items()},
        {name: arm.thresholds[:, column] for name, arm in draw.arms.items()},
        samples=settings.evaluation.ece_samples,
        seed=settings.data.seed,
        reference=next((name for name, arm in draw.arms.items() if arm.about["role"] == "teacher"), None),
    )


def _resplits(run: Path, settings: ExperimentSettings, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every draw with the figures and differences in average precision that it gave."""
    primary = settings.task.primary
    rows = [_resplit(own, own["data"]["seed"], own["data"]["shares"]["test"])]
    for number in range(1, settings.resplits):
        if not finished_seeds(run, settings, number):
            continue
        draw = _read_draw(run, settings, number)
        tests, pairs = _judged(draw, settings)
        arms = _entries(draw, settings, tests, {}, {})
        for name, facts in arms.items():
            # Speed and memory are measured once, in the first draw.
            facts |= {key: own["arms"][name][key] for key in ("cost", "excluded")}
        content = {**own, "arms": arms, "pairs": pairs, "attributes": list(draw.attributes)}
        shares = draw.splits.shares((primary,), settings.label_threshold)
        content["data"] = {**own["data"], "shares": shares}
        content["recommendation"] = recommend(content)
        rows.append(_resplit(content, settings.data.seed + number, shares["test"]))
    return rows


def _resplit(content: Mapping[str, Any], seed: int, share: Mapping[str, Any]) -> dict[str, Any]:
    primary = content["primary"]
    return {
        "data_seed": seed,
        "rows": share["rows"],
        "positives": round(share["rows"] * (share[primary] or 0)),
        "arms": {
            name: {"average_precision": facts["test"][primary]["average_precision"]}
            for name, facts in content["arms"].items()
        },
        "pairs": [row for row in content["pairs"] if row["metric"] == "average_precision"],
        "recommendation": content.get("recommendation") or recommend(content),
    }


def _data(draw: TrainedDraw, settings: ExperimentSettings, record: Mapping[str, Any]) -> dict[str, Any]:
    shares = draw.splits.shares(draw.attributes, settings.label_threshold)
    return {
        "seed": settings.data.seed,
        "rows": {name: share["rows"] for name, share in shares.items()},
        "shares": shares,
        "source": record["data"]["comments"]["source"],
        "duplicates": record["duplicates"],
        "dropped": {name: report["dropped"] for name, report in record["data"].items()},
    }


def _entries(
    draw: TrainedDraw,
    settings: ExperimentSettings,
    tests: Mapping[str, Any],
    shared: Mapping[str, float],
    resident_bytes: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """What is recorded of every arm; `shared` are the costs that several arms share."""
    measured = {
        name: arm.records[0]["cost"] | _train_seconds(arm.records) | {"resident_bytes": resident_bytes.get(name)}
        for name, arm in draw.arms.items()
    }
    costs = costs_of(settings, measured, shared.get("teacher_outputs_seconds"))
    return {name: _entry(draw, arm, tests[name], costs[name], settings) for name, arm in draw.arms.items()}


def _entry(
    draw: TrainedDraw, arm: TrainedArm, test: dict[str, Any], cost: dict[str, Any], settings: ExperimentSettings
) -> dict[str, Any]:
    about, first = arm.about, arm.records[0]
    facts = ("kind", "role", "loader", "title", "description", "start", "distilled", "layer_indices", "teacher_layers")
    no_speed = {"latency_ms": {"p50": None, "p95": None}, "comments_per_second": None, "device": None}
    return {
        **{key: about[key] for key in facts},
        "parameters": first["parameters"],
        "history": arm.histories[0],
        "best_epoch": first["best_epoch"],
        "training": [
            {
                "seed": seed,
                "best_epoch": record["best_epoch"],
                "train_seconds": record["cost"].get("train_seconds"),
                "history": history,
            }
            for seed, record, history in zip(arm.seeds, arm.records, arm.histories, strict=True)
        ],
        "thresholds": {label: arm.thresholds[:, i].tolist() for i, label in enumerate(draw.attributes)},
        **_decided(arm, draw),
        "validation": _by_seed(arm, draw, "validation"),
        "test": test,
        "excluded": why_excluded(cost, settings.evaluation.limits),
        "cost": no_speed | cost,
    }


def _decided(arm: TrainedArm, draw: TrainedDraw) -> dict[str, Any]:
    """What validation decided for the first seed's model, and what reviewing gains on test; nothing without a model."""
    if "review_bands" not in arm.about:
        return {}
    review = review_figures(arm.about, arm.predictions["test"][0], draw.labels["test"], draw.attributes)
    return {key: arm.about[key] for key in ("threshold_choices", "calibration")} | {"review": review}


def _train_seconds(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    seconds = [record["cost"].get("train_seconds") for record in records]
    return {"train_seconds": None if None in seconds else float(np.mean(seconds))}


def _read_draw(run: Path, settings: ExperimentSettings, number: int) -> TrainedDraw:
    folder = draw_folder(run, number)
    finished = finished_seeds(run, settings, number)
    about = runs.read_about(folder / settings.arms[0])
    attributes = tuple(about["attributes"])
    splits = read_splits(folder, settings)
    parts = {name: splits.part(name) for name in runs.SPLIT_NAMES[1:]}
    return TrainedDraw(
        number,
        [training.seed for training in finished],
        splits,
        attributes,
        {name: labels(part, attributes, settings.label_threshold) for name, part in parts.items()},
        {
            name: _read_arm(name, [one for one in finished if one.first or settings.is_seeded(name)], parts, attributes)
            for name in settings.arms
        },
    )


def read_splits(folder: Path, settings: ExperimentSettings) -> Splits:
    """The splits of a run or a draw, without texts. Raises DataError when the file cannot be read."""
    path = folder / runs.SPLITS
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); a finished run folder has it") from error
    identities = tuple(name for name in settings.task.identities.columns if name in frame)
    return Splits(frame.assign(id=frame["id"].astype(str)), settings.task.in_order(frame.columns), identities, {}, [])


def _read_arm(
    name: str, trainings: Sequence[Training], parts: Mapping[str, pd.DataFrame], attributes: Sequence[str]
) -> TrainedArm:
    folders = [training.folder / name for training in trainings]
    abouts = [runs.read_about(folder) for folder in folders]
    frames = [read_predictions(folder / runs.PREDICTIONS) for folder in folders]
    return TrainedArm(
        abouts[0],
        [training.seed for training in trainings],
        [runs.read_json(folder / runs.TRAINING, "a finished arm has one") for folder in folders],
        [_history(folder / runs.HISTORY) for folder in folders],
        np.asarray([[about["thresholds"].get(key, DECISION_THRESHOLD) for key in attributes] for about in abouts]),
        {
            split: np.stack([_probabilities(frame, split, part["id"], attributes) for frame in frames])
            for split, part in parts.items()
        },
    )


def _history(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _probabilities(frame: pd.DataFrame, split: str, ids: pd.Series, attributes: Sequence[str]) -> Array:
    """(n, n_attributes) of one split, in the order of `ids`."""
    rows = frame[frame["split"] == split].set_index("id").loc[ids, list(attributes)]
    return rows.to_numpy(np.float64)
