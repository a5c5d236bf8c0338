# SPDX-License-Identifier: MIT
"""A private ntlm-authd: of a user of its own when root starts it, its socket made as systemd would make it."""

import os
import pwd
import random
import socket
import subprocess

import harness


def _unused_uid():
    """Of those that systemd gives to services for a time."""
    while True:
        uid = random.randrange(61184, 65520)
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid


class Authd:
    """Its directory has accounts that it reads and nobody else but root, a socket that `worker`'s group may open, and the
    audit file. `lines` go on after [ntlm] store; accounts are written to `accounts`, then share(accounts)."""

    def __init__(self, lines="", store="text", worker=None, records=True):
        root = os.getuid() == 0
        self.uid = _unused_uid() if root else None
        self.worker = worker
        self.directory = harness.directory()
        self.accounts = self.directory / "state/accounts"
        self.socket = self.directory / "run/auth.sock"
        self.audit = self.directory / "log/audit.jsonl"
        self.log = self.directory / "stderr"
        for name, mode in (("state", 0o750), ("run", 0o755), ("log", 0o700)):
            (self.directory / name).mkdir(mode=mode)
        self.share(self.directory / "state", 0o750)
        if self.uid:
            os.chown(self.directory / "log", self.uid, self.uid)
        self.config = self.share(harness.write(
            self.directory / "ntlm-authd.conf", f"[ntlm]\n    store = {store}:{self.accounts}\n    {lines}"
                                                f"[audit]\n    syslog = no\n"
            + (f"    json = {self.audit}\n" if records else "")))
        # What a worker's ntlm.conf has instead of a store.
        self.store_lines = f"store = authd:{self.socket}\n    authd_uid = {os.getuid()}\n"
        self.program = harness.for_all_users(harness.BUILD / "ntlm-authd")
        self.process = None

    def share(self, path, mode=0o640):
        """Who runs the test owns it, the daemon's group reads it."""
        path.chmod(mode)
        if self.uid:
            os.chown(path, -1, self.uid)
        return path

    def launch(self, **environment):
        """Without waiting for it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self.socket))
            self.socket.chmod(0o660)
            if self.uid and self.worker:
                os.chown(self.socket, -1, pwd.getpwnam(self.worker).pw_gid)
            listener.listen(1024)
            self.process = harness.start(
                ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&0 </dev/null', "sh", "env",
                 *(f"{name}={value}" for name, value in environment.items()), self.program, "--config", self.config],
                log=self.log, user=self.uid, stdin=listener)

    def start(self):
        harness.run([self.program, "--config", self.config, "--check"], user=self.uid, check=True)
        self.launch()
        harness.wait_for(lambda: self.store_process() is not None, "ntlm-authd", log=self.log)
        return self

    def store_process(self):
        """The id of the process that has the accounts; the one that was started is the front."""
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True,
                               check=False).stdout.split()
        return int(found[0]) if found else None

    def stop(self):
        store = self.store_process()
        harness.stop(self.process)
        harness.wait_for(lambda: self.ended(store), "the end of ntlm-authd's store process")
        self.socket.unlink()

    @staticmethod
    def ended(pid):
        """Also when init has not asked for its exit status yet."""
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        return state == "" or state.startswith("Z")
