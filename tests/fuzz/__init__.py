"""Coverage-guided fuzzing of our parsers, by hand: `just fuzz NAME SECONDS`."""
