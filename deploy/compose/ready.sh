#!/bin/bash
# ready [port] [path]: whether the process in this container answers 200. A shell, because probes come every few seconds
# and an interpreter takes longer to start than to ask.
exec 3<>"/dev/tcp/127.0.0.1/${1:-8000}" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${2:-/readyz}" >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
