"""Vectors: as rows hold them."""
