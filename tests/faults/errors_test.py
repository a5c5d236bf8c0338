#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each call of ntlmctl, of the mechanism's stores, of a worker that asks ntlm-authd and of the daemon itself fails once, one
after the other, by a full disk, too many open files, a signal, a broken disk: the program says what is wrong or goes on; it
never dies by a signal, hangs, leaves half a store, or lets in whoever has the wrong password.
Usage: errors_test.py NTLMCTL FAULTS_LIBRARY LOGIN"""
import os
import subprocess
import sys
import tempfile
import time
import unittest

from faults import Fault
from writing import LIBRARY, Writing

LOGIN = os.path.abspath(sys.argv[3])
import harness
from authd import Authd

RIGHT, WRONG, IN = r"LAB\alice Secret1", r"LAB\alice wrong", r"in LAB\alice"
ONCE, FROM_THEN_ON = False, True
FAULTS = (("ENOSPC", ONCE), ("ENOSPC", FROM_THEN_ON), ("EMFILE", ONCE), ("EMFILE", FROM_THEN_ON), ("EINTR", ONCE), ("EIO", ONCE))
STORE_DEADLINE = 3  # [ntlm] store_deadline, in seconds
DEADLINE = STORE_DEADLINE + 5  # and what a busy machine adds


class Ntlmctl(Writing):
    def test_each_call_of_each_change(self):
        runs = 0
        for arguments in (*self.CHANGES, ["import", self.lines("more", 20)]):
            self.put_back()
            self.tool(*arguments)
            new = self.content()
            for name, sticky in FAULTS:
                at = 0
                while True:
                    at += 1
                    self.put_back()
                    self.fault.arm(name, at, sticky)
                    done = self.start(*arguments)
                    hit = self.fault.hit
                    self.fault.disarm()
                    if not hit:
                        break
                    runs += 1
                    where = (arguments, name, sticky, at, hit, done.returncode, done.stderr)
                    self.assertIn(done.returncode, (0, 1, 2, 3), where)
                    self.assertEqual(done.returncode == 0, done.stderr == b"", where)
                    if done.returncode == 0 or not self.is_old():
                        self.assertEqual(self.content(), new, where)
        self.assertGreater(runs, 50)
        print(f"ntlmctl: {runs} failing calls")


class Worker:
    """A program with the mechanism that logs in as often as it is asked to."""

    def __init__(self, directory, store, **environment):
        conf = harness.write(os.path.join(directory, "ntlm.conf"), f"[ntlm]\n {store}\n store_deadline = {STORE_DEADLINE}\n netbios_domain = LAB\n[policy]\n"
                             " lockout_threshold = 0\n send_ntlm = allow\n[audit]\n syslog = no\n", 0o600)
        self.process = subprocess.Popen(
            [LOGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=harness.clean_environment(GSS_MECH_CONFIG=harness.MECH, GSS_NTLM_CONF=conf, KRB5_CONFIG="/dev/null",
                                          **environment))

    def log_in(self, who):
        start = time.monotonic()
        self.process.stdin.write(who + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        return answer, time.monotonic() - start

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)


class Login(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ntlm-errors-")
        self.addCleanup(holder.cleanup)
        self.directory = holder.name
        os.chmod(self.directory, 0o755)
        self.fault = Fault(self.directory, harness.for_all_users(LIBRARY))

    def check(self, worker, where, goes_on=lambda: True):
        """A wrong and a right login, either of which may meet the fault; which call was hit. None was only if the right one
        got in: whatever starts or is late would have met it later."""
        for who in (WRONG, RIGHT):
            answer, seconds = worker.log_in(who)
            self.assertLess(seconds, DEADLINE, (*where, self.fault.hit))
            allowed = (IN, "out: ") if who == RIGHT else ("out: ",)
            self.assertTrue(answer.startswith(allowed) and len(answer) > 10, (*where, self.fault.hit, who, answer))
        end = time.monotonic() + 60
        while answer != IN and not self.fault.hit and goes_on():
            self.assertLess(time.monotonic(), end, (*where, answer))
            answer, _ = worker.log_in(RIGHT)
        hit = self.fault.hit
        self.fault.disarm()
        return hit

    def walk(self, store, start_with_fault):
        """The fault stands before the program starts, or strikes one that has logged in before."""
        for name, sticky in FAULTS:
            at, hit = 0, "first"
            while hit:
                at += 1
                where = (store, start_with_fault, name, sticky, at)
                if start_with_fault:
                    self.fault.arm(name, at, sticky)
                worker = Worker(self.directory, store, **self.fault.environment())
                if not start_with_fault:
                    self.assertEqual(worker.log_in(RIGHT)[0], IN, where)
                    self.fault.arm(name, at, sticky)
                hit = self.check(worker, where)
                self.assertIn(worker.log_in(WRONG)[0][:4], "out:", where)
                if not start_with_fault or at % 8 == 1:
                    self.recovers(worker, (*where, hit))
                self.assertEqual(worker.end(), 0, where)
                self.runs += bool(hit)

    def recovers(self, worker, where, meanwhile=lambda: None):
        """A configuration that could not be read is looked at again after a second."""
        end = time.monotonic() + 60
        while (answer := worker.log_in(RIGHT)[0]) != IN:
            self.assertLess(time.monotonic(), end, (*where, answer))
            meanwhile()
            time.sleep(0.1)

    def test_stores_in_the_process(self):
        self.runs = 0
        users = harness.write(os.path.join(self.directory, "users"), "LAB:alice:Secret1\n", 0o600)
        database = os.path.join(self.directory, "accounts")
        harness.run([harness.BUILD / "ntlmctl", "user", "--store", database, "import", users], check=True)
        for store in (f"store = text:{users}", f"store = lmdb:{database}"):
            self.walk(store, True)
            self.walk(store, False)
        self.assertGreater(self.runs, 50)
        print(f"stores: {self.runs} failing calls")

    def daemon(self):
        daemon = Authd("netbios_domain = LAB\n    [policy]\n lockout_threshold = 0\n [authd]\n threads = 1\n"
                       " failures_per_second = 0\n")
        daemon.share(harness.write(daemon.accounts, "LAB:alice:Secret1\n", 0o640))
        return daemon

    def test_worker_that_asks_the_daemon(self):
        self.runs = 0
        daemon = self.daemon().start()
        self.walk(daemon.store_lines, True)
        self.walk(daemon.store_lines, False)
        daemon.stop()
        self.assertGreater(self.runs, 30)
        print(f"worker: {self.runs} failing calls")

    def strike(self, daemon, worker, name, sticky, at, running):
        """One fault in the daemon, at its start or later; the name of the call that was hit."""
        where = ("authd", name, sticky, at, running)
        self.fault.arm(name, at, sticky)
        if not running:
            daemon.launch(**self.fault.environment())
        hit = self.check(worker, where, lambda: daemon.process.poll() is None)
        where = (*where, hit)

        def start_again():
            """One that has given up said why."""
            if daemon.process.poll() is None:
                return
            self.assertGreater(daemon.process.returncode, 0, where)
            self.assertIn("ntlm-authd: ", daemon.log.read_text(), where)
            self.ends += 1
            daemon.stop()
            daemon.launch(**self.fault.environment())

        self.recovers(worker, where, start_again)
        self.runs += bool(hit)
        return hit

    def test_daemon(self):
        self.runs = self.ends = 0
        daemon = self.daemon()
        worker = Worker(self.directory, daemon.store_lines)
        for name, sticky in FAULTS:
            at = 0
            while True:
                at += 1
                hit = self.strike(daemon, worker, name, sticky, at, False)
                if not hit:
                    break
                daemon.stop()
            at = 0
            while True:
                at += 1
                if not self.strike(daemon, worker, name, sticky, at, True):
                    break
            daemon.stop()
        self.assertEqual(worker.end(), 0)
        self.assertGreater(self.runs, 50)
        print(f"daemon: {self.runs} failing calls, of which {self.ends} ended it with a sentence")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:], "-v"], warnings="ignore")
