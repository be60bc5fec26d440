# Tasks of this repository: `just NAME`.

# Install for work on the code, into the active environment.
install:
    pip install -c constraints.txt -e '.[test]'

# Write the versions of the active environment, after CI has passed in it.
constraints:
    (head -1 constraints.txt && pip freeze --exclude-editable) > constraints.tmp && mv constraints.tmp constraints.txt

test *args:
    pytest {{ args }}

# What to run after each change: lint, types, and the tests without servers that take no seconds. About a minute on two cores.
quick:
    ruff check . && ruff format --check . && mypy && pytest -q -n 2 -m 'not slow' --durations=5 tests/unit tests/contract

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

# One parser with atheris for so many seconds; `python -m tests.fuzz.run -h` names them.
fuzz name seconds='60':
    pip install --quiet atheris && python -m tests.fuzz.run {{ name }} {{ seconds }}

demo:
    hartonomous demo

dev:
    hartonomous dev

# The pictures of the documentation, from a demo home in headless Chromium (apt-get install chromium).
pictures:
    pip install --quiet -e '.[pictures]' && python docs/pictures.py
