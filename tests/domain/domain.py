# SPDX-License-Identifier: MIT
"""What the tests of the mechanism in the domain share. Each is called with LAB_DIRECTORY GSS_PEER MECH_CONF [unittest
arguments], and is a printed skip where there is no lab."""
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "interop")]
from gss_peer import SEAL, GssError, GssPeer, exchange
from lab import PASSWORD, SKIP, Lab

LAB = Lab(sys.argv[1]) if len(sys.argv) > 3 else None
GSS_PEER, MECH_CONF = sys.argv[2:4] if LAB else (None, None)

MINOR = {name: 0x4e4c0000 + code for name, code in dict(
    LOGON_DENIED=0x20, ACCOUNT_RESTRICTION=0x21, LOGON_HOURS=0x22, WORKSTATION=0x23, PASSWORD_EXPIRED=0x24,
    ACCOUNT_DISABLED=0x25, ACCOUNT_EXPIRED=0x26, PASSWORD_MUST_CHANGE=0x27, ACCOUNT_LOCKED=0x28, NO_AUTHORITY=0x30,
    AUTHORITY_DOWN=0x31, AUTHORITY_ACCESS=0x32, NO_CREDENTIAL=0x53).items()}


class Domain(unittest.TestCase):
    """Peers that run in the member."""
    deadline = 30  # seconds: what winbindd is asked for the first time is slow on a busy machine

    @classmethod
    def setUpClass(cls):
        cls.files = LAB.directory / "test" / Path(sys.argv[0]).stem
        cls.files.mkdir(parents=True, exist_ok=True)
        cls.local = cls.write("local", "MEM1:carol:Loc@l pass\n:dave:D@ve's pass\n", 0o600)
        cls.conf = cls.configure("ntlm.conf", "    store = winbind\n")

    @classmethod
    def write(cls, name, text, mode=0o644):
        path = cls.files / name
        path.unlink(missing_ok=True)
        path.touch(mode=mode)
        path.write_text(text)
        return path

    @classmethod
    def configure(cls, name, ntlm, policy=""):
        return cls.write(name, f"[ntlm]\n    store_deadline = {cls.deadline:g}\n{ntlm}[policy]\n{policy}[audit]\n    syslog = no\n")

    def peer(self, mech="ntlm", conf=None, prefix=(), **environment):
        # gss_peer.py starts one program: a script that goes into the member first.
        command = LAB.member.command(*prefix, GSS_PEER)
        script = self.write(f"peer-{id(self)}-{len(prefix)}",
                            "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in command) + "\n", 0o755)
        peer = GssPeer(str(script), MECH_CONF, mech, GSS_NTLM_CONF=conf or self.conf, **environment)
        self.addCleanup(peer.close)
        return peer

    def initiator(self, user, password=PASSWORD, mech="ntlm", **options):
        peer = self.peer(mech, **options)
        peer.password(user, password)
        return peer

    def acceptor(self, mech="ntlm", **options):
        peer = self.peer(mech, **options)
        peer.acquire("accept")
        return peer

    def log_in(self, user, password=PASSWORD, mech="ntlm", flags=SEAL, **options):
        initiator, acceptor = self.initiator(user, password, mech), self.acceptor(mech, **options)
        exchange(initiator, acceptor, flags)
        return initiator, acceptor

    def refused(self, user, password=PASSWORD, mech="ntlm", **options):
        with self.assertRaises(GssError) as caught:
            self.log_in(user, password, mech, **options)
        return caught.exception.minor

    def check_protection(self, one, other, sealed=True):
        for sender, receiver in ((one, other), (other, one)):
            for data in (b"x", b"abc" * 1000):
                token, _ = sender.wrap(data, sealed)
                self.assertEqual(receiver.unwrap(token), (data, sealed))


def main(usage):
    if LAB is None:
        sys.exit(f"{usage}\n\nUsage: {sys.argv[0]} LAB_DIRECTORY GSS_PEER MECH_CONF [unittest arguments]")
    if not LAB.state.exists():
        print("skipped: there is no lab (lab.py up says why)")
        sys.exit(1 if os.environ.get("NTLM_REQUIRE_PEERS") == "1" else SKIP)
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
