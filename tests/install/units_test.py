#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The units of ntlm-authd as they are installed: systemd takes them, finds the service well shut in, and makes the users
and directories that they name. Usage: units_test.py BUILD PREFIX"""
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD, PREFIX = sys.argv[1:3]
SAMPLES = Path(__file__).resolve().parents[2] / "conf" / "systemd"
MOST_EXPOSURE = 1.0  # of 10, as systemd-analyze counts


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="ntlm-units-")
        cls.root = Path(cls.directory.name)
        subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(cls.root)}, check=True,
                       stdout=subprocess.DEVNULL)
        cls.lib = cls.root / PREFIX.lstrip("/") / "lib"
        cls.units = cls.lib / "systemd" / "system"
        cls.service = (cls.units / "ntlm-authd.service").read_text()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setting(self, name):
        return re.search(rf"^{name}=(.*)$", self.service, re.M).group(1)

    def test_systemd_takes_them(self):
        place = self.root / "units"
        place.mkdir()
        # The program is there, but not yet where the unit will find it.
        text = self.service.replace(f"ExecStart={PREFIX}", f"ExecStart={self.root}{PREFIX}")
        self.assertNotEqual(text, self.service)
        (place / "ntlm-authd.service").write_text(text)
        shutil.copy(self.units / "ntlm-authd.socket", place)
        overlay = place / "ntlm-authd.service.d"
        overlay.mkdir()
        shutil.copy(SAMPLES / "ntlm-authd-winbind.conf", overlay / "winbind.conf")
        verified = run("systemd-analyze", "verify", "--man=no", place / "ntlm-authd.service", place / "ntlm-authd.socket",
                       env={**os.environ, "SYSTEMD_UNIT_PATH": f"{place}:"})
        ours = [line for line in verified.stderr.splitlines() if "ntlm-authd" in line]
        self.assertEqual((verified.returncode, ours), (0, []), verified.stderr)

    def test_service_is_shut_in(self):
        judged = run("systemd-analyze", "security", "--offline=true", "--no-pager", self.units / "ntlm-authd.service")
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)
        self.assertIsNotNone(exposure, judged.stderr)
        self.assertLessEqual(float(exposure.group(1)), MOST_EXPOSURE, judged.stdout)

    def test_socket_is_for_the_group(self):
        socket = (self.units / "ntlm-authd.socket").read_text()
        for line in ("SocketUser=root", "SocketGroup=ntlm", "SocketMode=0660", "DirectoryMode=0755"):
            self.assertIn(line, socket.splitlines())

    def test_users_and_directories_are_made(self):
        root = self.root / "made"
        for kind in ("sysusers", "tmpfiles"):
            (root / "usr/lib" / f"{kind}.d").mkdir(parents=True)
            shutil.copy(self.lib / f"{kind}.d" / "ntlm-authd.conf", root / "usr/lib" / f"{kind}.d")
        members = re.sub(r"^#m", "m", (SAMPLES / "ntlm-members.sysusers").read_text(), flags=re.M)
        (root / "usr/lib/sysusers.d/ntlm-members.conf").write_text(members)
        (root / "etc").mkdir()
        accounts = root / "var/lib/ntlm-authd/accounts"
        for command in (["systemd-sysusers", f"--root={root}"], ["systemd-tmpfiles", f"--root={root}", "--create"]):
            made = run(*command)
            self.assertEqual(made.returncode, 0, made.stderr)
        groups = {line.split(":")[0]: line.split(":")[2:] for line in (root / "etc/group").read_text().splitlines()}
        self.assertEqual(set(groups["ntlm"][1].split(",")), {"www-data", "postgres", "openldap"})
        daemon = int(groups["ntlm-authd"][0])
        state = accounts.parent.stat()
        self.assertEqual((stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid), (0o750, 0, daemon))
        self.assertEqual(stat.S_IMODE((root / "run/gss-ntlm").stat().st_mode), 0o755)
        # A database that ntlmctl has just made is the daemon's to read from the next boot on.
        accounts.touch(0o600)
        run("systemd-tmpfiles", f"--root={root}", "--create", check=True)
        state = accounts.stat()
        self.assertEqual((stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid), (0o640, 0, daemon))

    def test_table_of_failures_is_made_once(self):
        command = shlex.split(self.setting("ExecStartPre").lstrip("+").replace("$$", "$"))
        self.assertEqual(command[:2], ["/bin/sh", "-c"])
        place = self.root / "tables"
        script = command[2].replace("/run/gss-ntlm", str(place)).replace("ntlm-authd", "daemon")
        run("/bin/sh", "-c", script, check=True)
        table, = place.iterdir()
        self.assertEqual((stat.S_IMODE(table.stat().st_mode), f"lockout-{table.stat().st_uid}"), (0o600, table.name))
        table.write_text("counts")
        run("/bin/sh", "-c", script, check=True)
        self.assertEqual(table.read_text(), "counts")


if __name__ == "__main__":
    missing = [name for name in ("systemd-analyze", "systemd-sysusers", "systemd-tmpfiles") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        print(f"skipped: needs {' '.join(missing) or 'root'}")
        sys.exit(1 if os.environ.get("NTLM_REQUIRE_PEERS") == "1" else 77)
    unittest.main(argv=[sys.argv[0], "-v"])
