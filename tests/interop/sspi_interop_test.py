#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""This project's SSPI against WinPR's, and against GSS-API programs on this mechanism and on gss-ntlmssp: every pair
both ways, with equal keys, with messages that the other side opens, and with refusals.

Usage: sspi_interop_test.py GSS_PEER MECH_CONF SSPI_PEER [WINPR_PEER] [unittest arguments]"""
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import interop_test
from gss_peer import GssPeer, exchange
from interop_test import ALICE, BINDINGS, MECH_CONF, UMLAUT, need

SSPI_PEER = sys.argv[3]
WINPR_PEER = next((a for a in sys.argv[4:] if os.access(a, os.X_OK)), None)
THEIRS = next(Path("/etc/gss/mech.d").glob("*ntlmssp*.conf"), None)
# ISC_REQ_: REPLAY_DETECT, SEQUENCE_DETECT, CONFIDENTIALITY, INTEGRITY
ISC_SEAL = 0x4 | 0x8 | 0x10 | 0x10000
LOGON_DENIED, MESSAGE_ALTERED, BAD_BINDINGS = 0x8009030c, 0x8009030f, 0x80090346


class SspiPeer(GssPeer):
    """sspi_peer or winpr_peer, as the driver of gss_peer sees one side."""

    def init(self, token=b"", flags=None, target="HTTP/web.lab.test"):
        return super().init(token, ISC_SEAL, target.replace("@", "/"))


class Case(interop_test.Case):
    # gss-ntlmssp sends no MIC in raw NTLM.
    policy = "[policy]\n    require_mic = no\n"

    def sspi(self, program=SSPI_PEER, mech="ntlm"):
        need(program, "libwinpr2-dev, when this was built,")
        conf = self.file("ntlm.conf", f"[ntlm]\n    store = text:{self.accounts}\n    netbios_domain = LAB\n"
                                      "    netbios_computer = WEB\n[audit]\n    syslog = no\n" + self.policy)
        # WinPR reports each refusal on stderr.
        peer = SspiPeer(program, MECH_CONF, mech, GSS_NTLM_CONF=conf, WLOG_LEVEL="OFF")
        self.addCleanup(peer.close)
        return peer

    def client(self, program=SSPI_PEER, account=ALICE, mech="ntlm"):
        peer = self.sspi(program, mech)
        user, password, domain = account
        peer.password(rf"{domain}\{user}", password)
        return peer

    def server(self, program=SSPI_PEER, mech="ntlm"):
        peer = self.sspi(program, mech)
        if program != SSPI_PEER:
            peer.ask("sam", str(self.file("sam", winpr_account(ALICE))).encode().hex())
        peer.acquire("accept")
        return peer


def winpr_account(account):
    """A line of WinPR's account file."""
    user, password, domain = account
    need(shutil.which("winpr-hash"), "winpr-hash")
    return subprocess.run(["winpr-hash", "-u", user, "-d", domain, "-p", password, "-f", "sam"], check=True,
                          capture_output=True, text=True).stdout


class Winpr(Case):
    """WinPR does not tell the session key: impacket computes it from the password and the AUTHENTICATE message. Nor does
    it sign without sealing."""

    def setUp(self):
        super().setUp()
        try:
            import impacket_peer
        except ImportError:
            need(False, "python3-impacket")
        self.exported_session_key = impacket_peer.exported_session_key

    def each(self, test, account=ALICE, servers=(SSPI_PEER, WINPR_PEER)):
        for name, left, right in (("this to WinPR", SSPI_PEER, WINPR_PEER), ("WinPR to this", WINPR_PEER, SSPI_PEER),
                                  ("this to itself", SSPI_PEER, SSPI_PEER)):
            if right in servers:
                with self.subTest(name):
                    test(self.client(left, account), self.server(right))

    def log_in(self, client, server):
        """Runs the exchange; the AUTHENTICATE message."""
        challenge, _ = server.accept(client.init()[0])
        authenticate, done = client.init(challenge)
        self.assertTrue(done)
        _, done = server.accept(authenticate)
        self.assertTrue(done)
        return authenticate

    def check_login(self, account, client, server):
        authenticate = self.log_in(client, server)
        key = self.exported_session_key(authenticate, account[1])
        for side in (client, server):
            if side.program == SSPI_PEER:
                self.assertEqual(side.key(), key)
        if server.program == SSPI_PEER:
            self.assertEqual(server.source, rf"LAB\{account[0]}")
        self.check_protection(client, server, mics=False)

    def test_sealed(self):
        self.each(lambda *sides: self.check_login(ALICE, *sides))

    def test_names_beyond_ascii(self):
        # WinPR's acceptor does not find such a name in its file; its initiator sends it well.
        self.each(lambda *sides: self.check_login(UMLAUT, *sides), UMLAUT, servers=(SSPI_PEER,))

    def test_wrong_password(self):
        for account in (("alice", "wrong", "LAB"), ("eve", ALICE[1], "LAB"), ("alice", "", "LAB")):
            def test(client, server):
                error = self.refused(self.log_in, client, server)
                if server.program == SSPI_PEER:
                    self.assertEqual(error.major, LOGON_DENIED)
            self.each(test, account)

    def test_altered_message(self):
        def test(client, server):
            self.log_in(client, server)
            for sender, receiver in ((client, server), (server, client)):
                token, _ = sender.wrap(b"pay 10")
                self.assertEqual(self.refused(receiver.unwrap, token[:-1] + bytes([token[-1] ^ 1])).major, MESSAGE_ALTERED)
        self.each(test)

    def test_bindings(self):
        """WinPR's client sends them; its server does not look."""
        for ours, theirs in ((BINDINGS, BINDINGS), (BINDINGS, BINDINGS + b"x"), (BINDINGS, None)):
            client, server = self.client(WINPR_PEER), self.server()
            server.bindings(ours)
            if theirs is not None:
                client.bindings(theirs)
            if ours == theirs:
                self.log_in(client, server)
            else:
                self.assertEqual(self.refused(self.log_in, client, server).major, BAD_BINDINGS)


class Gss(Case):
    """SSPI on one side, a program of the GSS-API on the other, on each of the two mechanisms."""

    def each(self, test, account=ALICE, mechs=("ntlm", "spnego")):
        for module, conf in (("this mechanism", MECH_CONF), ("gss-ntlmssp", THEIRS)):
            need(conf, "gss-ntlmssp")
            for mech in mechs:
                with self.subTest(f"to {module}", mech=mech):
                    test(self.client(account=account, mech=mech), self.acceptor(conf, mech))
                with self.subTest(f"from {module}", mech=mech):
                    test(self.initiator(conf, mech, account), self.server(mech=mech))

    def test_sealed(self):
        def test(one, other):
            exchange(one, other)
            self.assertIn("alice", other.source)
            self.assertEqual(one.key(), other.key())
            self.assertEqual(len(one.key()), 16)
            self.check_protection(one, other)
        self.each(test)

    def test_wrong_password(self):
        self.each(lambda *sides: self.refused(exchange, *sides), ("alice", "wrong", "LAB"))

    def test_altered_message(self):
        def test(one, other):
            exchange(one, other)
            for sender, receiver in ((one, other), (other, one)):
                token, _ = sender.wrap(b"pay 10")
                self.refused(receiver.unwrap, token[:-1] + bytes([token[-1] ^ 1]))
        self.each(test)

    def test_bindings(self):
        def test(one, other):
            one.bindings(BINDINGS)
            other.bindings(BINDINGS)
            exchange(one, other)
            self.assertEqual(one.key(), other.key())
        self.each(test)

    def test_other_bindings(self):
        def test(one, other):
            one.bindings(BINDINGS)
            other.bindings(BINDINGS + b"x")
            self.refused(exchange, one, other)
        self.each(test)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *[a for a in sys.argv[4:] if a != WINPR_PEER]])
