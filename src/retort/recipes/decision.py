"""What validation decides about a trained model: its calibration, its thresholds, and what people should review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retort.evaluation.calibration import Calibration
from retort.evaluation.calibration_fit import FittedCalibration, fit_calibration
from retort.evaluation.metrics import Array, rated
from retort.evaluation.predictions import as_saved
from retort.evaluation.review import Band, review_bands, reviewed
from retort.evaluation.thresholds import ThresholdChoice, choose_threshold
from retort.recipes.experiment import ExperimentSettings


@dataclass(frozen=True)
class Decision:
    """By label: the calibration, the threshold, and for each share of reviewed comments its band."""

    calibrations: Mapping[str, FittedCalibration]
    choices: Mapping[str, ThresholdChoice]
    bands: Mapping[str, Mapping[str, Band]]

    @property
    def thresholds(self) -> dict[str, float]:
        """Label -> the threshold in use."""
        return {name: choice.value for name, choice in self.choices.items()}

    def as_json(self) -> dict[str, Any]:
        """What retort.json records."""
        return {
            "thresholds": self.thresholds,
            "threshold_choices": {name: choice.as_json() for name, choice in self.choices.items()},
            "calibration": {name: one.as_json() for name, one in self.calibrations.items()},
            "review_bands": {
                name: {share: list(band) for share, band in bands.items()} for name, bands in self.bands.items()
            },
        }

    def calibrated(self, probabilities: Array) -> Array:
        """A model's own probabilities (n, n_labels) as its folder will give them."""
        return Calibration.of(self.as_json(), tuple(self.calibrations))(probabilities)


def decide_on_validation(
    probabilities: Array, labels: Array, attributes: Sequence[str], settings: ExperimentSettings
) -> Decision:
    """Decides each label by itself, on the validation comments that are rated for it.

    probabilities: the model's own, labels: 0 and 1, NaN where unrated; both (n, n_labels), n >= 0.
    """
    evaluation = settings.evaluation
    calibrations, choices, bands = {}, {}, {}
    for column, name in enumerate(attributes):
        truth, own = rated(labels[:, column], probabilities[:, column])
        calibrations[name] = calibration = fit_calibration(truth, own, evaluation.calibration)
        choices[name] = choice = choose_threshold(
            truth, as_saved(calibration(own)), evaluation.threshold_target, settings.decision_threshold
        )
        every = as_saved(calibration(probabilities[:, column]))
        bands[name] = review_bands(every, choice.value, evaluation.review_shares)
    return Decision(calibrations, choices, bands)


def review_figures(
    about: Mapping[str, Any], probabilities: Array, labels: Array, attributes: Sequence[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Label -> share asked for -> {"share", "accuracy", "recall"} on other comments, as `reviewed` gives them.

    about: a model's retort.json, with its thresholds and bands. probabilities: the final ones; both arrays
    (n, n_labels).
    """
    return {
        name: {
            share: reviewed(labels[:, column], probabilities[:, column], about["thresholds"][name], tuple(band))
            for share, band in about["review_bands"][name].items()
        }
        for column, name in enumerate(attributes)
    }
