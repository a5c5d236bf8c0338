# SPDX-License-Identifier: MIT
"""A systemd that is the first process of its own name spaces, on a copy of this host's files that goes with it. Of the
host's services only the journal runs there. The plain ways to change the kernel that it shares with the host are closed
to it: modules, the clock, devices, a reboot, /proc/sys."""
import atexit
import os
import pathlib
import signal
import sys
import time

import harness as h

# What the copy keeps of the host's services is its journal: whatever else the host starts by itself, at a boot, by a timer,
# a socket, a path or a generator, would be a second one beside the host's. Then the product, as it was installed for it.
PREPARE = r"""
set -e
rm -rf etc/fstab etc/crypttab etc/rc?.d etc/systemd usr/local/lib/systemd
for each in etc lib usr/lib; do rm -rf "$each"/systemd/system-generators "$each"/systemd/system-environment-generators; done
find lib/systemd/system/ usr/lib/systemd/system/ -path '*.target.*/*' ! -name 'systemd-journal*' -delete
cp -a "$1/." .
"""

# In new name spaces: the host's files under a layer in memory, what a container has of /proc, /sys and /dev, then systemd.
# Up to "booting" nothing has failed but what this environment does not allow; or, with status 3, the preparation.
BOOT = r"""
set -e
root=$1/root
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$root"
mount -t proc proc "$root/proc"
echo 512 >"$root/proc/sys/net/unix/max_dgram_qlen"  # of this network alone; systemd would, at its start
for each in sys sysrq-trigger; do
  [ -e "$root/proc/$each" ] || continue
  mount --bind "$root/proc/$each" "$root/proc/$each"
  mount -o remount,bind,ro "$root/proc/$each"
done
mount -t sysfs -o ro sysfs "$root/sys"
for each in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$each"; done
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
chmod 1777 "$root/tmp"
mkdir "$root/dev/pts" "$root/dev/shm"
for each in null zero full random urandom tty; do cp -a "/dev/$each" "$root/dev/"; done
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ip link set lo up
cd "$root"
sh -c "$3" sh "$2" || exit 3
mkdir host
pivot_root . host
umount -l host
rmdir host
echo booting
exec env -i container=private PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog,-mknod,-sys_boot /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=no
"""


def _not_here(why):
    """What a container forbids is nobody's missing package: skipped in continuous integration too."""
    print(f"not run: a systemd of the test's own: {why}")
    sys.exit(h.SKIPPED)


def _cgroup():
    """A group of the second hierarchy, which the new systemd may divide; None where there is none to be had."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        where, kind = line.split()[1:3]
        if kind == "cgroup2":
            group = pathlib.Path(where, f"ntlm-test-{os.getpid()}")
            try:
                group.mkdir()
            except OSError:
                return None
            return group
    return None


class Systemd:
    def __init__(self, directory, host=""):
        """`host`: commands that make the copy into that of another host before it is prepared, in its root."""
        h.need("unshare", "nsenter", "pivot_root", "setpriv", "ip", "cmake", "systemctl")
        self.group = _cgroup()
        if self.group is None:
            _not_here("no cgroup of version 2 can be made here")
        self.log = directory / "boot.log"
        installed = h.directory()  # the layer hides what is in the other one
        h.run(["cmake", "--install", h.BUILD.absolute()], h.clean_environment(DESTDIR=installed), check=True)
        command = ["unshare", "-m", "-p", "-f", "-i", "-u", "-n", "-C", "--kill-child", "--propagation", "private",
                   "sh", "-c", BOOT, "sh", directory, installed, host + PREPARE]
        # In the group before the name space of groups is made, which begins there.
        enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.group]
        self.process = h.start(enter + command, log=self.log)
        self.pid = None
        atexit.register(self.stop)
        h.wait_for(self._is_up, "systemd is up", 120, self.log)

    def _is_up(self):
        said = self.log.read_text()
        if self.process.poll() == 3:
            sys.exit(f"the copy of this host could not be prepared: {said}")
        if self.process.poll() is not None and "booting" not in said:
            _not_here(said.strip()[-300:])
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = tasks.read_text().split() if tasks.exists() else []
        if "booting" not in said or not children:
            return False
        self.pid = children[0]
        return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def run(self, *command, stdin=None):
        return h.run(["nsenter", "-t", self.pid, "-a", "--wd=/", *command], stdin=stdin,
                     env=h.clean_environment(HOME="/root"))

    def stop(self):
        """With its first process all others go."""
        h.stop(self.process, signal.SIGKILL)
        for _ in range(1200 if self.group.exists() else 0):
            try:
                for group, _, _ in os.walk(self.group, topdown=False):
                    os.rmdir(group)
                return
            except OSError:
                time.sleep(0.05)
