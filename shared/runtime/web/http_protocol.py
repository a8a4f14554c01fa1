"""HTTP/1.1 by httptools, at a third of h11's CPU per request, with h11's limit on the size of the head."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with a limit of 64 KiB on request line and headers, beyond which it answers 400."""

    _head: int | None = 0
    """Bytes of a head that is not complete yet; None: it is, and a body may be on its way."""

    def on_message_begin(self) -> None:
        """Start counting the bytes of a head."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting: the head is complete."""
        self._head = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse the data, and refuse a head that is too long. What follows a head in the same chunk does not count."""
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")
