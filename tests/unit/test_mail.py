"""What is read of mail and of mailboxes, of damaged ones, and of those that mean harm."""

import io
import time
import tracemalloc
from base64 import encodebytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial, Section
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import mail
from hartonomous_core.atomizers.extractors.quoted_text import Quotes
from hartonomous_core.atomizers.members import Member, MemberLost
from tests.unit.changed_bytes import Cuts, cut, cuts_of, rebuilt

NOTES = b"Neap tides are weak.\n"
MAIL = (
    b"""Received: from relay.example by mx.example
From: =?utf-8?q?J=C3=BCrgen_Dorn?= <j@port.example>
To: pilots@port.example
Subject: =?utf-8?b?SMOkZmVuIHJlcG9ydA==?=
Date: Tue, 01 Dec 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=OUT

preamble that nobody sees
--OUT
Content-Type: multipart/alternative; boundary=IN

--IN
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

The pilot boards at f=FCnf.

On Mon, 30 Nov 2026, Anna Weir
wrote:
> When does the pilot board?
>
>> The tug waits off the breakwater.

Regards, J=FCrgen
--IN
Content-Type: text/html

<p>The pilot boards at f&uuml;nf.
--IN--
--OUT
Content-Type: text/plain; name="../notes.txt"
Content-Transfer-Encoding: base64

"""
    + encodebytes(NOTES)
    + b"""--OUT
Content-Type: image/png
Content-Transfer-Encoding: base64

AAAA
--OUT
Content-Type: message/rfc822

Subject: Minutes of March
From: clerk@port.example

The crane is painted red.
--OUT--
"""
).replace(b"\n", b"\r\n")
HEADERS = "Subject: Häfen report\nFrom: Jürgen Dorn <j@port.example>\nTo: pilots@port.example\nDate: Tue, 01 Dec 2026 10:00:00 +0000"
MAILBOX = (
    b"From - Tue Dec  1 10:00:00 2026\n"
    + MAIL.replace(b"\r\n", b"\n")
    + b"\nFrom b@x.example Tue Dec  1 11:00:00 2026\n"
)
MAILBOX += b"Subject: Re: report\nMessage-ID: <2@x>\n\nThanks.\n\n> The pilot boards at f\xc3\xbcnf.\n\n>From here it is easy.\n"


def read(data: bytes, content_type: str = "message/rfc822") -> tuple[list[object], str | None]:
    """What was read, texts with their places and files with their bytes, and why it is not all."""
    found: list[object] = []
    try:
        for item in mail.extract(io.BytesIO(data), content_type):
            if isinstance(item, Section):
                found.append((item.text, item.locator))
            elif isinstance(item, bytes):
                found[-1] = (found[-1][0], found[-1][1] + item)  # type: ignore[index]
            else:
                found.append((item.name, b"") if isinstance(item, Member) else item)
    except Partial as problem:
        return found, str(problem)
    return found, None


def test_a_mail_is_read_once_in_the_order_of_its_parts() -> None:
    plain = {"part": "text/plain"}
    attached = {"attached": ["Minutes of March"]}
    quoted = "On Mon, 30 Nov 2026, Anna Weir\nwrote:\n\nWhen does the pilot board?\n\nThe tug waits off the breakwater."
    assert read(MAIL) == (
        [
            (HEADERS, {"part": "headers"}),
            ("The pilot boards at fünf.", plain),
            (quoted, {**plain, "quoted": True}),
            ("Regards, Jürgen", plain),
            ("Subject: Minutes of March\nFrom: clerk@port.example", {**attached, "part": "headers"}),
            ("The crane is painted red.", {**attached, **plain}),
            ("../notes.txt (text/plain)\nwithout a name (image/png)", {"part": "attachments"}),
            ("../notes.txt", NOTES),
        ],
        None,
    )


def test_a_mailbox_is_read_message_by_message_and_a_thread_once() -> None:
    found, problem = read(MAILBOX, "application/mbox")
    assert problem is None
    assert found[0] == (HEADERS, {"message": 1, "part": "headers"})
    assert ("1/../notes.txt", NOTES) in found
    assert found[-2:] == [
        ("Subject: Re: report", {"message": 2, "part": "headers"}),
        ("Thanks.\n\nFrom here it is easy.", {"message": 2, "part": "text/plain"}),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a\n\nb", [("a\n\nb", False)]),
        ("> a\nb\n> A", [("a", True), ("b", False)]),
        ("On Monday Anna wrote:\n> a\n\nmine", [("On Monday Anna wrote:\n\na", True), ("mine", False)]),
        ("mine\n\nAm Montag schrieb Anna:\n\na\n\nb", [("mine", False), ("Am Montag schrieb Anna:\n\na\n\nb", True)]),
        ("a\n\nOn Monday Anna wrote:\n> a", [("a", False)]),
        ("On Monday Anna wrote:", [("On Monday Anna wrote:", False)]),
        (
            "ok\n\n-----Original Message-----\nFrom: A\n\nok",
            [("ok", False), ("-----Original Message-----\nFrom: A", True)],
        ),
        ("ok\n\nFrom: A\nSent: today\n\nb", [("ok", False), ("From: A\nSent: today\n\nb", True)]),
        ("From: here it goes\nto there", [("From: here it goes\nto there", False)]),
        ("said twice\n\nsaid twice", [("said twice\n\nsaid twice", False)]),
    ],
)
def test_what_is_quoted_is_told_and_comes_once(text: str, expected: list[tuple[str, bool]]) -> None:
    assert list(Quotes().split(text)) == expected


def test_of_alternatives_the_page_is_read_where_the_plain_text_says_nothing() -> None:
    page = (
        b"Content-Type: text/html; charset=utf-8\n\n<title>t</title><h1>Tides</h1><p>High water at six, low at noon.\n"
    )
    data = b"Content-Type: multipart/alternative; boundary=B\n\n--B\n\nNo HTML?\n--B\n" + page + b"--B--"
    assert read(data) == (
        [("Tides\n\nHigh water at six, low at noon.", {"part": "text/html", "heading": ["Tides"]})],
        None,
    )


def parts(*bodies: bytes, end: bytes = b"--B--\n") -> bytes:
    return b"Subject: s\nContent-Type: multipart/mixed; boundary=B\n\n" + b"".join(b"--B\n" + b for b in bodies) + end


def nested(depth: int) -> bytes:
    kinds = (b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return b"Subject: s\n" + b"".join(kinds) + b"\ndeep"


def coded(text: bytes) -> bytes:
    return b"Subject: s\nContent-Transfer-Encoding: base64\n\n" + text


DAMAGED = {
    "no closing boundary": (parts(b"\nread", end=b""), "ends within a part", "read"),
    "no boundary parameter": (b"Content-Type: multipart/mixed\n\nread", "does not say what is between", "read"),
    "boundary not there": (parts() + b"read", "should be between", "s"),
    "boundary absent": (b"Content-Type: multipart/mixed; boundary=X\n\nread", "should be between", "read"),
    "unknown charset": (
        b"Subject: s\nContent-Type: text/plain; charset=x-no\n\nread \xff",
        "not in the encoding",
        "read",
    ),
    "unknown charset of ASCII": (b"Content-Type: text/plain; charset=x-no\n\nread", None, "read"),
    "wrong charset": (b"Content-Type: text/plain; charset=ascii\n\nread \xc3\xa9", None, "é"),
    "codec that is none": (b"Content-Type: text/plain; charset=base64\n\nread", None, "read"),
    "a charset with a NUL": (b'Content-Type: text/plain; charset="a\0"\n\nread', None, "read"),
    "base64 of other characters": (coded(b"cmV!hZA=="), "not all base64", "read"),
    "base64 without end": (coded(b"cmVhZA"), "has no end", "read"),
    "base64 that is none": (coded(b"cmVhZ"), "no base64", "s"),
    "an attachment that is no base64": (
        parts(b"Content-Type: x/y; name=f\nContent-Transfer-Encoding: base64\n\ncmVhZ\n"),
        None,
        "f (x/y)",
    ),
    "encoded otherwise": (b"Content-Transfer-Encoding: x-none\n\nread", None, "read"),
    "encrypted": (
        b"Subject: s\nContent-Type: multipart/encrypted; boundary=B\n\n--B\n\nx\n--B--",
        "it is encrypted",
        "s",
    ),
    "encrypted by S/MIME": (
        b"Subject: s\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx",
        "it is encrypted",
        "s",
    ),
    "encrypted inline": (b"Subject: s\n\n-----BEGIN PGP MESSAGE-----\n\nx", "it is encrypted", "s"),
    "parts deep": (nested(25), "nested more than 20", "s"),
    "parts deeper than Python": (nested(2000), "nested too deeply", "s"),
    "messages deep": (
        b"".join(b"Subject: s\nContent-Type: message/rfc822\n\n" for _ in range(50)),
        "nested more than 20",
        "s",
    ),
    "many parts": (parts(*[b"\nread\n"] * 2000), "more than 1,000 parts", "read"),
    "very many parts": (parts(*[b"\nread\n"] * 60_000), "too many parts", "s"),
    "headers alone": (b"Subject: s", None, "s"),
    "no header": (b"\nread", None, "read"),
    "a header that is none": (b"Subject: s\nno header\n\nread", None, "read"),
    "encoded words that are none": (b"Subject: =?utf-8?b?!?= =?x-no?q?a?=\n\nread", None, "read"),
    "a header at which the parser fails": (b"Subject: s\nContent-Type: text/plain; a*0=b; a\n\nread", None, "read"),
    "no date": (b"Date: the day after\n\nread", None, "read"),
    "a control in an address": (b"From: \0<@>,,:;\n\nread", None, "read"),
    "many addresses": (b"Subject: s\nTo: " + b"a@b," * 300_000 + b"\n\nread", None, "read"),
    "many quotation marks": (b"Subject: s\nTo: " + b'"' * 300_000 + b"\n\nread", None, "read"),
    "many headers": (b"Subject: s\n" + b"X: y\n" * 200_000 + b"\n\nread", None, "read"),
    "many parameters": (b"Subject: s\nContent-Type: text/plain; " + b"a*0=b;" * 50_000 + b"\n\nread", "damaged", "s"),
    "a long line": (b"\nread" + b"x" * 5_000_000, "first 4,194,304 characters", "read"),
    "marks": (b"\nread\n" + b">" * 4_000_000, None, "read"),
    "half of who wrote": (b"\nread\n\n" + b"On wrote " * 400_000, None, "read"),
    "a page nested deeply": (b"Subject: s\nContent-Type: text/html\n\n" + b"<b>" * 50_000 + b"read", None, "read"),
    "delivery status": (
        parts(b"\nread\n", b"Content-Type: message/delivery-status\n\nStatus: 5.0\n\nAction: failed\n"),
        None,
        "read",
    ),
    "bytes": (b"Subject: s\n\n" + bytes(range(256)) * 1000, "not in the encoding", "s"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_far_as_it_goes_and_says_why(name: str) -> None:
    data, reason, word = DAMAGED[name]
    started = time.process_time()
    found, problem = read(data)
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (reason in str(problem))
    assert word in str(found)
    in_box = read(
        b"From a@x Tue Dec  1 10:00:00 2026\n" + data + b"\n\nFrom b 10:00\nSubject: next\n\nlast", "application/mbox"
    )
    assert in_box[0][-1] == ("last", {"message": 2, "part": "text/plain"})  # what is wrong with one costs no other


def test_an_attachment_that_cannot_be_decoded_is_left_out() -> None:
    found, _ = read(DAMAGED["an attachment that is no base64"][0])
    assert found[-1] == MemberLost("it is not the base64 as which it was sent")


def test_of_a_long_message_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MOST_MESSAGE_BYTES", 50)
    assert read(b"Subject: s\n\n" + b"x" * 100)[1] == "only its first 50 bytes were read for search"
    box = b"From a 10:00\nSubject: s\n\nread\n" + b"x\n" * 100 + b"\nFrom a 10:00\nSubject: t\n\nread"
    found, problem = read(box, "application/mbox")
    assert problem == "message 1: only its first 50 bytes were read for search"
    assert found[-1] == ("read", {"message": 2, "part": "text/plain"})


@pytest.mark.parametrize("size", [1, 7, 300])
def test_what_is_read_does_not_depend_on_the_blocks_of_a_message(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    box = (b"From a 10:00\n" + MAIL + b"\n") * 2

    def said(data: bytes, content_type: str) -> tuple[list[object], bytes, str | None]:
        found, problem = read(data, content_type)
        return (
            [e for e in found if not isinstance(e, bytes)],
            b"".join(e for e in found if isinstance(e, bytes)),
            problem,
        )

    expected = [said(MAIL, "message/rfc822"), said(box, "application/mbox")]
    monkeypatch.setattr(mail, "_BLOCK_BYTES", size)
    assert [said(MAIL, "message/rfc822"), said(box, "application/mbox")] == expected


def test_a_message_takes_less_than_six_times_its_memory() -> None:
    data = b"Content-Disposition: attachment; filename=a.bin\nContent-Transfer-Encoding: base64\n\n" + encodebytes(
        bytes(4 << 20)
    )
    stream = io.BytesIO(data)
    tracemalloc.start()
    try:
        assert sum(len(item) for item in mail.extract(stream, "message/rfc822") if isinstance(item, bytes)) == 4 << 20
        assert tracemalloc.get_traced_memory()[1] < 6 * len(data)
    finally:
        tracemalloc.stop()


def test_attachments_beyond_the_limit_are_left_out_and_texts_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MOST_ATTACHMENTS", 2)
    message = b"From a 10:00\nSubject: s\nContent-Type: x/y; name=f\n\nx\n\n"
    found, problem = read(message * 4, "application/mbox")
    assert problem == "message 3: only the first 2 attachments were taken in"
    assert [item for item in found if item[1].__class__ is bytes] == [("1/f", b"x\n"), ("2/f", b"x\n")]  # type: ignore[index]
    assert found[-1] == ("f (x/y)", {"message": 4, "part": "attachments"})


@given(cuts_of(MAILBOX), st.booleans())
def test_whatever_happens_to_its_bytes_only_partial_is_raised(cuts: Cuts, is_box: bool) -> None:
    data = cut(MAILBOX if is_box else MAIL, cuts)
    kind = "application/mbox" if is_box else "message/rfc822"
    read(data, kind)
    assert rebuilt(data, kind) == data


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (MAIL, "", "message/rfc822"),
        (MAILBOX, "Inbox", "application/mbox"),
        (MAIL.replace(b"boards", b"\xfcber"), "cur/1733.M1", "message/rfc822"),
        (b"Dear Anna\n", "a.eml", "message/rfc822"),
        (b"", "a.MBOX", "application/mbox"),
        (MAIL, "notes.txt", "text/plain"),
        (b"Subject: tides\nFrom: me\n\nA letter on paper.", "", "text/plain"),
        (b"From here at 10:30 on\nwe walked.", "", "text/plain"),
    ],
)
def test_mail_is_known_by_its_headers(data: bytes, name: str, kind: str) -> None:
    assert sniff(data, name) == kind


def test_a_mailbox_takes_no_more_memory_than_its_largest_message(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "box"
    with path.open("wb") as box:
        for number in range(200):
            box.write(b"From a@x 10:00\nSubject: s%d\n\n" % number + b"words of a mail\n" * 1000 + b"\n")
    tracemalloc.start()
    with path.open("rb") as box:
        count = sum(1 for _ in mail.extract(box, "application/mbox"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400
    assert peak < 1024 * 1024
