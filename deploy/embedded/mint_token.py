"""Prints a token for everything, signed with the secret on standard input; its imports stay out of the supervisor."""

import sys

from shared.runtime.auth import ALL_RIGHTS, mint

if __name__ == "__main__":
    print(mint(sys.stdin.read().strip(), schools=None, rights=ALL_RIGHTS, actor="credentials.json"))
