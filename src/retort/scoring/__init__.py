"""Scores files of any size: rows are read, scored and written as a stream, in the order of the file.

local.py reads and scores; output.py writes one of the tables of tables.py, or the folder of shards.py.
"""
