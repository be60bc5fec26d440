"""The words in the name of a file, where somebody chose them."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[^\W\d_][^\W\d_A-Z]*")
_OF_DEVICES = frozenset(
    [
        "img",
        "image",
        "images",
        "picture",
        "pictures",
        "pic",
        "photo",
        "dsc",
        "dscn",
        "dscf",
        "dcim",
        "mvimg",
        "pxl",
        "pano",
        "scan",
        "screenshot",
        "screen",
        "shot",
        "whatsapp",
        "at",
        "page",
        "slide",
        "media",
        "copy",
        "untitled",
        "unnamed",
        "download",
        "file",
        "thumb",
        "thumbnail",
        "preview",
        "icon",
        "final",
        "edit",
        "edited",
        "version",
        "small",
        "large",
    ]
)
"""What cameras, phones and programs call pictures; `page-3-picture-1.png` is ours."""


def words_of_name(name: str) -> str:
    """Return the words of a name, of `LighthouseAtDusk_2024-05.png` "Lighthouse At Dusk"; empty where a device gave it, or none has three letters."""
    stem = name.rpartition(".")[0] or name
    words = _WORD.findall(stem)
    telling = [word for word in words if len(word) >= 3 and word.lower() not in _OF_DEVICES]
    return " ".join(words) if telling else ""
