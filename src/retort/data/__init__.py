"""Comments from a file, the hub or the embedded sample, read in one direction.

    formats/  ->  files.py       ->  checks.py     ->  comments.py  ->  splits.py
    chunks        named columns      checked rows      Comments         train, validation, test

sources.py chooses where the comments come from, run_comments.py reads those that a run keeps, batches.py turns them
into what a model reads.
"""
