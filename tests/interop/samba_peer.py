# SPDX-License-Identifier: MIT
"""Samba's ntlm_auth by its helper protocol, raw or in SPNEGO: initiator and acceptor."""
import base64
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


FEATURES = ("SESSION_KEY", "SIGN", "SEAL")


def installed():
    return shutil.which("ntlm_auth") is not None


class Helper:
    """A process that answers each line by one."""

    def __init__(self, command, features, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, bufsize=1, **options)
        for feature in features:
            self.ask(f"SF NTLMSSP_FEATURE_{feature}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.process.stdout.readline().rstrip("\n").split(" ")

    def key(self):
        return base64.b64decode(self.ask("GK")[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


class Initiator(Helper):
    def __init__(self, user, password, domain, spnego=False):
        self.directory = tempfile.TemporaryDirectory(prefix="ntlm-samba-")
        conf = Path(self.directory.name) / "smb.conf"
        conf.write_text(f"[global]\nworkgroup = LAB\nnetbios name = CLIENT\nunix charset = UTF-8\n"
                        f"lock directory = {self.directory.name}\nprivate dir = {self.directory.name}\n")
        helper = "gss-spnego-client" if spnego else "ntlmssp-client-1"
        super().__init__(["ntlm_auth", f"--helper-protocol={helper}", f"--username={user}", f"--domain={domain}",
                          f"--password={password}", f"--configfile={conf}"],
                         FEATURES, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})

    def _token(self, line):
        word, *token = self.ask(line)
        if word not in ("YR", "KK", "TT", "AF"):
            raise RuntimeError(f"ntlm_auth answers {word} {token}")
        return base64.b64decode(token[0]) if token and token[0] != "*" else b""

    def negotiate(self):
        return self._token("YR")

    def step(self, token):
        return self._token(f"TT {base64.b64encode(token).decode()}")

    def log_in(self, acceptor):
        """Runs the exchange with a gss_peer; whether it let the user in."""
        token, done = self.negotiate(), False
        while token and not done:
            token, done = acceptor.accept(token)
            if token:
                token = self.step(token)
        return done

    def close(self):
        super().close()
        self.directory.cleanup()


class Acceptor(Helper):
    """command: how ntlm_auth is started where its winbindd is."""

    def __init__(self, command, helper, features=FEATURES):
        super().__init__(command("ntlm_auth", f"--helper-protocol={helper}"), features)

    def accept(self, initiator):
        """Runs the exchange with a gss_peer; the user whom ntlm_auth let in."""
        token, _ = initiator.init()
        word, *rest = self.ask("YR " + base64.b64encode(token).decode())
        while word == "TT":
            token, _ = initiator.init(base64.b64decode(rest[0]))
            if not token:
                break
            word, *rest = self.ask("KK " + base64.b64encode(token).decode())
        if word != "AF":
            raise RuntimeError(f"ntlm_auth answers {word} {rest}")
        if rest[0] not in ("*", "") and len(rest) > 1:  # SPNEGO's last word
            initiator.init(base64.b64decode(rest[0]))
        return rest[-1]
