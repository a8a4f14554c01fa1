#!/bin/bash
# ready [port] [path]: succeed if the process in this container answers 200. It is a shell script, because it runs every
# few seconds and a Python interpreter would take longer to start than the probe takes.
exec 3<>"/dev/tcp/127.0.0.1/${1:-8000}" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${2:-/readyz}" >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
