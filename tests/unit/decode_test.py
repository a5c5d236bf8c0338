#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntlmctl decode: the forms in which people have a token, what is printed of it, what is called odd."""

import base64
import pathlib
import subprocess
import sys
import unittest

NTLMCTL = sys.argv.pop(1)
CORPUS = pathlib.Path(__file__).parents[1] / "fuzz/corpus/decode"
DONE, REFUSED, USAGE = 0, 1, 2


def sample(name):
    return (CORPUS / name).read_bytes()


class Decode(unittest.TestCase):
    def decode(self, *tokens, status=DONE, stdin=""):
        done = subprocess.run([NTLMCTL, "decode", *tokens], input=stdin, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if done.stdout else done.stderr

    def test_each_form_of_one_token(self):
        token = sample("authenticate")
        text = base64.b64encode(token).decode()
        want = self.decode(text)
        for form in (token.hex(), token.hex().upper(), token.hex(":"), f"Authorization: NTLM {text}", f"  {text}\n",
                     f'"{text}"', f"< WWW-Authenticate: Negotiate {text}", text.rstrip("=")):
            self.assertEqual(self.decode(form), want)
            self.assertEqual(self.decode(stdin=form + "\n"), want)
        self.assertEqual(self.decode(stdin=f"{text}\n\n{text}\n"), want * 2)

    def test_the_fields_of_authenticate(self):
        lines = [line.strip() for line in self.decode(sample("authenticate").hex()).splitlines()]
        for line in ('NTLM AUTHENTICATE, 404 bytes', 'DomainName: "Domain"', 'UserName: "User"', 'Workstation: "COMPUTER"',
                     'NtResponse: NTLMv2, 240 bytes', 'TimeStamp: 2012-12-19 17:10:36.5364091 UTC',
                     'Flags: 0x2 MIC_PRESENT', 'TargetName: "HTTP/server.example.com"',
                     'MIC: 5f626ab7ae111db9c0bfd3d43ba8b006'):
            self.assertIn(line, lines)

    def test_spnego_around_it(self):
        text = self.decode(sample("spnego-init").hex())
        self.assertIn("offers 1.3.6.1.4.1.311.2.2.10 (NTLM), preferred", text)
        self.assertIn("offers 1.2.840.113554.1.2.2 (Kerberos)", text)
        self.assertIn("NTLM NEGOTIATE", text)
        text = self.decode(sample("spnego-challenge").hex())
        for part in ("negState: accept-incomplete", "supportedMech: 1.3.6.1.4.1.311.2.2.10 (NTLM)", "NTLM CHALLENGE",
                     "mechListMIC: 01"):
            self.assertIn(part, text)
        self.assertIn("the bridge's sshd form", self.decode(sample("sshd-form").hex()))
        self.assertIn("a ticket, not NTLM", self.decode(sample("kerberos").hex()))

    def change(self, token, position, value):
        return (token[:position] + value + token[position + len(value):]).hex()

    def test_what_is_odd(self):
        token = sample("authenticate")
        for what, position, value in (
                ("UserName: 8 bytes at 4294967280 of a message", 40, b"\xf0\xff\xff\xff"),
                ("UserName: it begins at 8, within the header", 40, b"\x08\0\0\0"),
                ("DomainName: shares bytes with", 32, token[24:28]),
                ("UserName: length 8, maximum length 9", 38, b"\x09\0"),
                ("reserved flags 0x00000100 are set", 61, bytes([token[61] | 1])),
                ("KEY_EXCH is flagged, and the key has 0 bytes", 52, b"\0\0"),
                ("NtResponse of 23 bytes is neither", 20, b"\x17\0\x17\0"),
                ("NTLM2 session response: quickly guessed from", 20, b"\x18\0\x18\0"),
                ("the mechanism refuses it", 8, b"\x02\0\0\0")):
            self.assertIn(f"odd: {what}", self.decode(self.change(token, position, value), status=REFUSED), what)
        for size in range(len(token)):
            text = self.decode(token[:size].hex() or "00", status=REFUSED)
            self.assertIn("odd: ", text)

    def test_names_cannot_draw_on_the_terminal(self):
        token = sample("authenticate")
        at = token.index("User".encode("utf-16le"))
        text = self.decode(self.change(token, at, "\x1b[2J".encode("utf-16le")))
        self.assertNotIn("\x1b", text)

    def test_tokens_within_tokens(self):
        self.assertIn("no end", self.decode(sample("deep").hex(), status=REFUSED))
        token = b""
        for _ in range(2000):
            body = bytes.fromhex("060a2b06010401823702020a") + token
            token = b"\x60\x83" + len(body).to_bytes(3, "big") + body
        self.assertIn("no end", self.decode(token.hex(), status=REFUSED))

    def test_what_is_no_token(self):
        self.assertIn("neither base64 nor", self.decode("Authorization: Basic %%%", status=REFUSED))
        self.assertIn("neither NTLM nor SPNEGO", self.decode("00", status=REFUSED))
        self.decode(status=USAGE)
        self.decode(stdin="x" * 600000, status=REFUSED)


if __name__ == "__main__":
    unittest.main()
