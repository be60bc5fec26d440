"""The process in which extractors run that may hang, die or eat memory: a request a line comes in, an answer a line goes out.

It imports nothing of ours but the core, writes no file, and ends when nobody asks any more.
"""

import io
import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hartonomous_core.atomizers.document_atomizer import Format, Item, extract_here
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.sections import Partial, Picture, Section

LONGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of a line: a section with its place."""
_BLOCK_BYTES = 1024 * 1024


def main() -> None:
    """Answer requests from the standard input until it ends; the argument is the limit of its memory in bytes."""
    memory_bytes = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit_files_and_memory(memory_bytes)
    answers.write(b"{}\n")
    answers.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_processor(request["seconds"])
        is_spent = False
        for answer in _answers(request):
            is_spent = "end" in answer and _size_bytes() > memory_bytes // 2
            coded = _line({**answer, "spent": is_spent} if "end" in answer else answer)
            if len(coded) > LONGEST_ANSWER:
                is_spent = True
                coded = _line({"end": "a part of it is too long to be read", "spent": True})
            answers.write(coded)
            answers.flush()  # what was read is kept, whatever the parser does next
            if is_spent:
                break
        if is_spent:  # memory that a parser had is seldom given back
            break


def _answers(request: Any) -> Iterator[dict[str, Any]]:
    """Yield the sections of a source; the last answer is its end, with the reason where it is partial, or that it could not be tried."""
    try:
        with _open(request) as stream:
            format_ = Format("", "", (), request["extractor"])
            for item in extract_here(format_, stream, request["contentType"]):
                if isinstance(item, bytes):
                    for start in range(0, len(item), _BLOCK_BYTES):
                        yield pack(item[start : start + _BLOCK_BYTES])
                else:
                    yield pack(item)
        yield {"end": None}
    except Partial as problem:
        yield {"end": str(problem)}
    except OSError as problem:
        yield {"end": None, "unreadable": [problem.errno, problem.strerror]}
    except Exception as problem:  # noqa: BLE001 - the parent raises it
        yield {"end": None, "failed": f"{type(problem).__name__}: {problem}"}


def _open(request: Any) -> BinaryIO:
    if request["path"] is None:
        return io.BytesIO(sys.stdin.buffer.read(request["size"]))
    return Path(request["path"]).open("rb")


def _line(answer: object) -> bytes:
    """Return an answer as a line of JSON; lone surrogates are kept, for they are the parent's to judge."""
    return json.dumps(answer, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"


def pack(item: Item) -> dict[str, Any]:
    """Return what `unpack` makes the same item of."""
    match item:
        case Section(text, locator, subtype, modality, byte_offset):
            return {"section": [text, locator, subtype, modality, byte_offset]}
        case Picture(content, content_type, locator):
            return {"picture": [b64encode(content).decode(), content_type, locator]}
        case Member(name, content_type, place):
            return {"member": [name, content_type, place]}
        case MemberLost(reason):
            return {"lost": reason}
    return {"block": b64encode(item).decode()}


def unpack(answer: Any) -> Item:
    """Return the item of an answer that is not the end."""
    if "section" in answer:
        return Section(*answer["section"])
    if "picture" in answer:
        content, content_type, locator = answer["picture"]
        return Picture(b64decode(content), content_type, locator)
    if "member" in answer:
        return Member(*answer["member"])
    return MemberLost(answer["lost"]) if "lost" in answer else b64decode(answer["block"])


def _limit_files_and_memory(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows, where the parent watches
        return
    for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, memory_bytes)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _limit_processor(seconds: int) -> None:
    """Have this process end if it still computes long after its source was given up: its parent may have died."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(usage.ru_utime + usage.ru_stime) + seconds + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _size_bytes() -> int:
    """Return the bytes of address space in use; 0 where the system does not say so in /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
