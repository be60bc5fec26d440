"""Alerts and dashboard: Prometheus reads them, each alert fires when it should, on metrics that we have, and has a line on what to do."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from hartonomous_resources.resources import open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.http.metrics import Metrics
from tests.install.needed import needed
from tests.install.units import DEPLOY

ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "hartonomous.json").read_text("utf-8"))
ASKED = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
PAGE = (DEPLOY.parent / "docs" / "deployment.md").read_text("utf-8")


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([needed("promtool", "prometheus"), *words], capture_output=True, text=True, check=False)


def test_prometheus_reads_the_rules_and_the_part_of_its_configuration() -> None:
    rules, part = (
        promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS)),
        promtool("check", "config", "--syntax-only", str(ALERTS.with_name("prometheus.yml"))),
    )
    assert rules.returncode == 0, rules.stderr
    assert part.returncode == 0, part.stdout + part.stderr


def test_each_alert_fires_on_what_it_is_for_alone(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "alerts.test.yml").read_text("utf-8")
    (tmp_path / "test.yml").write_text(text.replace("ALERTS]", f"{ALERTS}]"))
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"alertname: (\w+)", text))
    assert f"value: {len(RULES)}}}" in text


def test_prometheus_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": asked} for number, asked in enumerate(ASKED)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def exposed(tmp_path: Path) -> set[str]:
    """The names of all samples that a server can show."""
    resources = open_resources(Settings(home=tmp_path))
    metrics = Metrics()
    metrics.watch(resources)
    try:
        text = generate_latest(metrics.registry).decode()
    finally:
        resources.close()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    return {name for name, kind in kinds.items() if kind != "histogram"} | {
        f"{name}_bucket" for name, kind in kinds.items() if kind == "histogram"
    }


def test_all_is_of_metrics_that_we_have(exposed: set[str]) -> None:
    asked = {
        name for text in [*ASKED, *(rule["expr"] for rule in RULES)] for name in re.findall(r"\bhartonomous_\w+", text)
    }
    assert asked and asked <= exposed
    assert {"hartonomous_queue_depth", "hartonomous_dead_letters", "hartonomous_search_seconds_bucket"} <= asked


def test_each_alert_has_a_line_that_says_what_to_do() -> None:
    section = PAGE.split("## Alerts")[1].split("\n## ")[0]
    lines = dict(re.findall(r"^\| `(Hartonomous\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert list(lines) == [rule["alert"] for rule in RULES]
    assert all(
        rule["labels"]["severity"] in ("warning", "critical") and rule["annotations"]["summary"] for rule in RULES
    )


def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len({(x, y) for x, y, *_ in places}) == len(places) and all(x + w <= 24 for x, _, w, _ in places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {
        f"${{{DASHBOARD['templating']['list'][0]['name']}}}"
    }
