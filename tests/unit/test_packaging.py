"""What is installed: requirements that resolve at once, and the versions that CI tested."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = {
    requirement.name.lower().replace("_", "-"): requirement
    for line in (CHECKOUT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
    for requirement in [Requirement(line)]
}
EXTRAS = [
    line for name in ("sqlserver", "openlineage", "prov", "test") for line in PROJECT["optional-dependencies"][name]
]
REQUIREMENTS = [
    requirement
    for requirement in map(Requirement, [*PROJECT["dependencies"], *EXTRAS])
    if requirement.name != PROJECT["name"]
    and (requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"}))
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_a_requirement_is_tested_by_ci_in_a_version_near_its_floor(requirement: Requirement) -> None:
    [floor] = [each for each in requirement.specifier if each.operator == ">="]
    [tested] = CONSTRAINTS[requirement.name.lower().replace("_", "-")].specifier

    assert requirement.specifier.contains(tested.version)
    assert int(tested.version.split(".")[0]) - int(floor.version.split(".")[0]) <= 1


def test_ci_installs_what_the_constraints_say() -> None:
    assert "-c constraints.txt" in (CHECKOUT / ".ci" / "run").read_text()


def test_the_graphs_of_vectors_and_the_text_model_load_in_either_order() -> None:
    """A usearch whose import came first made that of onnxruntime end the process."""
    for program in ("import usearch.index, onnxruntime", "import onnxruntime, usearch.index"):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0, program
