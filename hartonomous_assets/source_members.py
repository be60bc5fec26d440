"""Files within a source become sources of their own: their bytes are landed as they come, their rows with the source's end.

Whoever makes an archive decides what is in it, so nothing that it says of itself is believed: bytes, files and depth are counted, and a
source gives each archive within it a share of what it may hold itself. So a whole tree of archives holds no more than its root may.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from hartonomous_assets.stage import Work
from hartonomous_core.atomizers import Partial, atomizer_for
from hartonomous_core.atomizers.charsets import HEAD_BYTES
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.members import Member, MemberItem, MemberLost, most_unpacked_bytes
from hartonomous_core.atomizers.sections import small
from hartonomous_core.clock import timestamp
from hartonomous_resources.blobs import IncomingBytes, IncomingFile, TooManyBytes
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.source_rows import ClaimedSource
from hartonomous_resources.source_uris import MEMBER, SHARE, is_member_uri

MOST_DEPTH = 4
"""Archives within one another."""
MOST_MEMBERS = 10_000
"""Of a source and all within it."""
LONGEST_NAME = 1000
_LOCATOR = "locator"
_NAMED = 3
"""Files that were left out whose names are told."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a source may hold: levels below it, files and bytes in it."""

    depth: int
    members: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member whose bytes are on the disk."""

    uri: str
    content_type: str
    incoming: IncomingBytes
    may_hold_more: bool
    locator: Mapping[str, object] | None


class FoundMembers:
    """The members of one source, as a `MemberTaker`; whoever makes it closes it, and then what was not kept is gone."""

    def __init__(self, work: Work, source: ClaimedSource) -> None:
        self._work = work
        self._source = source
        self._share = _share_of(work, source)
        self._bytes_left = min(self._share.bytes, most_unpacked_bytes(source["byteLength"]))
        self._found: list[FoundMember] = []
        self._files: list[IncomingFile] = []
        self._lost: list[str] = []
        self._names: Counter[str] = Counter()
        self._open: tuple[Member, IncomingFile] | None = None
        self._head = b""

    @property
    def uris(self) -> list[str]:
        """The names of the sources that the members become."""
        return [member.uri for member in self._found]

    def take(self, item: MemberItem) -> None:
        """Take the next item. Raises Partial where the source holds more than it may."""
        if isinstance(item, Member):
            self._end_member()
            self._begin(item)
        elif self._open is None:
            return  # of a member that is left out
        elif isinstance(item, MemberLost):
            self._bytes_left -= self._open[1].byte_length  # it was unpacked all the same
            self._leave_out(self._open[0].name, item.reason)
        else:
            self._write(item)

    def finish(self) -> None:
        """Take in the last one. Raises Partial where files were left out."""
        self._end_member()
        if self._lost:
            files = "1 file in it was" if len(self._lost) == 1 else f"{len(self._lost):,} files in it were"
            more = "; …" if len(self._lost) > _NAMED else ""
            raise Partial(f"{files} left out: {'; '.join(self._lost[:_NAMED])}{more}")

    def land(self, unit_of_work: UnitOfWork) -> int:
        """Insert the rows of the members, and keep their bytes; returns how many there are. May be called again after a rollback."""
        self._end_member()
        if not self._found:
            return 0
        unit_of_work.query("lock_blobs")
        of_source = json.loads(self._source["metadata"])
        metadata = {key: value for key, value in of_source.items() if key not in (SHARE, _LOCATOR)}
        shares = self._shares()
        rows = [
            {
                "sourceUri": member.uri,
                "contentType": member.content_type,
                "byteLength": member.incoming.byte_length,
                "blobKey": member.incoming.key,
                "metadata": {
                    **metadata,
                    **({_LOCATOR: member.locator} if member.locator else {}),
                    **({SHARE: asdict(next(shares))} if member.may_hold_more else {}),
                },
            }
            for member in self._found
        ]
        unit_of_work.execute(
            "insert_members", source_id=self._source["sourceId"], members=json.dumps(rows), now=timestamp()
        )
        for member in self._found:
            member.incoming.keep()
        return len(rows)

    def close(self) -> None:
        """Let go of what was not kept."""
        for file in self._files:
            file.close()
        self._files.clear()

    def _shares(self) -> Iterator[Share]:
        """Yield what each member that may hold files may hold: one file, as far as these go, and by their lengths what is left besides."""
        lengths = [member.incoming.byte_length for member in self._found if member.may_hold_more]
        files = self._share.members - len(self._found)
        one_each = min(files, len(lengths))
        shares = (
            _divided(one_each, [1] * len(lengths)),
            _divided(files - one_each, lengths),
            _divided(max(0, self._bytes_left), lengths),
        )
        for one, more, size in zip(*shares, strict=True):
            yield Share(self._share.depth - 1, one + more, size)

    def _begin(self, member: Member) -> None:
        if self._share.depth < 1:
            raise Partial(f"files more than {MOST_DEPTH} archives deep are not taken in")
        if len(self._found) + len(self._lost) >= self._share.members:
            first = f"only the first {len(self._found):,} files" if self._found else "none of the files"
            raise Partial(f"{first} in it were taken in")
        locator = small(member.locator) if member.locator else None
        member = replace(member, name=member.name or self._own_name(), locator=locator)
        file = self._work.resources.blobs.receive(self._source["tenantId"], self._bytes_left)
        self._files.append(file)
        self._open, self._head = (member, file), b""
        if len(member.name) > LONGEST_NAME:
            self._leave_out(f"{member.name[:50]}…", "its name is too long")

    def _write(self, block: bytes) -> None:
        assert self._open is not None  # noqa: S101 - what `take` looks at
        self._head += block[: HEAD_BYTES - len(self._head)]
        try:
            self._open[1].write(block)
        except TooManyBytes:
            name = self._open[0].name
            self._leave_out(name, "")
            raise Partial(
                f"the files in it hold more bytes than they may: {name} and what follows was left out"
            ) from None

    def _leave_out(self, name: str, reason: str) -> None:
        assert self._open is not None  # noqa: S101 - what the callers look at
        self._lost.append(f"{name}: {reason}")
        self._open[1].close()
        self._files.remove(self._open[1])
        self._open = None

    def _end_member(self) -> None:
        if self._open is None:
            return
        (member, file), self._open = self._open, None
        self._bytes_left -= file.byte_length
        incoming = file.finish()
        uri = self._uri_of(member.name)
        content_type = member.content_type or sniff(self._head, member.name)
        self._found.append(FoundMember(uri, content_type, incoming, may_hold_more(content_type), member.locator))

    def _own_name(self) -> str:
        """Return the name of the source without its last extension."""
        return PurePosixPath(unquote(self._source["sourceUri"].rpartition("!/")[2])).stem or "file"

    def _uri_of(self, name: str) -> str:
        """Return the uri of a member; of several of one name the second is that with `;2`."""
        parent = self._source["sourceUri"].removeprefix(MEMBER)
        uri = f"{MEMBER}{parent}!/{quote(name.encode('utf-8', 'replace'))}"
        self._names[uri] += 1
        return uri if self._names[uri] == 1 else f"{uri};{self._names[uri]}"


def may_hold_more(content_type: str) -> bool:
    """Tell whether a source of this type may hold files, which become sources of their own: an archive, a mail."""
    return atomizer_for(content_type).has_members


def _share_of(work: Work, source: ClaimedSource) -> Share:
    """Return what a source may hold: one that came by itself what any may, a member what its parent left to it."""
    if not is_member_uri(source["sourceUri"]):
        return Share(MOST_DEPTH, MOST_MEMBERS, work.resources.settings.max_source_bytes)
    given = json.loads(source["metadata"]).get(SHARE)
    return Share(**given) if given else Share(0, 0, 0)


def _divided(amount: int, weights: Sequence[int]) -> Iterator[int]:
    """Yield a share of an amount for each weight; together they are the amount."""
    total, before = sum(weights) or 1, 0
    for weight in weights:
        yield amount * (before + weight) // total - amount * before // total
        before += weight
