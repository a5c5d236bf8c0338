#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The mechanism against independent peers, both ways, raw and in SPNEGO: who gets in, under which name, with equal keys
and with messages that the other side can open; and who does not.

Usage: interop_test.py GSS_PEER MECH_CONF [unittest arguments]
GSS_PEER: the program of this folder. MECH_CONF: the mech.conf of a build, or another mechanism's mech.d file."""
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import legacy_openssl  # noqa: F401
import samba_peer
from gss_peer import CONF, INTEG, MUTUAL, SEAL, SIGN, GssError, GssPeer, exchange

PROGRAM, MECH_CONF = sys.argv[1:3]
OURS = "gss_ntlm.so" in Path(MECH_CONF).read_text()
REQUIRED = os.environ.get("NTLM_REQUIRE_PEERS") == "1"
ALICE = ("alice", "Al1ce's pass", "LAB")
UMLAUT = ("jürgen", "pässwörd", "LAB")  # what impacket's Latin-1 can hold
GREEK = ("Ωμέγα", "λέξη €", "LAB")
# gss-ntlmssp does not protect an empty message.
DATA = ([b""] if OURS else []) + [b"x", b"abc" * 1000]
MIC_MISSING = 0x4e4c0012
BINDINGS = b"tls-server-end-point:" + bytes(range(32))


def need(condition, what):
    """A peer that is missing is a failure where peers are required, else a skip that says so."""
    if not condition:
        if REQUIRED:
            raise AssertionError(f"{what} is required here and is not installed")
        raise unittest.SkipTest(f"{what} is not installed")


class Case(unittest.TestCase):
    """A private directory with accounts, and gss_peers that are ended."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="ntlm-interop-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.accounts = self.file("accounts", "".join(f"{d}:{u}:{p}\n" for u, p, d in (ALICE, UMLAUT, GREEK)))

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def peer(self, mech_conf=MECH_CONF, mech="ntlm", **environment):
        conf = self.file("ntlm.conf", f"[ntlm]\n    store = text:{self.accounts}\n    netbios_domain = LAB\n"
                                      "    netbios_computer = WEB\n[audit]\n    syslog = no\n" + self.policy)
        peer = GssPeer(PROGRAM, mech_conf, mech, GSS_NTLM_CONF=conf, **environment)
        self.addCleanup(peer.close)
        return peer

    policy = ""

    def acceptor(self, mech_conf=MECH_CONF, mech="ntlm"):
        environment = {} if "gss_ntlm.so" in Path(mech_conf).read_text() else {"NTLM_USER_FILE": self.accounts}
        peer = self.peer(mech_conf, mech, **environment)
        peer.acquire("accept")
        return peer

    def initiator(self, mech_conf=MECH_CONF, mech="ntlm", account=ALICE):
        peer = self.peer(mech_conf, mech)
        user, password, domain = account
        peer.password(rf"{domain}\{user}", password)
        return peer

    def check_protection(self, one, other, sealed=True, sizes=(1, 7, 8, 1000, 65000, 3), mics=True):
        """Messages of many sizes, both ways, in turns; each side opens what the other closed."""
        for number, size in enumerate(sizes):
            data = bytes((number + i) % 256 for i in range(size))
            for sender, receiver in ((one, other), (other, one)):
                token, said_sealed = sender.wrap(data, sealed)
                self.assertEqual(said_sealed, sealed)
                if sealed and size > 8:
                    self.assertNotIn(data, token)
                self.assertEqual(receiver.unwrap(token), (data, sealed))
                if mics:
                    receiver.verify(data, sender.mic(data))

    def refused(self, call, *arguments):
        with self.assertRaises(GssError) as caught:
            call(*arguments)
        return caught.exception


def module_pairs():
    """(initiator's, acceptor's) modules: this one with itself, and with gss-ntlmssp both ways."""
    theirs = next(Path("/etc/gss/mech.d").glob("*ntlmssp*.conf"), None)
    yield "itself", MECH_CONF, MECH_CONF
    yield "gss-ntlmssp accepts", MECH_CONF, theirs
    yield "gss-ntlmssp initiates", theirs, MECH_CONF


class GssModules(Case):
    # gss-ntlmssp sends no MIC in raw NTLM.
    policy = "[policy]\n    require_mic = no\n"

    def each(self, test, account=ALICE, mechs=("ntlm", "spnego"), pairs=None):
        """test(initiator, acceptor) for every pair of modules, raw and in SPNEGO."""
        for name, left, right in pairs or module_pairs():
            need(left and right, "gss-ntlmssp")
            for mech in mechs:
                with self.subTest(name, mech=mech):
                    test(self.initiator(left, mech, account), self.acceptor(right, mech))

    def check_equal(self, initiator, acceptor, user):
        exchange(initiator, acceptor)
        self.assertIn(user, acceptor.source)
        self.assertEqual(initiator.key(), acceptor.key())
        self.assertEqual(len(initiator.key()), 16)

    def test_sealed(self):
        def test(initiator, acceptor):
            self.check_equal(initiator, acceptor, "alice")
            for side in (initiator, acceptor):
                self.assertEqual(side.flags & (CONF | INTEG), CONF | INTEG)
            self.check_protection(initiator, acceptor)
        self.each(test)

    def test_signed_only(self):
        def test(initiator, acceptor):
            exchange(initiator, acceptor, flags=SIGN)
            data = b"signed, in the clear"
            for sender, receiver in ((initiator, acceptor), (acceptor, initiator)):
                receiver.verify(data, sender.mic(data))
        self.each(test, mechs=("ntlm",))

    def test_names_beyond_ascii(self):
        # gss-ntlmssp does not find such a name in its file; its initiator sends it well.
        self.each(lambda initiator, acceptor: self.check_equal(initiator, acceptor, "jürgen"), account=UMLAUT,
                  pairs=[pair for pair in module_pairs() if pair[2] == MECH_CONF])

    def test_wrong_password(self):
        self.each(lambda *sides: self.refused(exchange, *sides), account=("alice", "wrong", "LAB"))

    def test_altered_message(self):
        def test(initiator, acceptor):
            exchange(initiator, acceptor)
            token, _ = initiator.wrap(b"pay 10")
            self.refused(acceptor.unwrap, token[:-1] + bytes([token[-1] ^ 1]))
        self.each(test)

    def test_same_bindings_on_both_sides(self):
        def test(initiator, acceptor):
            initiator.bindings(BINDINGS)
            acceptor.bindings(BINDINGS)
            self.check_equal(initiator, acceptor, "alice")
        self.each(test)

    def test_other_bindings(self):
        def test(initiator, acceptor):
            initiator.bindings(BINDINGS)
            acceptor.bindings(BINDINGS + b"x")
            self.refused(exchange, initiator, acceptor)
        self.each(test)


@unittest.skipUnless(OURS, "what this mechanism promises beyond its peers")
class Ours(Case):
    def test_mutual_is_never_claimed(self):
        for mech in ("ntlm", "spnego"):
            initiator, acceptor = self.initiator(mech=mech), self.acceptor(mech=mech)
            exchange(initiator, acceptor, flags=SEAL | MUTUAL)
            self.assertEqual((initiator.flags | acceptor.flags) & MUTUAL, 0)

    def test_replayed_and_reordered_messages(self):
        initiator, acceptor = self.initiator(), self.acceptor()
        exchange(initiator, acceptor)
        first, second = initiator.wrap(b"one")[0], initiator.wrap(b"two")[0]
        self.refused(acceptor.unwrap, second)
        self.assertEqual(acceptor.unwrap(first), (b"one", True))
        self.refused(acceptor.unwrap, first)

    def test_moved_context_goes_on(self):
        initiator, acceptor = self.initiator(), self.acceptor()
        exchange(initiator, acceptor)
        self.check_protection(initiator, acceptor)
        initiator.ask("move")
        acceptor.ask("move")
        self.check_protection(initiator, acceptor)

    def test_acceptor_with_bindings_refuses_an_initiator_without(self):
        initiator, acceptor = self.initiator(), self.acceptor()
        acceptor.bindings(BINDINGS)
        self.refused(exchange, initiator, acceptor)

    def test_wrap_without_sealing_says_so(self):
        initiator, acceptor = self.initiator(), self.acceptor()
        exchange(initiator, acceptor)
        self.check_protection(initiator, acceptor, sealed=False)

    def test_empty_message_is_protected(self):
        for mech in ("ntlm", "spnego"):
            initiator, acceptor = self.initiator(mech=mech), self.acceptor(mech=mech)
            exchange(initiator, acceptor)
            self.check_protection(initiator, acceptor, sizes=(0, 3, 0))


class Impacket(Case):
    policy = "[policy]\n    require_mic = no\n"

    def setUp(self):
        super().setUp()
        try:
            import impacket_peer
        except ImportError:
            need(False, "python3-impacket")
        self.impacket = impacket_peer

    def log_in(self, initiator, acceptor):
        challenge, _ = acceptor.accept(initiator.negotiate())
        _, done = acceptor.accept(initiator.authenticate(challenge))
        self.assertTrue(done)
        self.assertIn(initiator.account[0], acceptor.source)
        self.assertEqual(acceptor.key(), initiator.session.key)
        for data in DATA:
            self.assertEqual(acceptor.unwrap(initiator.session.wrap(data)), (data, True))
            self.assertEqual(initiator.session.unwrap(acceptor.wrap(data)[0]), data)

    def test_initiator_as_it_is(self):
        self.log_in(self.impacket.Initiator(*ALICE), self.acceptor())
        self.log_in(self.impacket.Initiator(*UMLAUT), self.acceptor())

    @unittest.skipUnless(OURS, "another mechanism asks for no MIC")
    def test_initiator_that_signs_without_mic_is_refused_by_default(self):
        self.policy = ""
        initiator, acceptor = self.impacket.Initiator(*ALICE), self.acceptor()
        challenge, _ = acceptor.accept(initiator.negotiate())
        error = self.refused(acceptor.accept, initiator.authenticate(challenge))
        self.assertEqual(error.minor, MIC_MISSING)

    @unittest.skipUnless(OURS, "another mechanism does not read its NEGOTIATE")
    def test_initiator_that_does_not_sign_gets_in_by_default(self):
        self.policy = ""
        initiator, acceptor = self.impacket.Initiator(*ALICE, sign=False), self.acceptor()
        challenge, _ = acceptor.accept(initiator.negotiate())
        _, done = acceptor.accept(initiator.authenticate(challenge))
        self.assertTrue(done)
        self.assertEqual(acceptor.flags & (CONF | INTEG), 0)

    def test_initiator_with_mic(self):
        self.policy = ""
        self.log_in(self.impacket.Initiator(*ALICE, with_mic=True), self.acceptor())

    def test_initiator_with_bindings(self):
        for with_mic in (False, True):
            acceptor = self.acceptor()
            acceptor.bindings(BINDINGS)
            self.log_in(self.impacket.Initiator(*ALICE, with_mic=with_mic, bindings=BINDINGS), acceptor)

    def test_initiator_with_other_bindings(self):
        for bindings in (b"other",) + ((None,) if OURS else ()):
            acceptor = self.acceptor()
            acceptor.bindings(BINDINGS)
            initiator = self.impacket.Initiator(*ALICE, with_mic=True, bindings=bindings)
            challenge, _ = acceptor.accept(initiator.negotiate())
            self.refused(acceptor.accept, initiator.authenticate(challenge))

    def test_initiator_with_wrong_mic(self):
        initiator, acceptor = self.impacket.Initiator(*ALICE, with_mic=True), self.acceptor()
        challenge, _ = acceptor.accept(initiator.negotiate())
        token = bytearray(initiator.authenticate(challenge))
        token[self.impacket.MIC_AT] ^= 1
        self.refused(acceptor.accept, bytes(token))

    def test_initiator_with_wrong_password(self):
        initiator, acceptor = self.impacket.Initiator("alice", "wrong", "LAB"), self.acceptor()
        challenge, _ = acceptor.accept(initiator.negotiate())
        self.refused(acceptor.accept, initiator.authenticate(challenge))

    def reach(self, initiator, acceptor):
        negotiate, _ = initiator.init()
        token, done = initiator.init(acceptor.challenge(negotiate))
        self.assertTrue(done)
        acceptor.accept(token)

    def test_acceptor(self):
        for account in (ALICE, UMLAUT):
            for with_timestamp in (True, False):
                with self.subTest(account[0], with_timestamp=with_timestamp):
                    initiator = self.initiator(account=account)
                    acceptor = self.impacket.Acceptor({account[0]: account[1]}, with_timestamp=with_timestamp)
                    self.reach(initiator, acceptor)
                    self.assertEqual((acceptor.user, acceptor.domain), (account[0], "LAB"))
                    self.assertEqual(acceptor.session.key, initiator.key())
                    if OURS:  # [MS-NLMP] 3.1.5.1.2
                        self.assertEqual(acceptor.mic, with_timestamp)
                    for data in DATA:
                        self.assertEqual(acceptor.session.unwrap(initiator.wrap(data)[0]), data)
                        self.assertEqual(initiator.unwrap(acceptor.session.wrap(data)), (data, True))

    def test_acceptor_sees_the_bindings(self):
        initiator = self.initiator()
        initiator.bindings(BINDINGS)
        acceptor = self.impacket.Acceptor({"alice": ALICE[1]})
        self.reach(initiator, acceptor)
        self.assertEqual(acceptor.av_pairs[self.impacket.AV_BINDINGS][1], self.impacket.bindings_hash(BINDINGS))

    def test_acceptor_refuses_a_wrong_password(self):
        acceptor = self.impacket.Acceptor({"alice": "another"})
        with self.assertRaises(self.impacket.Refused):
            self.reach(self.initiator(), acceptor)


class PythonNtlmAuth(Case):
    def setUp(self):
        super().setUp()
        try:
            from ntlm_auth import gss_channel_bindings, ntlm
        except ImportError:
            need(False, "python3-ntlm-auth")
        self.ntlm = ntlm
        self.struct = gss_channel_bindings.GssChannelBindingsStruct

    def log_in(self, context, acceptor):
        challenge, _ = acceptor.accept(context.step())
        _, done = acceptor.accept(context.step(challenge))
        self.assertTrue(done)
        self.assertEqual(acceptor.key(), context.session_key)
        for data in DATA:
            self.assertEqual(acceptor.unwrap(context.wrap(data)), (data, True))
            self.assertEqual(context.unwrap(acceptor.wrap(data)[0]), data)

    def context(self, account=ALICE, bindings=None):
        user, password, domain = account
        data = None
        if bindings is not None:
            data = self.struct()
            data[data.APPLICATION_DATA] = bindings
        return self.ntlm.NtlmContext(user, password, domain, "CLIENT", cbt_data=data)

    def test_initiator(self):
        acceptor = self.acceptor()
        self.log_in(self.context(), acceptor)  # it speaks OEM: ASCII only
        self.assertIn("alice", acceptor.source)

    def test_initiator_with_bindings(self):
        acceptor = self.acceptor()
        acceptor.bindings(BINDINGS)
        self.log_in(self.context(bindings=BINDINGS), acceptor)

    def test_initiator_with_other_bindings(self):
        acceptor = self.acceptor()
        acceptor.bindings(BINDINGS)
        self.refused(self.log_in, self.context(bindings=b"other"), acceptor)

    def test_initiator_with_wrong_password(self):
        self.refused(self.log_in, self.context(("alice", "wrong", "LAB")), self.acceptor())


class Samba(Case):
    def setUp(self):
        super().setUp()
        need(samba_peer.installed(), "winbind (ntlm_auth)")

    def samba(self, account=ALICE, spnego=False):
        initiator = samba_peer.Initiator(*account, spnego=spnego)
        self.addCleanup(initiator.close)
        return initiator

    def test_initiator(self):
        for account in (ALICE, UMLAUT, GREEK):
            initiator, acceptor = self.samba(account), self.acceptor()
            self.assertTrue(initiator.log_in(acceptor))
            self.assertIn(account[0], acceptor.source)
            self.assertEqual(initiator.key(), acceptor.key())

    def test_initiator_in_spnego(self):
        initiator, acceptor = self.samba(spnego=True), self.acceptor(mech="spnego")
        self.assertTrue(initiator.log_in(acceptor))
        self.assertIn("alice", acceptor.source)

    def test_initiator_with_wrong_password(self):
        for spnego in (False, True):
            initiator = self.samba(("alice", "wrong", "LAB"), spnego)
            self.refused(initiator.log_in, self.acceptor(mech="spnego" if spnego else "ntlm"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])
