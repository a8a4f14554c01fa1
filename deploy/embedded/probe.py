"""Asks the server how it is, with nothing imported that the supervisor would have to carry."""

import asyncio


async def status_of(host: str, port: int, path: str, *, timeout_seconds: float) -> int | None:
    """The status of a GET; None when there was no answer in time."""
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
