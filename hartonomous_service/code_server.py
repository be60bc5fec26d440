"""Dagster's command `dagster`, as `dev` starts its code server with it: `python -m hartonomous_service.code_server api grpc …`.

Each run that the code server starts is an interpreter of its own, which imports the server's main module first, and so this one.
"""

import hartonomous_service.garbage  # noqa: F401 - for each of them

if __name__ == "__main__":
    from dagster._cli import main

    main()  # type: ignore[no-untyped-call]
