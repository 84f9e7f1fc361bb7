"""Scoring files of any size: rows stream in, scores stream out, in the same order."""
