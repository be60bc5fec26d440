"""Packets on a socket, in the clear or inside of TLS."""

import contextlib
import select
import socket
import ssl
import struct

from tests.tools.tds.protocol import Packet

_PACKET_BYTES = 4096
_LAST = 0x01


class Disconnected(Exception):
    """The other side has gone."""


class Channel:
    """One connection: whole messages in, whole messages out."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._from_client = ssl.MemoryBIO()
        self._to_client = ssl.MemoryBIO()

    def read_message(self, keep: int | None = None) -> tuple[int, bytes, int]:
        """Packet type, the message (its first packets only, once they hold `keep` bytes) and its length."""
        kept = bytearray()
        length = 0
        while True:
            kind, status, size = struct.unpack(">BBH", self._take(8)[:4])
            data = self._take(size - 8)
            length += len(data)
            if keep is None or len(kept) < keep:
                kept += data
            if status & _LAST:
                return kind, bytes(kept), length

    def send_message(self, message: bytes, kind: int = Packet.RESPONSE) -> None:
        self.send_bytes(packets(message, kind))

    def send_bytes(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._to_client.read()
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Disconnected from error

    def is_readable(self, seconds: float) -> bool:
        """Wait until the client sends something, at most so long."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], seconds)[0])

    def start_tls(self, context: ssl.SSLContext) -> None:
        """The handshake, which TDS 7 wraps into packets of the prelogin; from then on the packets are inside of TLS.

        Raises ssl.SSLError when the client breaks it off.
        """
        tls = context.wrap_bio(self._from_client, self._to_client, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._send_handshake()
                self._from_client.write(self.read_message()[1])
        self._send_handshake()
        self._tls = tls

    def _send_handshake(self) -> None:
        if data := self._to_client.read():
            self.send_message(data, Packet.PRELOGIN)

    def reset(self) -> None:
        """Break the connection, as a cable or a dying server does: what was not yet read is lost."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _take(self, n: int) -> bytes:
        while len(self._buffer) < n:
            self._receive()
        taken = bytes(self._buffer[:n])
        del self._buffer[:n]
        return taken

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        if self._tls is None:
            self._buffer += data
            return
        self._from_client.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            while plain := self._tls.read(1 << 16):
                self._buffer += plain


def packets(message: bytes, kind: int = Packet.RESPONSE) -> bytes:
    """A message cut into packets."""
    size = _PACKET_BYTES - 8
    pieces = [message[start : start + size] for start in range(0, len(message), size)] or [b""]
    return b"".join(
        struct.pack(">BBHHBB", kind, _LAST if place == len(pieces) - 1 else 0, len(piece) + 8, 0, (place + 1) % 256, 0)
        + piece
        for place, piece in enumerate(pieces)
    )
