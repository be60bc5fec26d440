"""Makes text fit to be shown: of a source, without what commands a terminal or changes the order of reading; of pydantic, in plain words."""

import re

_LINE_END = re.compile("\r\n|[\t\n\v\f\r\x85\u2028\u2029]")
# Control characters; embeddings, overrides and isolates of writing direction (Boucher and Anderson, "Trojan Source", 2021) and the
# deprecated format characters beside them; what no XML may hold. Joiners, soft hyphens and marks stay: words are made of them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]")
_NAMED = {chr(0xDC00 + byte): f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""Names for bytes of a file name that is not text, by the characters that os.fsdecode makes of them."""
_PLAIN = {
    "Value error, ": "",
    "Input should": "it should",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


def printable(text: str) -> str:
    """Return one line of text: line ends and tabs become a space, unsafe characters U+FFFD, a stray byte of a file name its number."""
    return _UNSAFE.sub(lambda found: _NAMED.get(found[0], "�"), _LINE_END.sub(" ", text))


def plain_words(problem: str) -> str:
    """Put what pydantic says of a value as our own messages say it: `it should be at least 1`."""
    for said, plain in _PLAIN.items():
        problem = problem.replace(said, plain)
    return problem
