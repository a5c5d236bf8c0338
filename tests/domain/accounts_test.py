#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Logons through the mechanism, raw and in SPNEGO: each state of an account, local accounts beside the domain's, who may
ask winbindd; and users of a trusted domain, with one store for each domain."""
import os
import signal
import socket
import subprocess
from pathlib import Path

from domain import LAB, MECH_CONF, MINOR, Domain, main
from gss_peer import INTEG, SIGN, GssError
from lab import PASSWORD, TRUSTED_PASSWORD, until


class BehindTheDaemon(Domain):
    """ntlm-authd in the member asks winbindd; who accepts asks ntlm-authd."""

    def setUp(self):
        directory = self.files / "authd"
        directory.mkdir(exist_ok=True)
        path = directory / "auth.sock"
        path.unlink(missing_ok=True)
        config = self.configure("ntlm-authd.conf", "    store = winbind\n")
        program = Path(MECH_CONF).parent / "ntlm-authd"
        daemon = subprocess.Popen(LAB.member.command(program, "--config", config, "--socket", path))
        self.addCleanup(daemon.wait, 60)
        self.addCleanup(LAB.member.signal, "ntlm-authd", signal.SIGTERM)
        until(lambda: self.listens(path), 60, "the daemon's socket")
        self.worker = self.configure("worker.conf", f"    store = authd:{path}\n    authd_uid = {os.getuid()}\n")

    @staticmethod
    def listens(path):
        """Its name is there before it does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            return connection.connect_ex(str(path)) == 0

    def test_domain_users_log_in(self):
        for mech in ("ntlm", "spnego"):
            with self.subTest(mech):
                initiator, acceptor = self.log_in("lab\\ALICE", mech=mech, conf=self.worker)
                self.assertEqual(acceptor.source, "LAB\\alice")
                self.check_protection(initiator, acceptor)

    def test_refusals_are_the_domains(self):
        for user, password, minor in (("alice", "wrong", "LOGON_DENIED"), ("nobody_there", PASSWORD, "LOGON_DENIED"),
                                      ("disabled", PASSWORD, "ACCOUNT_DISABLED"), ("nohours", PASSWORD, "LOGON_HOURS")):
            with self.subTest(user):
                self.assertEqual(self.refused(f"LAB\\{user}", password, conf=self.worker), MINOR[minor])


class Accounts(Domain):
    def test_name_is_as_the_domain_spells_it(self):
        for mech in ("ntlm", "spnego"):
            for user in ("LAB\\alice", "lab\\ALICE", "alice@lab.example", "alice"):
                with self.subTest(user, mech=mech):
                    initiator, acceptor = self.log_in(user, mech=mech)
                    self.assertEqual(acceptor.source, "LAB\\alice")
                    self.assertEqual(initiator.key(), acceptor.key())
                    self.check_protection(initiator, acceptor)

    def test_name_beyond_latin(self):
        for mech in ("ntlm", "spnego"):
            _, acceptor = self.log_in("LAB\\josé.Üñï中文", mech=mech)
            self.assertEqual(acceptor.source, "LAB\\josé.Üñï中文")

    def test_signed_only(self):
        initiator, acceptor = self.log_in("LAB\\alice", flags=SIGN)
        self.assertTrue(acceptor.flags & INTEG)
        acceptor.verify(b"data", initiator.mic(b"data"))

    def test_each_state_is_told(self):
        for user, minor in dict(disabled="ACCOUNT_DISABLED", mustchange="PASSWORD_MUST_CHANGE",
                                pwexpired="PASSWORD_EXPIRED", acctexpired="ACCOUNT_EXPIRED", nohours="LOGON_HOURS",
                                otherws="WORKSTATION", locked="ACCOUNT_LOCKED", prot="ACCOUNT_RESTRICTION",
                                smartcard="LOGON_DENIED", nobody_of_that_name="LOGON_DENIED").items():
            with self.subTest(user):
                self.assertEqual(self.refused(f"LAB\\{user}"), MINOR[minor])
                with self.assertRaises(GssError):
                    self.log_in(f"LAB\\{user}", mech="spnego")

    def test_wrong_password_tells_no_state(self):
        for user in ("bob", "disabled", "nobody_of_that_name"):
            with self.subTest(user):
                self.assertEqual(self.refused(f"LAB\\{user}", "not the password"), MINOR["LOGON_DENIED"])

    def test_local_accounts_stand_beside_the_domain(self):
        conf = self.configure("both.conf", f"    store = winbind:LAB\n    store = text:{self.local}\n")
        for user, password, name in (("LAB\\alice", PASSWORD, "LAB\\alice"), ("MEM1\\carol", "Loc@l pass", "MEM1\\carol"),
                                     ("OTHER\\dave", "D@ve's pass", "dave")):
            with self.subTest(user):
                _, acceptor = self.log_in(user, password, conf=conf)
                self.assertEqual(acceptor.source.removeprefix("MEM1\\" if name == "dave" else "").split("\\")[-1],
                                 name.split("\\")[-1])
        # The domain's own carol, and no way from her name to the local one or back.
        self.assertEqual(self.log_in("LAB\\carol", conf=conf)[1].source, "LAB\\carol")
        self.assertEqual(self.refused("LAB\\carol", "Loc@l pass", conf=conf), MINOR["LOGON_DENIED"])
        self.assertEqual(self.refused("MEM1\\carol", PASSWORD, conf=conf), MINOR["LOGON_DENIED"])

    def test_only_group_winbindd_priv_may_ask(self):
        nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup")
        for _ in range(20):  # winbindd passes for down when a busy machine lets it answer late
            minor = self.refused("LAB\\alice", prefix=(*nobody, "--clear-groups"))
            if minor == MINOR["AUTHORITY_ACCESS"]:
                break
        self.assertEqual(minor, MINOR["AUTHORITY_ACCESS"])
        _, acceptor = self.log_in("LAB\\alice", prefix=(*nobody, "--groups=winbindd_priv"))
        self.assertEqual(acceptor.source, "LAB\\alice")


class Trusted(Domain):
    """Two domains, each with an alice; erin is in the trusted one only, carol and dave are this host's."""

    def name(self, user, password=TRUSTED_PASSWORD, **options):
        return self.log_in(user, password, **options)[1].source

    def test_its_users_log_in(self):
        for mech in ("ntlm", "spnego"):
            for user in ("TRUSTED\\erin", "trusted\\ERIN", "erin@trusted.example", "trusted.example\\erin"):
                with self.subTest(user, mech=mech):
                    initiator, acceptor = self.log_in(user, TRUSTED_PASSWORD, mech)
                    self.assertEqual(acceptor.source, "TRUSTED\\erin")
                    self.assertEqual(initiator.key(), acceptor.key())
                    self.check_protection(initiator, acceptor)

    def test_users_of_one_name_are_not_each_other(self):
        self.assertEqual(self.name("TRUSTED\\alice"), "TRUSTED\\alice")
        self.assertEqual(self.name("LAB\\alice", PASSWORD), "LAB\\alice")
        self.assertEqual(self.name("alice", PASSWORD), "LAB\\alice")
        for user, password in (("TRUSTED\\alice", PASSWORD), ("LAB\\alice", TRUSTED_PASSWORD), ("alice", TRUSTED_PASSWORD)):
            with self.subTest(user):
                self.assertEqual(self.refused(user, password), MINOR["LOGON_DENIED"])

    def test_wrong_password_and_nobody_are_refused(self):
        for user in ("erin", "nobody_of_that_name"):
            with self.subTest(user):
                self.assertEqual(self.refused(f"TRUSTED\\{user}", "not the password"), MINOR["LOGON_DENIED"])

    def test_a_store_of_one_domain_has_no_others(self):
        trusted = self.configure("trusted.conf", "    store = winbind:TRUSTED\n")
        self.assertEqual(self.name("TRUSTED\\erin", conf=trusted), "TRUSTED\\erin")
        self.assertEqual(self.refused("LAB\\alice", conf=trusted), MINOR["LOGON_DENIED"])
        self.assertEqual(self.refused("alice", conf=trusted), MINOR["LOGON_DENIED"])
        own = self.configure("own.conf", "    store = winbind:LAB\n")
        self.assertEqual(self.name("LAB\\alice", PASSWORD, conf=own), "LAB\\alice")
        for user in ("TRUSTED\\erin", "erin@trusted.example"):
            self.assertEqual(self.refused(user, TRUSTED_PASSWORD, conf=own), MINOR["LOGON_DENIED"])

    def test_each_domain_has_the_store_that_is_chosen_for_it(self):
        file = self.write("trusted", "TRUSTED:erin:of the file\n", 0o600)
        both = self.configure("each.conf", f"    store = winbind:LAB\n    store = text:{file}\n")
        self.assertEqual(self.name("LAB\\alice", PASSWORD, conf=both), "LAB\\alice")
        self.assertEqual(self.name("TRUSTED\\erin", "of the file", conf=both), "TRUSTED\\erin")
        self.assertEqual(self.refused("TRUSTED\\erin", TRUSTED_PASSWORD, conf=both), MINOR["LOGON_DENIED"])
        both = self.configure("both.conf", "    store = winbind:LAB\n    store = winbind:trusted.example\n    store = winbind:TRUSTED\n")
        for user in ("TRUSTED\\erin", "erin@trusted.example", "trusted.example\\erin"):
            self.assertEqual(self.name(user, conf=both), "TRUSTED\\erin")


if __name__ == "__main__":
    main(__doc__)
