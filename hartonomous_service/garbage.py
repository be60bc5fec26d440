"""Imported first by what starts a process: nearly all that a start imports and makes stays, so garbage is seldom looked for.

To look through it after every 700 objects, as Python does, took a sixth of Dagster's start.
"""

import gc

gc.set_threshold(50_000)
