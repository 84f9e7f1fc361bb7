"""Benchmarks: `python -m benchmarks.FOLDER.SCRIPT`, from the root of the repository."""

import os

# All models are on disk. huggingface_hub reads this when it is first imported.
os.environ["HF_HUB_OFFLINE"] = "1"
