"""Vectors: as rows hold them, and which of them lie nearest to a question."""
