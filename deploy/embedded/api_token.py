"""Minting of the API token that credentials.json holds.

The token is minted in a process of its own, `python -m deploy.embedded.api_token`, so that the supervisor does not
keep the web framework in memory, which the token code imports.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

ACTOR = "credentials.json"
ROOT = Path(__file__).parents[2]


async def mint_api_token(auth_secret: str) -> str:
    """Return a new token with all rights in all schools, signed with `auth_secret`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded.api_token"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    token, _ = await process.communicate(auth_secret.encode())
    return token.decode().strip()


def main() -> None:
    """Print a token that is signed with the secret on standard input."""
    from shared.runtime.web import mint_token
    from shared.runtime.web.bearer_auth import ALL_RIGHTS

    print(mint_token(sys.stdin.read().strip(), schools=None, rights=ALL_RIGHTS, actor=ACTOR))


if __name__ == "__main__":
    main()
