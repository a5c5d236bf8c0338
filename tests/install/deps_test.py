#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`./run deps` installs servers and leaves them switched off: on a layer over this host's files that goes with the test,
with a repository of three small packages. Usage: deps_test.py"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
# In a mount name space of its own: / under a layer in memory, and in it what follows.
LAYER = r"""
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$1/root"
for each in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$1/root/$each"; done
mount --bind "$2" "$1/root/mnt"
for each in null urandom; do cp -a "/dev/$each" "$1/root/dev/"; done
ln -s /proc/self/fd "$1/root/dev/fd"
mount -t proc proc "$1/root/proc"
exec chroot "$1/root" /bin/sh -e /mnt/inside "$3"
"""
# A host with one server that its owner wants, and no other server's name among the links.
INSIDE = r"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ "$1" = systemctl ] || rm -f /bin/systemctl /usr/bin/systemctl
rm -f /usr/sbin/policy-rc.d /sbin/runlevel
printf '#!/bin/sh\necho N 2\n' >/sbin/runlevel
chmod 755 /sbin/runlevel
rm -rf /etc/apt/sources.list* /etc/apt/preferences.d/*
echo 'deb [trusted=yes] file:/mnt ./' >/etc/apt/sources.list
dpkg -i /mnt/wanted_1.deb >/dev/null
links() { find /etc/systemd/system /etc/rc[2-5].d -name '*ntlmtest*' ! -name 'K*' -printf '%f\n' | sort -u | sed "s/^/$1 /"; }
links before
/mnt/run deps test
links after
[ ! -e /usr/sbin/policy-rc.d ] || echo policy
dpkg -i /mnt/server_1.deb >/dev/null
links upgraded
cat /ntlmtest-* 2>/dev/null || true
"""
POSTINST = r"""#!/bin/sh
set -e
for each in @SERVICES@; do
  if [ -x /etc/init.d/$each ]; then
    update-rc.d $each defaults >/dev/null
    invoke-rc.d $each start || exit 1
  fi
  if deb-systemd-helper --quiet was-enabled $each.service; then deb-systemd-helper enable $each.service >/dev/null
  else deb-systemd-helper update-state $each.service >/dev/null; fi
done
"""
SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: {0}
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo started {0} >/ntlmtest-{0}
"""


def package(repository, name, version, services, depends=""):
    """What debhelper makes of a server: a unit, a script of run levels, and a postinst that enables and starts both."""
    tree = repository / f"{name}-{version}"
    for folder in ("DEBIAN", "lib/systemd/system", "etc/init.d"):
        (tree / folder).mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n"
    control += f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN/control").write_text(f"{control}Description: a server of a test\n")
    (tree / "DEBIAN/postinst").write_text(POSTINST.replace("@SERVICES@", " ".join(services)))
    (tree / "DEBIAN/postinst").chmod(0o755)
    for service in services:
        (tree / f"lib/systemd/system/{service}.service").write_text(
            f"[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias={service}-alias.service\n")
        (tree / f"etc/init.d/{service}").write_text(SCRIPT.format(service))
        (tree / f"etc/init.d/{service}").chmod(0o755)
    archive = repository / f"{name.removeprefix('ntlmtest-')}_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, archive], check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with open(repository / "Packages", "a", encoding="ascii") as index:
        index.write(f"{control}Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"
                    "Description: a server of a test\n\n")


class Deps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="ntlm-deps-")
        root = Path(cls.directory.name)
        root.chmod(0o755)  # apt reads packages as a user of its own
        cls.layer = root / "layer"
        cls.repository = root / "repository"
        cls.layer.mkdir()
        cls.repository.mkdir()
        package(cls.repository, "ntlmtest-wanted", 1, ["ntlmtest-wanted"])
        package(cls.repository, "ntlmtest-wanted", 2, ["ntlmtest-wanted", "ntlmtest-wanted-more"])
        package(cls.repository, "ntlmtest-server", 1, ["ntlmtest-server"], "ntlmtest-wanted (>= 2)")
        shutil.copy(SOURCE / "run", cls.repository)
        (cls.repository / "dependencies.txt").write_text("[test]\nntlmtest-server\n")
        (cls.repository / "inside").write_text(INSIDE)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def installed(self, systemctl):
        done = subprocess.run(["unshare", "-m", "-p", "-f", "--kill-child", "--propagation", "private", "sh", "-c", LAYER,
                               "sh", self.layer, self.repository, systemctl], capture_output=True, text=True, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = done.stdout.splitlines()
        names = {when: {line.split()[1] for line in said if line.startswith(f"{when} ")}
                 for when in ("before", "after", "upgraded", "started")}
        return done.stdout, names, said

    def check_off_and_kept(self, systemctl):
        text, names, said = self.installed(systemctl)
        wanted = {"ntlmtest-wanted.service", "ntlmtest-wanted-alias.service", "S01ntlmtest-wanted"}
        self.assertEqual(names["before"], wanted, text)
        self.assertTrue(wanted <= names["after"], "a server that was there stays on\n" + text)
        self.assertIn("S01ntlmtest-wanted-more", names["after"], "so does what its new version brings\n" + text)
        self.assertEqual({name for name in names["after"] if "server" in name}, set(), "what came is off\n" + text)
        self.assertEqual(names["upgraded"], names["after"], "and stays so when the package is installed again\n" + text)
        self.assertEqual(names["started"], {"ntlmtest-wanted"}, "only its owner started one\n" + text)
        self.assertNotIn("policy", said)
        self.assertIn("deps: a boot starts nothing of: ntlmtest-server", said)

    def test_with_systemctl(self):
        self.check_off_and_kept("systemctl")

    def test_without_systemctl(self):
        self.check_off_and_kept("none")


if __name__ == "__main__":
    os.umask(0o022)  # a package's files are everybody's to read
    if os.geteuid() != 0 or shutil.which("dpkg-deb") is None:
        print("not run: needs root, and a Debian system")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as place:
        tried = subprocess.run(["unshare", "-m", "sh", "-c", LAYER.partition("for each")[0], "sh", place],
                               capture_output=True, text=True)
    if tried.returncode != 0:
        print(f"not run: a layer over this host's files: {tried.stderr.strip()}")
        sys.exit(77)
    unittest.main()
