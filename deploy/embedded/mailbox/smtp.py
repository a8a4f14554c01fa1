"""The SMTP side: a mail is acknowledged with 250 only when the store has it on disk."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded.mailbox.state import Behaviour, State
from deploy.embedded.mailbox.store import Arrival, NotKept, Store

LARGEST_MAIL_BYTES = 30_000_000
IDLE_CONNECTION_SECONDS = 300.0
_END = b"\r\n.\r\n"
_EVERYTHING = 2**30
_AT_RECIPIENT: Mapping[Behaviour, str] = {
    "refuse": "550 5.1.1 There is no such mailbox",
    "delay": "450 4.7.1 Greylisted, try again later",
    "throttle": "421 4.7.0 Too many mails, try again later",
}


class _Handler:
    def __init__(self, store: Store, state: State) -> None:
        self._store = store
        self._state = state

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        play = self._state.take(_printable(address), "refuse", "delay", "throttle", "hang")
        if play is not None:
            if play.behaviour != "hang":
                return _AT_RECIPIENT[play.behaviour]
            await asyncio.sleep(IDLE_CONNECTION_SECONDS)
            raise ConnectionResetError
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        recipients = dict.fromkeys(_printable(recipient) for recipient in envelope.rcpt_tos)
        plays = [self._state.take(recipient, "bounce", "drop") for recipient in recipients]
        played = {play.behaviour for play in plays if play is not None}
        if "bounce" in played:
            return "550 5.1.1 This mail came back: there is no such mailbox"
        try:
            await self._store.add([Arrival("email", recipient, raw) for recipient in recipients])
        except NotKept:
            return "451 4.3.0 The mailbox cannot write to its disk, try again later"
        if "drop" in played:
            raise ConnectionResetError
        return "250 2.0.0 Kept in the mailbox"


def _printable(recipient: str) -> str:
    """Aiosmtpd passes bytes that are no UTF-8 as lone surrogates, which nothing can store."""
    return recipient.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _BulkSMTP(SMTP):
    """Reads a mail in pieces as they come; aiosmtpd reads it line by line, which is most of its work in a bulk run."""

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
        content = await self._read_mail()
        if content is None:
            await self.push("552 Error: Too much mail data")
        else:
            self.envelope.content = content
            status = await self.event_handler.handle_DATA(self, self.session, self.envelope)
            await self.push(status)
        self._set_post_data_state()  # type: ignore[no-untyped-call]

    async def _read_mail(self) -> bytes | None:
        """The mail without its dot-stuffing (RFC 5321, 4.5.2); None when it was too large, though read to its end."""
        mail, looked_at, too_large = bytearray(b"\r\n"), 0, False
        while (end := mail.find(_END, looked_at)) < 0:
            looked_at = max(len(mail) - len(_END), 0)
            if len(mail) > LARGEST_MAIL_BYTES:
                too_large = True
                del mail[: -len(_END)]
                looked_at = 0
            piece = await self._reader.read(_EVERYTHING)
            if not piece:
                raise ConnectionResetError
            mail += piece
        if rest := bytes(
            mail[end + len(_END) :]
        ):  # the next commands, sent along; the reader's own buffer is empty now
            self._reader.feed_data(rest)
        return None if too_large else bytes(mail[: end + 2].replace(b"\r\n.", b"\r\n")[2:])


@asynccontextmanager
async def smtp_server(store: Store, state: State, *, host: str, port: int) -> AsyncIterator[int]:
    """Yields the port it listens on (`port` 0 takes a free one). Raises OSError when the port is taken."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd logs addresses and whole mails there
    loop = asyncio.get_running_loop()
    protocols: WeakSet[SMTP] = WeakSet()

    def protocol() -> SMTP:
        made = _BulkSMTP(
            _Handler(store, state),
            hostname="mailbox.localhost",
            ident="Kinvite mailbox",
            data_size_limit=LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=True,
            timeout=IDLE_CONNECTION_SECONDS,
            loop=loop,
        )
        protocols.add(made)
        return made

    server = await loop.create_server(protocol, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for made in protocols:
            if made.transport is not None:
                made.transport.close()
