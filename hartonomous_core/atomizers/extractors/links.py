"""Where the links of a page or a document lead."""

import re

MOST_LINKS = 2000
LONGEST_LINK = 1000
"""Characters of the text of a link, and of where it leads."""
_LEADS_ELSEWHERE = re.compile(r"(?:https?|ftp|mailto|tel):|[^#?:]+(?:[?#]|$)", re.IGNORECASE)
"""Not to a place on the page itself, and not to a script or an embedded file."""


class Links:
    """`lines`: each link once, in order, with what it says; of very many the first."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, text: str, target: str) -> None:
        """Add one that leads elsewhere; `text` is what it says, on one line."""
        if len(target) <= LONGEST_LINK and _LEADS_ELSEWHERE.match(target):
            text = text[:LONGEST_LINK]
            self.add_line(f"{text}: {target}" if text and text != target else target)

    def add_line(self, line: str) -> None:
        """Add one as it stands in `lines`."""
        if len(self.lines) < MOST_LINKS and line not in self.lines:
            self.lines.append(line)
