"""Prints a token for everything, signed with the secret on standard input; its imports stay out of the supervisor."""

import sys

from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS

if __name__ == "__main__":
    print(mint_token(sys.stdin.read().strip(), schools=None, rights=ALL_RIGHTS, actor="credentials.json"))
