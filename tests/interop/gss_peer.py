# SPDX-License-Identifier: MIT
"""Drives the program gss_peer: one side of an exchange through MIT's mechglue with the NTLM module of a mech.conf."""
import os
import subprocess

MUTUAL, REPLAY, SEQUENCE, CONF, INTEG = 0x2, 0x4, 0x8, 0x10, 0x20
SIGN = REPLAY | SEQUENCE | INTEG
SEAL = SIGN | CONF


class GssError(Exception):
    def __init__(self, answer):
        super().__init__(answer)
        self.major = int(answer.split()[1], 16)
        self.minor = int(answer.split()[2], 16)


def to_hex(data):
    return data.hex() or "-" if data is not None else "-"


def from_hex(word):
    return b"" if word == "-" else bytes.fromhex(word)


class GssPeer:
    def __init__(self, program, mech_conf, mech="ntlm", **environment):
        self.program = program
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "GSS_MECH_CONFIG": str(mech_conf), "KRB5_CONFIG": os.devnull,
                 "KRB5CCNAME": "/nonexistent", "KRB5_KTNAME": "/nonexistent",
                 **{name: str(value) for name, value in environment.items()}})
        self.ask("mech", mech)

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        answer = self.process.stdout.readline().rstrip("\n")
        if not answer:
            raise RuntimeError(f"gss_peer died ({self.process.wait()}) of: {' '.join(words)}")
        if not answer.startswith("OK"):
            raise GssError(answer)
        return answer.split()[1:]

    def acquire(self, usage, name=None):
        self.ask("acquire", usage, to_hex(name.encode() if name else None))

    def password(self, name, password):
        self.ask("password", to_hex(name.encode()), to_hex(password.encode()))

    def bindings(self, data):
        self.ask("bindings", to_hex(data))

    def init(self, token=b"", flags=SEAL, target="HTTP@web.lab.test"):
        state, out, granted = self.ask("init", to_hex(target.encode()), f"{flags:x}", to_hex(token))
        self.flags = int(granted, 16)
        return from_hex(out), state == "done"

    def accept(self, token):
        state, out, granted, source = self.ask("accept", to_hex(token))
        self.flags = int(granted, 16)
        self.source = from_hex(source).decode()
        return from_hex(out), state == "done"

    def wrap(self, data, seal=True):
        token, sealed = self.ask("wrap", "1" if seal else "0", to_hex(data))
        return from_hex(token), sealed == "1"

    def unwrap(self, token):
        data, sealed = self.ask("unwrap", to_hex(token))
        return from_hex(data), sealed == "1"

    def mic(self, data):
        return from_hex(self.ask("mic", to_hex(data))[0])

    def verify(self, data, token):
        self.ask("verify", to_hex(data), to_hex(token))

    def key(self):
        return from_hex(self.ask("key")[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def exchange(initiator, acceptor, flags=SEAL, target="HTTP@web.lab.test"):
    """Runs the legs until both sides are done; whoever refuses raises GssError."""
    token, left_done = initiator.init(flags=flags, target=target)
    right_done = False
    while token:
        token, right_done = acceptor.accept(token)
        if not token:
            break
        token, left_done = initiator.init(token, flags=flags, target=target)
    if not (left_done and right_done):
        raise RuntimeError(f"the exchange stopped half way: initiator {left_done}, acceptor {right_done}")
