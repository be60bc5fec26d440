"""Parsers that may hang, die or eat memory: they run in a process of their own, which is used again."""
