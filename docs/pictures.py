"""Take the pictures of the documentation: `just pictures`.

Runs the demo in a home of its own, starts `hartonomous dev` on it and photographs Dagster's page in headless Chromium
(`apt-get install chromium`, or CHROMIUM names another one). The pictures replace those in docs/images.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from hartonomous_core.clock import current_hour

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1280, 860
"""Of the page in CSS pixels: about what a README shows, so that the page's letters stay legible."""
GROUPS = ("queues", "ingestion", "vectors", "provenance")
MARGIN = 12

PAGES = {
    "columns": "/assets/atoms?view=overview",
    "partitions": f"/assets/atoms?view=partitions&partition={current_hour()}",
    "materialization": "/assets/atoms?view=events",
    "checks": "/assets/atoms?view=checks",
}
"""Pictures of a whole page, by name; `asset-graph` is a part of one."""


def main() -> None:
    """Make every picture anew."""
    with tempfile.TemporaryDirectory() as folder, _dev(Path(folder)) as address, sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        page.add_init_script("localStorage.setItem('dagster-nav-collapsed', 'true')")
        while not page.get_by_text("Passing").count():  # it takes the daemon a minute to say that an asset is fresh
            _open(page, address + PAGES["columns"])
        _open(page, f"{address}/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in GROUPS))
        page.screenshot(path=IMAGES / "asset-graph.png", clip=_graph(page))
        for name, path in PAGES.items():
            _open(page, address + path)
            page.screenshot(path=IMAGES / f"{name}.png")


@contextmanager
def _dev(folder: Path) -> Iterator[str]:
    """The address of the page of a home in which the demo ran."""
    environment = {**os.environ, "HARTONOMOUS_HOME": str(folder)}
    hartonomous, dagster = (str(Path(sys.executable).with_name(name)) for name in ("hartonomous", "dagster"))
    subprocess.run([hartonomous, "demo"], env=environment, check=True, stdout=subprocess.DEVNULL)
    environment |= {"HARTONOMOUS_HOME": str(folder / "demo"), "DAGSTER_HOME": str(folder / "demo" / "dagster")}
    merge = [dagster, "asset", "materialize", "-m", "hartonomous_assets.definitions", "--select", "search_index"]
    subprocess.run(merge, env=environment, check=True)  # else its schedule does, up to an hour later
    dev = subprocess.Popen([hartonomous, "dev"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert dev.stdout is not None
        announced = re.search(r"http://\S+", dev.stdout.readline())
        if announced is None:
            raise SystemExit("`hartonomous dev` did not start; its words are above")
        yield announced[0]
    finally:
        dev.terminate()
        dev.wait()


def _open(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(8000)  # the graph is laid out, what is folded in unfolds and states are shown late


def _graph(page: Page) -> FloatRect:
    """The place of the whole graph, with the controls that lie over it taken away."""
    page.locator("div:has([aria-label=zoom_in]):has([aria-label=download_for_offline])").last.evaluate(
        "controls => controls.style.display = 'none'"
    )
    boxes = [box for node in page.locator("foreignObject").all() if (box := node.bounding_box())]
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    return {
        "x": left - MARGIN,
        "y": top - MARGIN,
        "width": right - left + 2 * MARGIN,
        "height": bottom - top + 2 * MARGIN,
    }


if __name__ == "__main__":
    main()
