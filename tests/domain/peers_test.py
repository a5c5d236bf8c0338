#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Independent peers in the domain: Samba's ntlm_auth, OpenLDAP's client at the domain controller's LDAP, and winbindd's
credential cache."""
from domain import LAB, MECH_CONF, MINOR, Domain, main  # first: it says where the peers are

import samba_peer
from gss_peer import SIGN, GssError, exchange
from lab import PASSWORD


class Samba(Domain):
    def ntlm_auth(self, helper):
        acceptor = samba_peer.Acceptor(LAB.member.command, helper)
        self.addCleanup(acceptor.close)
        return acceptor

    def test_ntlm_auth_accepts(self):
        for helper, mech in (("squid-2.5-ntlmssp", "ntlm"), ("gss-spnego", "spnego")):
            with self.subTest(helper):
                initiator, acceptor = self.initiator("LAB\\alice", mech=mech), self.ntlm_auth(helper)
                self.assertIn("alice", acceptor.accept(initiator))
                self.assertEqual(acceptor.key(), initiator.key())

    def test_ntlm_auth_refuses_a_wrong_password(self):
        for helper, mech in (("squid-2.5-ntlmssp", "ntlm"), ("gss-spnego", "spnego")):
            with self.subTest(helper), self.assertRaises(RuntimeError):
                self.ntlm_auth(helper).accept(self.initiator("LAB\\bob", "not the password", mech=mech))

    def test_ntlm_auth_initiates(self):
        for spnego in (False, True):
            with self.subTest(spnego=spnego):
                initiator = samba_peer.Initiator("alice", PASSWORD, "LAB", spnego)
                self.addCleanup(initiator.close)
                acceptor = self.acceptor("spnego" if spnego else "ntlm")
                self.assertTrue(initiator.log_in(acceptor))
                self.assertEqual(acceptor.source, "LAB\\alice")
                self.assertEqual(acceptor.key(), initiator.key())


class Ldap(Domain):
    """The domain controller's LDAP, by OpenLDAP's client over cyrus-sasl, with this initiator in SPNEGO."""

    def search(self, *options, user="alice", password=PASSWORD, url="ldap://dc1.lab.example"):
        accounts = self.write("initiator", f"LAB:{user}:{password}\n", 0o600)
        return self.ldapsearch(("env", f"NTLM_USER_FILE={accounts}"), *options, url=url)

    def ldapsearch(self, prefix, *options, url="ldap://dc1.lab.example"):
        return LAB.member.run(
            *prefix, "env", f"GSS_MECH_CONFIG={MECH_CONF}", f"GSS_NTLM_CONF={self.conf}", "KRB5CCNAME=/nonexistent", "LDAPTLS_REQCERT=never", "ldapsearch", "-LLL", "-Y", "GSS-SPNEGO", "-N", "-H",
            url, *options, "-b", "dc=lab,dc=example", "(sAMAccountName=manygroups)", "memberOf", check=False)

    def check_found(self, done, ssf):
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("CN=group14", done.stdout)
        self.assertIn("SASL username: LAB\\alice\n", done.stdout)
        self.assertIn(f"SASL SSF: {ssf}\n", done.stdout)

    def test_sealed(self):
        self.check_found(self.search(), 128)

    def test_signed_only(self):
        # Active Directory's LDAP means sealing then (docs/decisions/0014).
        self.check_found(self.search("-O", "minssf=1,maxssf=1"), 1)

    def test_without_protection(self):
        self.check_found(self.search("-O", "maxssf=0"), 0)

    def test_over_tls_with_channel_bindings(self):
        self.check_found(self.search("-O", "maxssf=0", "-o", "SASL_CBINDING=tls-endpoint", url="ldaps://dc1.lab.example"), 0)

    def test_from_the_credential_cache(self):
        # winbindd's message offers signing and no sealing.
        uid = LAB.member.run("wbinfo", "--user-info=LAB\\alice").stdout.split(":")[2]
        as_alice = ("setpriv", f"--reuid={uid}", "--clear-groups")
        LAB.member.run(*as_alice, "wbinfo", f"--ccache-save=LAB\\alice%{PASSWORD}")
        self.check_found(self.ldapsearch(as_alice), 1)

    def test_wrong_password(self):
        done = self.search(user="bob", password="not the password")
        self.assertEqual(done.returncode, 49, done.stdout)  # invalid credentials
        self.assertIn("data 52e", done.stdout)


class CredentialCache(Domain):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        LAB.member.run("wbinfo", f"--ccache-save=LAB\\alice%{PASSWORD}")

        # winbindd's message has no MIC ([MS-NLMP] 3.1.5.1.2), which this acceptor wants where signing is agreed.
        cls.without_mic = cls.configure("without_mic.conf", "    store = winbind\n", "    require_mic = no\n")

    def initiator_without_password(self, name="LAB\\alice", mech="ntlm"):
        peer = self.peer(mech)
        peer.acquire("init", name)
        return peer

    def test_logs_in_without_a_password(self):
        for mech in ("ntlm", "spnego"):
            with self.subTest(mech):
                initiator, acceptor = self.initiator_without_password(mech=mech), self.acceptor(mech, conf=self.without_mic)
                exchange(initiator, acceptor, SIGN)
                self.assertEqual(acceptor.source, "LAB\\alice")
                self.assertEqual(initiator.key(), acceptor.key())
                acceptor.verify(b"data", initiator.mic(b"data"))
                initiator.verify(b"back", acceptor.mic(b"back"))

    def test_ntlm_auth_accepts_it(self):
        acceptor = samba_peer.Acceptor(LAB.member.command, "squid-2.5-ntlmssp", ("SESSION_KEY", "SIGN"))
        self.addCleanup(acceptor.close)
        self.assertIn("alice", acceptor.accept(self.initiator_without_password()))

    def test_domain_user_needs_neither_name_nor_password(self):
        uid = LAB.member.run("wbinfo", "--user-info=LAB\\alice").stdout.split(":")[2]
        as_alice = ("setpriv", f"--reuid={uid}", "--clear-groups")
        LAB.member.run(*as_alice, "wbinfo", f"--ccache-save=LAB\\alice%{PASSWORD}")
        initiator, acceptor = self.peer(prefix=as_alice), self.acceptor(conf=self.without_mic)
        initiator.acquire("init")
        exchange(initiator, acceptor, SIGN)
        self.assertEqual(acceptor.source, "LAB\\alice")

    def test_another_users_credential_is_not_his(self):
        uid = LAB.member.run("wbinfo", "--user-info=LAB\\bob").stdout.split(":")[2]
        initiator = self.peer(prefix=("setpriv", f"--reuid={uid}", "--clear-groups"))
        with self.assertRaises(GssError) as caught:
            initiator.acquire("init", "LAB\\alice")
        self.assertEqual(caught.exception.minor, MINOR["NO_CREDENTIAL"])

    def test_bindings_that_winbindd_cannot_make_are_refused(self):
        initiator, acceptor = self.initiator_without_password(), self.acceptor()
        for peer in (initiator, acceptor):
            peer.bindings(b"tls-server-end-point:" + bytes(32))
        with self.assertRaises(GssError):
            exchange(initiator, acceptor, SIGN)

    def test_nothing_saved_is_no_credential(self):
        for name in ("LAB\\bob", None):
            with self.subTest(name), self.assertRaises(GssError) as caught:
                self.initiator_without_password(name)
            self.assertEqual(caught.exception.minor, MINOR["NO_CREDENTIAL"])


if __name__ == "__main__":
    main(__doc__)
