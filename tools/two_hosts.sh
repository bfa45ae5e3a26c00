#!/usr/bin/env bash
# Makes one run on two hosts: two network namespaces with a cable between them, and nothing else to reach.
# It needs root, iproute2, and the Python of qatk in $PYTHON:  sudo PYTHON=.venv/bin/python tools/two_hosts.sh RECIPE OUT [OPTION...]
# OUT gets the run folder, and OUT.host0.log and OUT.host1.log what either host wrote.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 RECIPE OUT [OPTION OF qatk run ...]" >&2
    exit 2
fi
python="${PYTHON:-python}" recipe="$1" out="$2"
shift 2
[ "$(id -u)" = 0 ] || { echo "error: network namespaces need root" >&2; exit 1; }
command -v ip > /dev/null || { echo "error: there is no command ip: install iproute2" >&2; exit 1; }

name="qatk$$"  # an interface's name has 15 characters at most
clean() {
    for host in 0 1; do
        ip netns pids "$name-$host" 2> /dev/null | xargs -r kill -9
        ip netns del "$name-$host" 2> /dev/null || true
    done
}
trap clean EXIT

ip netns add "$name-0"
ip netns add "$name-1"
ip link add "${name}a" netns "$name-0" type veth peer name "${name}b" netns "$name-1"
ip -n "$name-0" addr add 10.77.0.1/24 dev "${name}a"
ip -n "$name-1" addr add 10.77.0.2/24 dev "${name}b"
ip -n "$name-0" link set "${name}a" up
ip -n "$name-1" link set "${name}b" up
ip -n "$name-0" link set lo up
ip -n "$name-1" link set lo up

on_host() {  # NUMBER INTERFACE: its part of the run, with its own number and its own network interface
    GLOO_SOCKET_IFNAME="$2" NCCL_SOCKET_IFNAME="$2" ip netns exec "$name-$1" \
        "$python" -m torch.distributed.run --nnodes 2 --node_rank "$1" --nproc_per_node "${PROCESSES:-1}" \
        --master_addr 10.77.0.1 --master_port 29500 -m qatk run "$recipe" --out "$out" "${@:3}"
}
on_host 1 "${name}b" "$@" > "$out.host1.log" 2>&1 &
other=$!
code=0
on_host 0 "${name}a" "$@" 2> >(tee "$out.host0.log" >&2) || code=$?
wait "$other" || code=$?
bytes=$(ip netns exec "$name-0" cat "/sys/class/net/${name}a/statistics/rx_bytes")
echo "host 0 received $((bytes / 1000)) kB from host 1; exit code $code" >&2
exit "$code"
