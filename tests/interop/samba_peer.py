# SPDX-License-Identifier: MIT
"""Samba's ntlm_auth as an initiator, raw or in SPNEGO, by its helper protocol."""
import base64
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def installed():
    return shutil.which("ntlm_auth") is not None


class Initiator:
    def __init__(self, user, password, domain, spnego=False):
        self.directory = tempfile.TemporaryDirectory(prefix="ntlm-samba-")
        conf = Path(self.directory.name) / "smb.conf"
        conf.write_text(f"[global]\nworkgroup = LAB\nnetbios name = CLIENT\nunix charset = UTF-8\n"
                        f"lock directory = {self.directory.name}\nprivate dir = {self.directory.name}\n")
        helper = "gss-spnego-client" if spnego else "ntlmssp-client-1"
        self.process = subprocess.Popen(
            ["ntlm_auth", f"--helper-protocol={helper}", f"--username={user}", f"--domain={domain}",
             f"--password={password}", f"--configfile={conf}"],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        for feature in ("SESSION_KEY", "SIGN", "SEAL"):
            self.ask(f"SF NTLMSSP_FEATURE_{feature}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.process.stdout.readline().split()

    def _token(self, line):
        word, *token = self.ask(line)
        if word not in ("YR", "KK", "TT", "AF"):
            raise RuntimeError(f"ntlm_auth answers {word} {token}")
        return base64.b64decode(token[0]) if token and token[0] != "*" else b""

    def negotiate(self):
        return self._token("YR")

    def step(self, token):
        return self._token(f"TT {base64.b64encode(token).decode()}")

    def key(self):
        return base64.b64decode(self.ask("GK")[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.directory.cleanup()
