#!/bin/sh
# A gate: exit 0 starts the agent, which gets the output; exit 1 skips the run, for free.
#
#     disk_is_full.sh [PERCENT [PATH ...]]      default: 90 percent, the disk of /
#
# Works on Linux and macOS; needs df and awk.
set -u
export LC_ALL=C

limit=${1:-90}
case $limit in
'' | *[!0-9]*)
    echo "the limit must be a number of percent, not '$limit'" >&2
    exit 2
    ;;
esac
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- /

# -P: one line for each disk, whatever the length of its name.
table=$(df -P -k "$@") || exit 2
full=$(printf '%s\n' "$table" | awk -v limit="$limit" '
    NR > 1 {
        used = $5
        sub(/%/, "", used)
        name = $6
        for (i = 7; i <= NF; i++) name = name " " $i
        if (used + 0 >= limit + 0)
            printf "%s is %d %% full: %d MB free of %d MB\n", name, used, $4 / 1024, $2 / 1024
    }')

if [ -z "$full" ]; then
    echo "below $limit %"
    exit 1
fi
printf '%s\n' "$full"
