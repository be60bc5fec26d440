"""Files within a file, such as those of an archive or the attachments of a mail: each becomes a source of its own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

MOST_RATIO = 200
"""Bytes of all members to one of the source, beyond `BYTES_OF_ANY`."""
BYTES_OF_ANY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A file that is found within a source; blocks of its bytes follow.

    name: what the source calls it, with / between folders; only ever a name, never a path on this machine. Empty: the name of the source
    without its last extension.
    content_type: what the source says that it is; None: its bytes and its name tell.
    locator: where in the source it stands, as a `Section` has it; kept as `locator` in the metadata of the source that it becomes.
    """

    name: str
    content_type: str | None = None
    locator: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class MemberLost:
    """The member at hand cannot be read to its end: it is left out, for this reason."""

    reason: str


_SAY_WHAT_IS_WRONG = ("zipfile", "zlib", "xml.parsers.expat", "hartonomous_core.atomizers.sections")
"""Modules whose exceptions need no name: `BadZipFile`, `error`, `ExpatError`, `Partial`."""

MemberItem = Member | bytes | MemberLost
"""A member is a `Member`, its bytes in blocks, and where it cannot be read a `MemberLost`; whatever else comes ends it."""


class MemberTaker(Protocol):
    """Who takes members as they come."""

    def take(self, item: MemberItem) -> None:
        """Take the next item. Raises Partial where no more are taken."""

    def finish(self) -> None:
        """No more will come. Raises Partial where some were left out."""


class NoMembers:
    """Leaves members where they are."""

    def take(self, item: MemberItem) -> None:
        """Pass over it."""

    def finish(self) -> None:
        """Nothing was left out that anybody wanted."""


def most_unpacked_bytes(packed_bytes: int) -> int:
    """Return how many bytes may come out of a source of so many."""
    return max(BYTES_OF_ANY, MOST_RATIO * packed_bytes)


def member_items(
    name: str,
    blocks: Iterable[bytes],
    damage: tuple[type[Exception], ...],
    locator: Mapping[str, object] | None = None,
) -> Iterator[MemberItem]:
    """Yield a member and its blocks; errors of the types `damage` mean that it cannot be read."""
    yield Member(name, locator=locator)
    try:
        yield from blocks
    except damage as problem:
        yield MemberLost(describe(problem))


def lost_within(last: object, reason: str) -> Iterator[MemberLost]:
    """Yield that a member is lost, where nothing comes after its last item: what there is of it is no file."""
    if isinstance(last, Member | bytes):
        yield MemberLost(reason)


def describe(problem: Exception) -> str:
    """Say in a line what a parser raised: in its words alone, where these tell of the file and not of the parser."""
    kind, words = type(problem), " ".join(str(problem).split())[:200]
    if not words:
        return "it ends early" if kind is EOFError else f"its parser failed ({kind.__name__})"
    return words if kind.__module__ in _SAY_WHAT_IS_WRONG else f"{kind.__name__}: {words}"
