"""ClamAV, where there is one: its INSTREAM command over a socket (clamd(8))."""

import socket
import struct
from dataclasses import dataclass

PIECE = 64 << 10
TIMEOUT = 20.0  # seconds


class Unreachable(Exception):
    """The scanner did not answer; a file that was not scanned is not taken."""


@dataclass(frozen=True)
class Scanner:
    """``address`` is the path of a Unix socket or ``host:port``."""

    address: str

    def clean(self, content: bytes) -> bool:
        """False when the scanner knows the file. Raises Unreachable."""
        try:
            with self._connect() as connection:
                connection.sendall(b"zINSTREAM\0")
                for start in range(0, len(content), PIECE):
                    piece = content[start : start + PIECE]
                    connection.sendall(struct.pack(">I", len(piece)) + piece)
                connection.sendall(struct.pack(">I", 0))
                answer = _read_all(connection)
        except OSError as error:
            raise Unreachable(type(error).__name__) from error
        if answer.endswith(b"OK"):
            return True
        if answer.endswith(b"FOUND"):
            return False
        raise Unreachable("unexpected answer")

    def _connect(self) -> socket.socket:
        if self.address.startswith("/"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(TIMEOUT)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host, int(port)), TIMEOUT)


def _read_all(connection: socket.socket) -> bytes:
    answer = b""
    while len(answer) < 4096 and (piece := connection.recv(4096)):
        answer += piece
        if answer.endswith(b"\0"):
            break
    return answer.rstrip(b"\0\n ")
