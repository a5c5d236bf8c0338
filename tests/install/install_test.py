#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`cmake --install` puts every file where an administrator and a packager look for it, keeps a configuration that is
there, and what it installs can be used. Usage: install_test.py BUILD LIBDIR BINDIR INCLUDEDIR MANDIR PREFIX"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD, LIB, BIN, INCLUDE, MAN, PREFIX = sys.argv[1:7]
UNITS = f"{PREFIX}/lib"

WANTED = [
    f"{LIB}/gss/gss_ntlm.so",
    f"{LIB}/gss/gss_ntlm_bridge.so",
    f"{LIB}/libsspi.so",
    f"{LIB}/libsspi_compat.so",
    f"{LIB}/libsspi_compat.so.0",
    f"{LIB}/pkgconfig/gss-ntlm.pc",
    f"{LIB}/pkgconfig/sspi-compat.pc",
    f"{LIB}/cmake/SspiCompat/SspiCompatConfig.cmake",
    f"{BIN}/ntlmctl",
    f"{PREFIX}/sbin/ntlm-authd",
    f"{INCLUDE}/gssapi/gssapi_ntlm.h",
    f"{INCLUDE}/sspi/sspi.h",
    f"{MAN}/man5/ntlm.conf.5",
    f"{MAN}/man8/ntlmctl.8",
    f"{MAN}/man8/gss_ntlm.8",
    f"{MAN}/man8/ntlm-authd.8",
    "/etc/gss/mech.d/ntlm.conf",
    "/etc/gss/ntlm.conf",
    "/etc/gss/ntlm-authd.conf",
    f"{UNITS}/systemd/system/ntlm-authd.service",
    f"{UNITS}/systemd/system/ntlm-authd.socket",
    f"{UNITS}/sysusers.d/ntlm-authd.conf",
    f"{UNITS}/tmpfiles.d/ntlm-authd.conf",
]


def install(root):
    subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(root)}, check=True,
                   stdout=subprocess.DEVNULL)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="ntlm-install-")
        cls.root = Path(cls.directory.name)
        install(cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def at(self, path):
        return self.root / path.lstrip("/")

    def test_every_file_has_its_place(self):
        missing = [path for path in WANTED if not self.at(path).exists()]
        self.assertEqual(missing, [])

    def test_nothing_of_the_tests_or_of_the_build_is_installed(self):
        names = {path.name for path in self.root.rglob("*") if path.is_file()}
        self.assertEqual({name for name in names if name.endswith((".a", ".o")) or "test" in name or "gtest" in name},
                         set())

    def test_every_sample_is_installed(self):
        conf = Path(__file__).resolve().parents[2] / "conf"
        samples = {path.name for path in conf.iterdir() if path.is_dir() and path.name not in ("man", "mech.d")}
        installed = next(self.root.rglob("examples"))
        self.assertEqual(samples, {path.name for path in installed.iterdir() if path.is_dir()})

    def test_registration_names_the_installed_module(self):
        lines = [line.split() for line in self.at("/etc/gss/mech.d/ntlm.conf").read_text().splitlines()
                 if line and not line.startswith("#")]
        self.assertEqual(lines, [["gss_ntlm", "1.3.6.1.4.1.311.2.2.10", f"{LIB}/gss/gss_ntlm.so"]])

    def test_mechanism_links_nothing_that_a_gss_program_has_not(self):
        # winbind's library comes by dlopen, where a configuration names it.
        dynamic = subprocess.run(["readelf", "-d", self.at(f"{LIB}/gss/gss_ntlm.so")], check=True, capture_output=True,
                                 text=True).stdout
        needed = {line.split("[")[1].split(".so")[0] for line in dynamic.splitlines() if "(NEEDED)" in line}
        self.assertLessEqual(needed, {"libgssapi_krb5", "libkrb5", "libcrypto", "libc", "libm", "ld-linux-x86-64",
                                      "ld-linux-aarch64"}, dynamic)

    def test_configuration_of_the_administrator_is_kept(self):
        path = self.at("/etc/gss/ntlm.conf")
        shipped = path.read_text()
        path.write_text("[ntlm]\n    display_form = user@domain\n")
        install(self.root)
        self.assertIn("user@domain", path.read_text())
        path.unlink()
        install(self.root)
        self.assertEqual(path.read_text(), shipped)

    def test_header_compiles_in_c_by_pkg_config(self):
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.at(f"{LIB}/pkgconfig"))}
        flags = subprocess.run(["pkg-config", "--cflags", f"--define-variable=includedir={self.at(INCLUDE)}", "gss-ntlm"],
                               env=env, check=True, capture_output=True, text=True).stdout.split()
        program = b"#include <gssapi/gssapi_ntlm.h>\nint main(void) { return GSS_NTLM_OID_LENGTH - 10; }\n"
        subprocess.run(["cc", "-x", "c", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", *flags, "-",
                        "-o", str(self.root / "program")], input=program, check=True)
        subprocess.run([self.root / "program"], check=True)

    def test_installed_daemon_and_tool_have_one_store(self):
        with tempfile.TemporaryDirectory(prefix="ntlm-installed-") as directory:
            accounts, config = Path(directory, "accounts"), Path(directory, "ntlm-authd.conf")
            config.write_text(f"[ntlm]\n    store = lmdb:{accounts}\n")
            config.chmod(0o600)
            daemon = [self.at(f"{PREFIX}/sbin/ntlm-authd"), "--config", config, "--check"]
            if os.geteuid() == 0:
                daemon += ["--user", "root"]  # whose directory this is
            subprocess.run([self.at(f"{BIN}/ntlmctl"), "user", "--config", config, "add", "LAB\\alice", "--password-stdin"],
                           input=b"Secret1\n", check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(subprocess.run(daemon, check=True, capture_output=True, text=True).stdout, f"{config}: sound\n")
            config.write_text("[ntlm]\n    store = authd\n")
            refused = subprocess.run(daemon, check=False, capture_output=True, text=True)
            self.assertEqual((refused.returncode, refused.stdout), (6, ""))
            self.assertIn("cannot ask itself", refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
