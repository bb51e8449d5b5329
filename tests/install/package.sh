#!/bin/sh
# A Debian package on a host of its own: installed, its daemons kept by their init scripts, removed, purged.
#
#     unshare --mount --net --pid --fork --kill-child tests/install/package.sh PACKAGE.deb
#
# The host is this one, seen through an overlay that ends with the namespaces: what is done to it is done to nobody. It
# has no systemd running, so the init scripts are all there is. Prints what it finds wrong, and fails.

set -eu
# The first process of all takes those in whose parents have ended, and a daemon is gone only when it has been waited for.
if [ "$$" = 1 ]; then
    "$0" "$@" &
    wait "$!"
    exit
fi

package=$(readlink -f "$1")

mount --make-rprivate /
layers=/mnt
mount -t tmpfs none "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
mount -t proc proc "$layers/root/proc"
mount -t tmpfs none "$layers/root/run"
mount --rbind /dev "$layers/root/dev"
cp "$package" "$layers/root/run/package.deb"
ip link set lo up

in_root() { chroot "$layers/root" "$@"; }
fail() {
    echo "package: $*"
    exit 1
}
# expect CODE COMMAND...: in the root, with that exit code.
expect() {
    wanted=$1
    shift
    code=0
    said=$(in_root "$@" 2>&1) || code=$?
    [ "$code" = "$wanted" ] || fail "$*: exit code $code, not $wanted: $said"
}
# What a package could leave: every name below these, but what dpkg and ldconfig write, and the backups of accounts.
listing() {
    (cd "$layers/root" && find etc usr var/lib run -xdev ! -path 'var/lib/dpkg/*' ! -path 'var/lib/systemd/*' ! -name '*-' | sort)
}
none_runs() {
    for name in mserver mi mcaster; do
        ! grep -qsx "$name" /proc/[0-9]*/comm "$layers"/root/proc/[0-9]*/comm || fail "$1: $name runs"
    done
}

in_root dpkg --purge membership >/dev/null 2>&1 || :
in_root rm -rf /var/lib/ms
listing >"$layers/before"

expect 0 dpkg --install /run/package.deb
none_runs "after the installation"
! find "$layers/root"/etc/rc?.d "$layers/root/etc/systemd/system" | grep -E '(mserver|mcaster|mi(\.service)?)$' ||
    fail "a daemon is enabled"
[ "$(in_root stat -c %U:%a /var/lib/ms)" = ms:755 ] || fail "/var/lib/ms is not that of ms"
in_root ldconfig -p | grep -q 'libmembership\.so\.0 ' || fail "the library is not found"
expect 0 ms --version
for daemon in mserver mi; do
    expect 6 "/etc/init.d/$daemon" start
done
none_runs "without a configuration"

echo 'user ms' >>"$layers/root/etc/ms.conf"
echo 'MCASTER_OPTS="-i 127.89.0.9"' >"$layers/root/etc/default/mcaster"
echo 'MSERVER_OPTS="-i 127.89.0.1 --profile fast office 127.89.0.9"' >"$layers/root/etc/default/mserver"
echo 'MI_OPTS="-i 127.89.0.2 --profile fast 127.89.0.1"' >"$layers/root/etc/default/mi"
for daemon in mcaster mserver mi; do
    script=/etc/init.d/$daemon
    expect 3 "$script" status
    expect 7 "$script" reload
    expect 0 "$script" start
    expect 0 "$script" start
    expect 0 "$script" status
    pid=$(cat "$layers/root/run/ms/$daemon.pid")
    [ "$(in_root stat -c %U "/proc/$pid")" = ms ] || fail "$daemon does not run as ms"
    expect 0 "$script" reload
    expect 0 "$script" force-reload
    [ "$(cat "$layers/root/run/ms/$daemon.pid")" = "$pid" ] || fail "$daemon: reload was a restart"
    expect 0 "$script" restart
    [ "$(cat "$layers/root/run/ms/$daemon.pid")" != "$pid" ] || fail "$daemon: restart was none"
    expect 0 "$script" status
    expect 2 "$script" bogus
done
in_root ms join --mi 127.89.0.2 --count 1 db >/dev/null || fail "nobody can join"
expect 0 /etc/init.d/mi stop
expect 0 /etc/init.d/mi stop
expect 3 /etc/init.d/mi status
expect 0 /etc/init.d/mi start

# A person may have a script started at boot: its header says when, and after what.
expect 0 update-rc.d mserver defaults
ls "$layers/root"/etc/rc2.d/S??mserver "$layers/root"/etc/rc0.d/K??mserver >/dev/null || fail "no links of mserver"

# Over itself, as an upgrade: what a person changed stays, and nothing is restarted.
pid=$(cat "$layers/root/run/ms/mserver.pid")
expect 0 dpkg --install --force-confold /run/package.deb
grep -qx 'user ms' "$layers/root/etc/ms.conf" || fail "an upgrade took a changed ms.conf away"
[ "$(cat "$layers/root/run/ms/mserver.pid")" = "$pid" ] || fail "an upgrade restarted mserver"

expect 0 dpkg --remove membership
none_runs "after the removal"
grep -qx 'user ms' "$layers/root/etc/ms.conf" || fail "a removal took ms.conf away"
expect 0 dpkg --purge membership
listing >"$layers/after"
diff "$layers/before" "$layers/after" || fail "this is left, or missing, after a purge"
