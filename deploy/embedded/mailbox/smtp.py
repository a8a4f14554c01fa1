"""SMTP server of the mailbox. It acknowledges a message with 250 only after the store has written it to disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded.mailbox.state import Behaviour, State
from deploy.embedded.mailbox.store import Arrival, NotStored, Store

MAX_MESSAGE_BYTES = 30_000_000
IDLE_CONNECTION_SECONDS = 300.0
_END_OF_DATA = b"\r\n.\r\n"
_MAX_READ_BYTES = 2**30
_RCPT_REPLIES: Mapping[Behaviour, str] = {
    "refuse": "550 5.1.1 There is no such mailbox",
    "delay": "450 4.7.1 Greylisted, try again later",
    "throttle": "421 4.7.0 Too many mails, try again later",
}


class _Handler:
    """aiosmtpd handler that applies the behaviours of the recipients and stores messages."""

    def __init__(self, store: Store, state: State) -> None:
        self._store = store
        self._state = state

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        recipient = self._state.consume_behaviour(
            _to_storable(address), "refuse", "delay", "throttle", "hang"
        )
        if recipient is not None:
            if recipient.behaviour != "hang":
                return _RCPT_REPLIES[recipient.behaviour]
            await asyncio.sleep(IDLE_CONNECTION_SECONDS)
            raise ConnectionResetError
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        recipients = dict.fromkeys(_to_storable(recipient) for recipient in envelope.rcpt_tos)
        matches = [self._state.consume_behaviour(recipient, "bounce", "drop") for recipient in recipients]
        behaviours = {match.behaviour for match in matches if match is not None}
        if "bounce" in behaviours:
            return "550 5.1.1 This mail came back: there is no such mailbox"
        try:
            await self._store.add([Arrival("email", recipient, raw) for recipient in recipients])
        except NotStored:
            return "451 4.3.0 The mailbox cannot write to its disk, try again later"
        if "drop" in behaviours:
            raise ConnectionResetError
        return "250 2.0.0 Kept in the mailbox"


def _to_storable(recipient: str) -> str:
    """Replace invalid UTF-8, which aiosmtpd passes on as lone surrogates and SQLite cannot store."""
    return recipient.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _BulkSMTP(SMTP):
    """SMTP protocol that reads message data in chunks.

    aiosmtpd reads it line by line, which is most of its work when many messages arrive.
    """

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        assert self.envelope is not None
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._read_data()
        if content is None:
            await self.push("552 Error: Too much mail data")
        else:
            self.envelope.content = content
            status = await self.event_handler.handle_DATA(self, self.session, self.envelope)
            await self.push(status)
        self._set_post_data_state()  # type: ignore[no-untyped-call]

    async def _read_data(self) -> bytes | None:
        """Read a message to its end and remove the dot-stuffing (RFC 5321, 4.5.2); return None if it is too large."""
        data, searched, is_too_large = bytearray(b"\r\n"), 0, False
        while (end := data.find(_END_OF_DATA, searched)) < 0:
            searched = max(len(data) - len(_END_OF_DATA), 0)
            if len(data) > MAX_MESSAGE_BYTES:
                is_too_large = True
                del data[: -len(_END_OF_DATA)]
                searched = 0
            chunk = await self._reader.read(_MAX_READ_BYTES)
            if not chunk:
                raise ConnectionResetError
            data += chunk
        # Commands that were sent along go back to the reader, whose own buffer is empty at this point.
        if rest := bytes(data[end + len(_END_OF_DATA) :]):
            self._reader.feed_data(rest)
        return None if is_too_large else bytes(data[: end + 2].replace(b"\r\n.", b"\r\n")[2:])


@asynccontextmanager
async def smtp_server(store: Store, state: State, *, host: str, port: int) -> AsyncIterator[int]:
    """Run the server and yield the port on which it listens. Port 0 takes a free port.

    Raises OSError if the port is taken.
    """
    logging.getLogger("mail.log").setLevel(
        logging.CRITICAL
    )  # aiosmtpd logs addresses and whole messages there
    loop = asyncio.get_running_loop()
    protocols: WeakSet[SMTP] = WeakSet()

    def create_protocol() -> SMTP:
        protocol = _BulkSMTP(
            _Handler(store, state),
            hostname="mailbox.localhost",
            ident="Kinvite mailbox",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            timeout=IDLE_CONNECTION_SECONDS,
            loop=loop,
        )
        protocols.add(protocol)
        return protocol

    server = await loop.create_server(create_protocol, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()
