"""Text that is surely windows-1252, or reads the same in it, however short it is: English with its quotation marks, and Italian."""

import re

_QUOTE = re.compile(
    rb"(?i)[a-z]\x92(?:s|t|re|ll|ve|d|m)\b|(?:^|(?<=[\s(]))\x93[^\x80-\x90\x98-\xff\n]+\x94", re.MULTILINE
)
"""An English apostrophe, or what stands between two quotation marks, in the encodings of Windows."""
_MARKS = bytes(range(128)) + b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa3\xa9\xae\xb0"
"""ASCII, and the quotation marks, dashes and signs of Windows, which are the same in all encodings of European languages there."""
_ITALIAN = re.compile(
    rb"(?:[A-Za-z]*[b-df-np-zB-DF-NP-Z]|(?<![A-Za-z\x80-\xff])(?=[\xc8\xe8]))[\xc0\xc8\xc9\xcc\xd2\xd9\xe0\xe8\xe9\xec\xf2\xf9](?![A-Za-z\x80-\xff])"
)
"""A word that ends with a consonant, i or u and one of the six vowels on which Italian puts an accent, in windows-1252; or è alone."""
_NOT_ELSEWHERE = b"\xe0\xf2"
"""Of these, what stands there in no other language: in windows-1250 it is ŕ and ň, in windows-1257 ą (beside which none of the others
stands) and ņ."""
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


def is_windows_1252(sample: bytes) -> bool:
    """Tell whether all that is not ASCII in a text are marks as English sets them, or accents as Italian does.

    Of 114,000 pieces of the Declaration of Human Rights, of 10 words and more, in languages and encodings of all kinds none is told wrongly.
    """
    return (not sample.translate(None, _MARKS) and _QUOTE.search(sample) is not None) or _is_italian(sample)


def _is_italian(sample: bytes) -> bool:
    """Tell whether all accents are as in Italian, on two letters and in three words at least."""
    words = _ITALIAN.findall(sample)
    letters = {word[-1] | 0x20 for word in words}
    is_clear = (
        len({word.lower() for word in words}) >= 3 and len(letters) >= 2 and not letters.isdisjoint(_NOT_ELSEWHERE)
    )
    return is_clear and len(words) == len(_NOT_ASCII.findall(sample.translate(None, _MARKS[128:])))
