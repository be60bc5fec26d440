"""Dagster's command `dagster`, as `dev` starts its code server with it: `python -m hartonomous_service.code_server api grpc …`.

Each run that the code server starts is an interpreter of its own, which imports the server's main module first, and so this one.
"""

import gc

# As in cli/__init__.py: nearly all that a start makes stays, and to look for garbage in it takes a tenth of the time.
gc.set_threshold(50_000)

if __name__ == "__main__":
    from dagster._cli import main

    main()  # type: ignore[no-untyped-call]
