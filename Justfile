# Tasks of this repository: `just NAME`.

# Install for work on the code, into the active environment.
install:
    pip install -e '.[test]'

test *args:
    pytest {{ args }}

lint:
    ruff check . && ruff format --check . && mypy

format:
    ruff format . && ruff check --fix .

# All that CI does, in a fresh environment.
ci:
    bash .ci/run

# Kill -9 at random times while files are ingested; 20 rounds.
soak rounds='20' files='200':
    python -m tests.faults.soak --rounds {{ rounds }} --files {{ files }}

demo:
    hartonomous demo

dev:
    hartonomous dev
