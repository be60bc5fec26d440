"""Checks an installation from top to bottom and says what to do, for `hartonomous doctor`: what `health` looks at, and what it stands on."""

from typing import Any

from hartonomous_resources.settings_problems import usable_settings
from hartonomous_service.check_outcomes import HEALTHY, UNHEALTHY, run_check, worst_of
from hartonomous_service.doctor import machine, running
from hartonomous_service.doctor.what_to_do import remedy_of
from hartonomous_service.health import check_health


def check_installation() -> dict[str, Any]:
    """Run every check; returns {"status", "checks": [{"name", "status", "detail", "remedy", "durationMs"}]}, the status the worst of all.

    `remedy` is what to do, None where all is well. Settings that are wrong count as their defaults in the other checks.
    Where this user has not the rights, the home is left alone.
    """
    settings, problems = usable_settings()
    first = [
        run_check(machine.check_python),
        run_check(machine.check_packages),
        run_check(machine.check_settings, settings, problems),
        run_check(machine.check_drivers, settings),
        run_check(machine.check_rights, settings),
    ]
    inside: list[dict[str, Any]] = []
    if first[-1]["status"] != UNHEALTHY:  # else files of the wrong user would come to lie in the home
        of_home = (running.check_dagster_storage, running.check_code_server, running.check_positions)
        inside = [*check_health(settings)["checks"], *(run_check(check, settings) for check in of_home)]
    last = [run_check(running.check_ports, settings), run_check(running.check_units)]
    checks = [
        {**check, "remedy": None if check["status"] == HEALTHY else remedy_of(check["name"], settings)}
        for check in [*first, *inside, *last]
    ]
    return {"status": worst_of(checks), "checks": checks}
