"""Evaluation of predictions: figures, their uncertainty, paired differences, calibration. Never imports torch."""
