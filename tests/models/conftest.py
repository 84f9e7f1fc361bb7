"""The training and validation comments of the loop's tests, for models that are fitted here."""

from tests.training.test_loop import train as train
from tests.training.test_loop import validation as validation
