#!/bin/sh
# Five processes share a ledger: four workers, who have two desks between them, and
# a bookkeeper who closes it when all of them have finished.
#
#   start     an event that all workers wait for
#   desks     a semaphore: at most two of them work at a time
#   ledger    a mutex: one of them writes at a time
#   finished  a semaphore, which counts those who have finished
#
# Whatever happens to any of them, by kill -9 too, nothing is left to be cleaned up.
set -eu

entries=3

worker() {
    atoll wait start
    atoll wait desks
    atoll lock desk-count -- sh -c 'n=$(($(cat at) + 1)); echo "$n" >at; [ "$n" -le 2 ] || echo "$n at two desks"'
    for _ in $(seq "$entries"); do
        # Without the lock two would read the same number, and one entry were lost.
        atoll lock ledger -- sh -c 'n=$(cat total); sleep 0.01; echo $((n + 1)) >total'
    done
    atoll lock desk-count -- sh -c 'echo $(($(cat at) - 1)) >at'
    atoll release desks >/dev/null
    atoll release finished >/dev/null
}

bookkeeper() {
    for n in 1 2 3 4; do
        atoll wait finished --timeout 5m
        echo "$n of 4 have finished"
    done
    atoll lock ledger --timeout 5m -- sh -c 'echo "the ledger has $(cat total) entries, and is closed"'
}

case ${1-} in
worker | bookkeeper)
    "$1"
    ;;
office)
    echo 0 >total
    echo 0 >at
    for _ in 1 2 3 4; do
        sh "$0" worker &
    done
    sh "$0" bookkeeper &
    last=$!
    echo "five processes, $(atoll ls --json | grep -c '"type"') objects"
    atoll set start
    wait "$last"
    ;;
*)
    # Each object exists while the command behind -- runs, so all three do while
    # the office is open.
    here=$(cd "$(dirname "$0")" && pwd)
    dir=$(mktemp -d)
    trap 'rm -r "$dir"' EXIT
    cd "$dir"
    atoll create event start --manual -- \
        atoll create semaphore desks --max 2 --initial 2 -- \
        atoll create semaphore finished --max 4 -- \
        sh "$here/$(basename "$0")" office
    ;;
esac
