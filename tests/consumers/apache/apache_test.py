#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock clients log in to a stock Apache, prefork and event, through the mechanism, and whoever should not does not.
With NTLM_TEST_MODULE naming another NTLM mechanism (the harness was proven with one), what only this one has is left out."""
import json
import random
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
import legacy_openssl  # noqa: F401
import harness

try:
    import requests
    from requests_ntlm import HttpNtlmAuth

    from client import Connection
except ImportError as missing:
    harness.skip(f"{missing} (python3-requests-ntlm, python3-ntlm-auth)")
from apache import MODULES, NAMES, NO_LOCK, USER, Apache, Site
from authd import Authd
from curl import curl

OURS = Path(harness.MODULE).name == "gss_ntlm.so"

ALICE = ("alice", "Al1ce's pass", "LAB")
BOB = ("bob", "b0bs ünïcode", "LAB")
# For wrong attempts, one of each test: another mechanism may lock names, which would hide what refused the rest.
SPARE = [(f"spare{n}", "Sp@re", "LAB") for n in range(16)]


class Login:
    mpm = None

    @classmethod
    def make_site(cls, lines):
        cls.site = Site()
        cls.site.write("accounts", lines)

    @classmethod
    def setUpClass(cls):
        cls.make_site("".join(f"{domain}:{user}:{password}\n" for user, password, domain in (ALICE, BOB, *SPARE)))
        more = {} if OURS else {"NTLM_USER_FILE": cls.site.accounts}
        cls.server = Apache(cls.site, cls.site.environment(**more), cls.mpm)
        cls.pids = cls.server.children()
        mine = cls.site.write("alice", ":".join((ALICE[2], ALICE[0], ALICE[1])) + "\n")
        cls.initiator = cls.site.environment(NTLM_USER_FILE=mine)

    @classmethod
    def tearDownClass(cls):
        gone = cls.pids - cls.server.children()
        cls.server.stop()
        deaths = cls.server.deaths()
        if deaths or gone:
            raise AssertionError(f"children died: {gone} {deaths}\n{cls.server.error_log()[-4000:]}")

    def page(self, name="private"):
        return f"{self.server.url}/{name}/page"

    def connection(self, path="/private/page"):
        connection = Connection(self.server.port, path)
        self.addCleanup(connection.close)
        return connection

    def refused(self, answer):
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.user, "")

    def check_user(self, answer, user="alice"):
        self.assertEqual(answer.status, 200)
        self.assertIn(user, answer.user)
        if OURS:
            self.assertEqual(answer.user, rf"LAB\{user}")

    # Who gets in

    def test_no_credentials_are_asked_for_both_schemes(self):
        connection = self.connection()
        self.refused(connection.send())
        self.assertEqual(sorted(connection.challenges), ["NTLM", "Negotiate"])

    def test_curl_ntlm(self):
        self.check_user(curl(self.page(), "--ntlm", "-u", rf"LAB\{ALICE[0]}:{ALICE[1]}"))

    def test_curl_negotiate_with_the_mechanism_as_initiator(self):
        self.check_user(curl(self.page(), "--negotiate", "-u", ":", env=self.initiator))

    def test_requests_ntlm(self):
        for user, password, domain in (ALICE, BOB):
            answer = requests.get(self.page(), auth=HttpNtlmAuth(rf"{domain}\{user}", password),
                                  timeout=harness.PATIENCE)
            self.assertEqual(answer.status_code, 200)
            self.assertIn(user, answer.headers["X-Remote-User"])

    def test_basic_with_the_same_accounts(self):
        self.check_user(curl(self.page("basic"), "--basic", "-u", rf"LAB\{ALICE[0]}:{ALICE[1]}"))
        self.refused(curl(self.page("basic"), "--basic", "-u", rf"LAB\{ALICE[0]}:wrong"))
        self.refused(curl(self.page("basic"), "--basic", "-u", "nobody:wrong"))
        self.refused(curl(self.page("basic"), "--basic", "-u", ":"))

    @unittest.skipUnless(OURS, "another mechanism's local names")
    def test_local_name(self):
        answer = curl(self.page("local"), "--ntlm", "-u", rf"LAB\{ALICE[0]}:{ALICE[1]}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.user, "alice")
        self.assertEqual(answer.headers["x-gss-name"], r"LAB\alice")

    @unittest.skipUnless(OURS, "another mechanism has no attributes")
    def test_attributes_in_the_environment(self):
        answer = curl(self.page(), "--ntlm", "-u", rf"LAB\{ALICE[0]}:{ALICE[1]}")
        self.assertEqual(answer.headers["x-account"], "alice")
        self.assertEqual(answer.headers["x-domain"], "LAB")
        self.assertEqual(answer.headers["x-version"], "NTLMv2")

    @unittest.skipUnless(OURS, "another mechanism writes no records")
    def test_one_audit_record_an_attempt_and_no_secret_in_it(self):
        time.sleep(1.1)  # failures beyond ten a second of one process are counted, not written
        before = len(self.site.audit.read_text().splitlines()) if self.site.audit.exists() else 0
        self.check_user(self.connection().log_in(*ALICE))
        self.refused(self.connection().log_in("alice", "M1stake!", "LAB"))
        self.refused(self.connection().log_in("nobody", "M1stake!", "LAB"))
        text = self.site.audit.read_text()
        records = [r for r in map(json.loads, text.splitlines()[before:]) if r["event"] == "accept"]
        self.assertEqual([(r["result"], r["user"]) for r in records],
                         [("success", "alice"), ("failure", "alice"), ("failure", "nobody")])
        self.assertEqual([r["reason"] for r in records[1:]], ["wrong-password", "unknown-account"])
        self.assertNotIn(ALICE[1], text)
        self.assertNotIn("M1stake!", text)

    def test_login_lasts_for_its_connection_only(self):
        connection = self.connection()
        self.check_user(connection.log_in(*ALICE))
        self.check_user(connection.send())
        self.refused(self.connection().send())

    def test_two_connections_are_two_users(self):
        one, two = self.connection(), self.connection()
        first, second = one.negotiate(*ALICE), two.negotiate(*BOB)
        self.check_user(two.send_token(second), "bob")
        self.check_user(one.send_token(first), "alice")

    # Who does not

    def test_wrong_password_unknown_user_and_empty_password(self):
        for user, password in (("alice", "wrong"), ("nobody", "wrong"), ("alice", ""), ("bob", ALICE[1])):
            self.refused(curl(self.page(), "--ntlm", "-u", rf"LAB\{user}:{password}"))
            if user and password:
                self.refused(self.connection().log_in(user, password, "LAB"))

    def test_wrong_password_through_negotiate(self):
        wrong = self.site.write("wrong", "LAB:alice:wrong\n")
        self.refused(curl(self.page(), "--negotiate", "-u", ":",
                          env={**self.initiator, "NTLM_USER_FILE": str(wrong)}))

    def test_failed_login_can_be_followed_by_a_good_one(self):
        connection = self.connection()
        self.refused(connection.log_in("alice", "wrong", "LAB"))
        self.check_user(self.connection().log_in(*ALICE))

    def test_replayed_authenticate(self):
        first = self.connection()
        token = first.negotiate(*ALICE)
        self.check_user(first.send_token(token))
        self.refused(self.connection().send_token(token))  # out of nowhere
        again = self.connection()
        again.negotiate(*ALICE)
        self.refused(again.send_token(token))  # to another challenge
        self.refused(again.send_token(token))

    def test_altered_authenticate(self):
        for seed, account in enumerate(SPARE):
            connection = self.connection()
            token = bytearray(connection.negotiate(*account))
            # A bit of the NT response: offset in bytes 24..27 of AUTHENTICATE
            at = int.from_bytes(token[24:28], "little") + seed
            token[at] ^= 1 << (seed % 8)
            self.refused(connection.send_token(bytes(token)))

    def test_garbage(self):
        chance = random.Random(1)
        good = self.connection().negotiate(*ALICE)
        tokens = [b"NTLMSSP\0", b"NTLMSSP\0\3\0\0\0", b"NTLMSSP\0\1\0\0\0", b"NTLMSSP\0\2\0\0\0" + bytes(64),
                  b"A", bytes(1), bytes(4096), b"NTLMSSP\0\3\0\0\0" + b"\xff" * 76,
                  b"NTLMSSP\0\1\0\0\0" + b"\xff" * 28, b"\x60\x28\x06\x06\x2b\x06\x01\x05\x05\x02" + b"\xa0\x1e" * 8]
        tokens += [good[:size] for size in range(12, len(good), 37)]
        tokens += [b"NTLMSSP\0\3\0\0\0" + chance.randbytes(chance.randrange(300)) for _ in range(40)]
        for token in tokens:
            for scheme in ("NTLM", "Negotiate"):
                with Connection(self.server.port) as fresh, Connection(self.server.port) as halfway:
                    self.assertEqual(fresh.send_token(token, scheme).status, 401, token)
                    halfway.negotiate(*ALICE)
                    self.assertEqual(halfway.send_token(token, scheme).status, 401, token)
        for line in ("NTLM", "NTLM ", "NTLM !!!!", "NTLM ====", "Negotiate", "Negotiate %%%", "NTLM " + "A" * 6001,
                     "Basic Og==", "Bearer x"):
            self.assertIn(self.connection().send(line).status, (400, 401), line)

    # Many

    def test_200_logins_in_a_row(self):
        start = time.monotonic()
        for _ in range(200):
            with Connection(self.server.port) as connection:
                self.check_user(connection.log_in(*ALICE))
        print(f"200 logins in a row: {time.monotonic() - start:.2f} s")

    def test_50_logins_at_once(self):
        ready = threading.Barrier(50)
        answers = []

        def one(account):
            with Connection(self.server.port) as connection:
                ready.wait(harness.PATIENCE)
                answers.append((account[0], connection.log_in(*account)))

        accounts = [(ALICE, BOB, (SPARE[n // 3 % 16][0], "wrong", "LAB"))[n % 3] for n in range(50)]
        threads = [threading.Thread(target=one, args=(account,)) for account in accounts]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * harness.PATIENCE)
        self.assertEqual(len(answers), 50)
        print(f"50 logins at once: {time.monotonic() - start:.2f} s")
        self.assertEqual(sorted(answer.status for _, answer in answers), [200] * 34 + [401] * 16)
        for user, answer in answers:
            if answer.status == 200:
                self.check_user(answer, user)


class Prefork(Login, unittest.TestCase):
    mpm = "prefork"


class Event(Login, unittest.TestCase):
    mpm = "event"


@unittest.skipUnless(OURS, "another mechanism has no daemon")
class EventThroughAuthd(Login, unittest.TestCase):
    """The same, and no server process has an account."""
    mpm = "event"

    @classmethod
    def make_site(cls, lines):
        cls.daemon = Authd(NAMES + NO_LOCK, worker=USER)
        cls.daemon.share(harness.write(cls.daemon.accounts, lines, 0o640))
        cls.daemon.start()
        cls.site = Site(daemon=cls.daemon)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.daemon.stop()


if __name__ == "__main__":
    if not (MODULES / "mod_auth_gssapi.so").exists():
        harness.skip("libapache2-mod-auth-gssapi is not installed")
    unittest.main(verbosity=2, warnings="ignore")
