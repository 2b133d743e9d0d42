"""A TCP proxy in front of a PostgreSQL server that loses answers, hangs or cuts connections when a test says so."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

__all__ = ["Proxy"]

_READY = b"Z\x00\x00\x00\x05"  # ReadyForQuery: the answer is complete


class Proxy:
    """A proxy on a port of 127.0.0.1; as a context manager it listens, and at the end closes everything.

    Args:
        target: the port of a server on 127.0.0.1, or the address of a store, whose parameters are kept.

    Attributes:
        port: where it listens.
        url: the address of the store through the proxy; more parameters may follow after `&`.
        lost: how many answers or messages were lost so far.
        chance: called with each message of a client; if it returns true, the answer to the message is lost.
    """

    def __init__(self, target: int | str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        user = "postgres:"
        database = "/postgres"
        parameters: dict[str, str] = {}
        self._socket: str | None = None
        if isinstance(target, int):
            self._server = target
        else:
            parts = urlsplit(target)
            user = parts.netloc.partition("@")[0]
            database = parts.path
            parameters = dict(parse_qsl(parts.query))
            self._server = parts.port or int(parameters.pop("port", 5432))
            host = parameters.pop("host", "127.0.0.1")
            self._socket = f"{host}/.s.PGSQL.{self._server}" if host.startswith("/") else None
        query = urlencode({"host": "127.0.0.1"} | parameters, quote_via=quote)
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}{database}?{query}"
        self.lost = 0
        self.chance: Callable[[bytes], bool] = lambda message: False
        self._orders: list[tuple[bytes, bool, Callable[[], object]]] = []
        self._going = threading.Event()
        self._going.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False

    # For tests

    def lose_answer(
        self, word: bytes = b"COMMIT", then: Callable[[], object] = lambda: None
    ) -> None:
        """Cut the connection in place of the answer to the next message that holds a word.

        Args:
            word: part of the message. A prepared statement is sent without its text; `b""` matches any message.
            then: called when the server has answered, before the client notices that its connection is gone.
        """
        with self._lock:
            self._orders.append((word, True, then))

    def lose_message(
        self, word: bytes = b"COMMIT", then: Callable[[], object] = lambda: None
    ) -> None:
        """Cut the connection in place of the next message that holds a word, which the server never sees.

        `then` is called when the server was told that the connection is gone, before the client notices.
        """
        with self._lock:
            self._orders.append((word, False, then))

    def hang(self) -> None:
        """Pass nothing on, in either direction, until `resume`; connections stay open and new ones are accepted."""
        self._going.clear()

    def resume(self) -> None:
        """Pass on what was waiting."""
        self._going.set()

    def cut(self) -> None:
        """Close every connection, at both ends."""
        with self._lock:
            ends = list(self._open)
        for end in ends:
            _close(end)

    # Internals

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        _close(self._listener)
        self.resume()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                _close(client)
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()
            if self._closed:
                self.cut()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            return socket.create_connection(("127.0.0.1", self._server))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._socket)
        return server

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on messages of the client, and in another thread the answers of the server."""
        losing = threading.Event()
        answers = threading.Thread(target=self._answer, args=(server, client, losing), daemon=True)
        answers.start()
        with suppress(OSError):
            while message := client.recv(1 << 16):
                self._going.wait()
                order = self._order_for(message)
                if order is None:
                    server.sendall(message)
                    continue
                delivered, then = order
                if delivered:
                    losing.set()
                    server.sendall(message)
                    answers.join()
                else:
                    losing.set()
                    _close(server)
                then()
                break
        for end in (client, server):
            _close(end)
        with self._lock:
            self._open -= {client, server}

    def _order_for(self, message: bytes) -> tuple[bool, Callable[[], object]] | None:
        """If a message or its answer is to be lost, return whether the message is delivered and what to call then."""
        with self._lock:
            for order in self._orders:
                if order[0] in message:
                    self._orders.remove(order)
                    self.lost += 1
                    return order[1:]
            if self.chance(message):
                self.lost += 1
                return True, lambda: None
        return None

    def _answer(
        self, server: socket.socket, client: socket.socket, losing: threading.Event
    ) -> None:
        """Pass on answers of the server, up to an answer that is to be lost."""
        with suppress(OSError):
            while answer := server.recv(1 << 16):
                if not losing.is_set():
                    self._going.wait()
                    client.sendall(answer)
                elif answer[-6:-1] == _READY:
                    return
        if not losing.is_set():
            _close(client)


def _close(end: socket.socket) -> None:
    """Close a socket on which another thread may be waiting."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
