"""How BROWSER is read, which anybody may have set to anything."""

from pathlib import Path

import pytest

from hartonomous_service.viewers import NoViewer, show_page, split_command


@pytest.mark.parametrize(
    ("browser", "reason"),
    [(" ", "no browser is found"), ("firefox 'a", "BROWSER: No closing quotation"), ("''", "no browser is found")],
)
def test_a_browser_that_is_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: str, reason: str
) -> None:
    for name, value in {"BROWSER": browser, "PATH": str(tmp_path), "DISPLAY": ":7"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoViewer, match=reason):
        show_page(tmp_path / "a.pdf", 1)


def test_a_path_of_windows_keeps_its_backslashes() -> None:
    command = r'"C:\Program Files\Firefox\firefox.exe" -url %s #1'
    assert split_command(command, "win32") == [r"C:\Program Files\Firefox\firefox.exe", "-url", "%s", "#1"]
    assert split_command(r"/opt/a\ b '#'", "linux") == ["/opt/a b", "#"]
