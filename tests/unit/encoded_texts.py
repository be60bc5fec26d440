"""Articles 1 to 5 of the Universal Declaration of Human Rights, which is free to all, and the encodings each language was written in."""

import json
from pathlib import Path

TEXTS: dict[str, str] = json.loads(Path(__file__).with_name("universal_declaration.json").read_text("utf-8"))

ENCODINGS = {
    "Arabic": "cp1256 iso-8859-6",
    "Bulgarian": "cp1251 iso-8859-5",
    "Catalan": "cp1252",
    "Chinese, simplified": "gb18030 gbk",
    "Chinese, traditional": "big5",
    "Croatian": "cp1250",
    "Czech": "cp1250 iso-8859-2 cp852",
    "Danish": "cp1252 latin-1",
    "Dutch": "cp1252",
    "Estonian": "cp1257 iso-8859-15",
    "Finnish": "cp1252 latin-1",
    "French": "cp1252 latin-1 iso-8859-15 cp850 mac-roman",
    "German": "cp1252 latin-1 iso-8859-15 cp437 cp850 mac-roman",
    "Greek": "cp1253 iso-8859-7",
    "Hebrew": "cp1255 iso-8859-8",
    "Hungarian": "cp1250 iso-8859-2",
    "Icelandic": "cp1252",
    "Italian": "cp1252",
    "Japanese": "shift_jis cp932 euc_jp",
    "Korean": "euc_kr cp949",
    "Latvian": "cp1257 iso-8859-13",
    "Lithuanian": "cp1257 iso-8859-13",
    "Macedonian": "cp1251",
    "Norwegian": "cp1252",
    "Persian": "cp1256",
    "Polish": "cp1250 iso-8859-2 cp852",
    "Portuguese": "cp1252",
    "Romanian": "cp1250 iso-8859-2",
    "Russian": "cp1251 koi8-r iso-8859-5 cp866 mac-cyrillic",
    "Serbian": "cp1251",
    "Slovak": "cp1250 iso-8859-2",
    "Slovenian": "cp1250 iso-8859-2",
    "Spanish": "cp1252 latin-1 cp850 mac-roman",
    "Swedish": "cp1252 latin-1",
    "Thai": "cp874 tis-620",
    "Turkish": "cp1254 iso-8859-9",
    "Ukrainian": "cp1251 koi8-u",
}
