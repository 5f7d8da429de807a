# Keeps one engine: runs as long as the engine's namespace of processes does, then clears away its
# cgroups. Whoever holds the other end of stdin decides how long that is: a test that is killed
# lets go of it as well as one that ends. $1 names the engine.

# Removes the cgroups of the engine $1, which empty a little after its last process has ended.
sweep() {
    tries=0
    while left=$(find /sys/fs/cgroup -depth -type d \( -name "$1" -o -path "*/$1/*" \)) &&
        [ -n "$left" ] && [ "$tries" -lt 500 ]; do
        rmdir $left 2>/dev/null || sleep 0.02
        tries=$((tries + 1))
    done
}

# Only where a keeper was killed too is something left of an engine whose test is gone.
for dir in $(find /sys/fs/cgroup -maxdepth 2 -type d -name 'netbridge-engine-*'); do
    name=${dir##*/}
    test=${name#netbridge-engine-}
    [ -e "/proc/${test%-*}" ] || sweep "$name"
done

# The first process of the namespace says its number outside, and reaps orphans while it waits.
setpriv --pdeathsig KILL -- unshare --pid --mount --propagation unchanged --fork --kill-child -- \
    sh -c 'read -r pid rest </proc/self/stat
        mount -t proc proc /proc && echo "$pid" && cat
        exit' "$1"
sweep "$1"
