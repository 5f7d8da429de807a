# Keeps the engine that "$@" starts behind $1, the name of its cgroup: until whoever holds the other
# end of stdin lets go of it, as one that is killed does too. Then clears away its cgroups.
cgroup=$1
shift

# The first process of the namespace reaps orphans while it waits. An engine that ends takes it along.
setpriv --pdeathsig KILL -- unshare --pid --mount --propagation unchanged --fork --kill-child -- \
    sh -c 'mount -t proc proc /proc || exit
        ("$@" >/run/dockerd.log 2>&1; kill -KILL -1) &
        cat
        exit' sh "$@"

# They empty a little after the last process has ended.
tries=0
while left=$(find /sys/fs/cgroup -depth -type d \( -name "$cgroup" -o -path "*/$cgroup/*" \)) &&
    [ -n "$left" ] && [ "$tries" -lt 500 ]; do
    rmdir $left 2>/dev/null || sleep 0.02
    tries=$((tries + 1))
done
