"""Compute in a process of its own: what `hartonomous gpu-worker` speaks, serves and is asked. docs/worker.md has it byte for byte."""
