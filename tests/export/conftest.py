"""Exports that need no new graph."""

from tests.export.cached_graph import cached_graph as cached_graph
