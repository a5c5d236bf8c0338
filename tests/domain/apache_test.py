#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Domain users at stock Apache with mod_auth_gssapi and this project's sample configuration; its workers are www-data and may ask
    winbindd by their group alone."""
import unittest
from pathlib import Path

from domain import HERE, LAB, MECH_CONF, Domain, main
from lab import PASSWORD, until


class Apache(Domain):
    MODULES = ("mpm_prefork", "authn_core", "authz_core", "authz_user", "auth_gssapi", "headers")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not Path("/usr/lib/apache2/modules/mod_auth_gssapi.so").exists():
            raise unittest.SkipTest("libapache2-mod-auth-gssapi is not installed")
        root = cls.files
        (root / "private").mkdir(exist_ok=True)
        (root / "private/page").write_text("for domain users")
        modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in cls.MODULES)
        conf = cls.write("httpd.conf", modules + f"""
            ServerRoot {root}
            ServerName mem1.lab.example
            PidFile {root}/httpd.pid
            ErrorLog {root}/error.log
            Listen 127.0.0.1:8080
            DocumentRoot {root}
            User www-data
            Group winbindd_priv
            Header always set X-User "expr=%{{REMOTE_USER}}"
            Include {HERE.parents[1]}/conf/apache/ntlm.conf
            """)
        cls.apache2 = ("env", f"GSS_MECH_CONFIG={MECH_CONF}", f"GSS_NTLM_CONF={cls.conf}", "apache2", "-f", conf, "-k")
        LAB.member.run(*cls.apache2, "start")
        until(lambda: LAB.member.run("curl", "-s", "http://127.0.0.1:8080/", check=False).returncode == 0, 60, "Apache")

    @classmethod
    def tearDownClass(cls):
        LAB.member.run(*cls.apache2, "stop")
        until(lambda: not LAB.member.processes("apache2"), 60, "the end of Apache")

    def curl(self, *options, user="alice", password=PASSWORD):
        """(status, REMOTE_USER)"""
        accounts = self.write("initiator", f"LAB:{user}:{password}\n", 0o600)
        done = LAB.member.run("env", f"GSS_MECH_CONFIG={MECH_CONF}", f"GSS_NTLM_CONF={self.conf}",
                              f"NTLM_USER_FILE={accounts}", "KRB5CCNAME=/nonexistent", "curl", "-s", "-o", "/dev/null",
                              "-w", "%{http_code} %header{x-user}", *options, "http://127.0.0.1:8080/private/page")
        return done.stdout.split(" ")

    def test_domain_users_get_in(self):
        self.assertEqual(self.curl("--ntlm", "-u", f"LAB\\alice:{PASSWORD}"), ["200", "LAB\\alice"])
        self.assertEqual(self.curl("--negotiate", "-u", ":"), ["200", "LAB\\alice"])

    def test_others_do_not(self):
        self.assertEqual(self.curl("--ntlm", "-u", "LAB\\bob:not the password")[0], "401")
        self.assertEqual(self.curl("--ntlm", "-u", f"LAB\\disabled:{PASSWORD}")[0], "401")
        self.assertEqual(self.curl("--negotiate", "-u", ":", user="bob", password="not the password")[0], "401")


if __name__ == "__main__":
    main(__doc__)
