#!/bin/bash
# Write the settings that are known only in the running container, then replace this process with nginx.
#   KINVITE_PUBLIC_URL               its scheme is passed on as the public one, also where TLS ends before this gateway
#   KINVITE_GATEWAY_TRUSTED_PROXIES  addresses or networks whose X-Forwarded-For is trusted, comma-separated
set -euo pipefail
trusted=${KINVITE_GATEWAY_TRUSTED_PROXIES:-}
trusted=${trusted//,/ }
{
    awk '/^nameserver/ { print "resolver " ($2 ~ /:/ ? "[" $2 "]" : $2) " valid=2s;"; exit }' /etc/resolv.conf
    scheme=${KINVITE_PUBLIC_URL:-http:}
    printf 'map "" $public_scheme { default %s; }\n' "${scheme%%:*}"
    for proxy in $trusted; do
        printf 'set_real_ip_from %s;\n' "$proxy"
    done
} >/tmp/container.conf
exec /usr/sbin/nginx -e stderr -c /etc/kinvite/nginx.conf
