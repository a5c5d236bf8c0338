# SPDX-License-Identifier: MIT
"""NTLM over HTTP by hand (python-ntlm-auth): every token can be kept, altered and sent again."""
import base64
import http.client

from ntlm_auth.ntlm import NtlmContext

from curl import Answer
from harness import PATIENCE


class Connection:
    """One connection to the server; the login is bound to it."""

    def __init__(self, port, path="/private/page"):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.path = path

    def send(self, authorization=None):
        headers = {"Host": "localhost"}
        if authorization is not None:
            headers["Authorization"] = authorization
        self.http.request("GET", self.path, headers=headers)
        response = self.http.getresponse()
        response.read()
        self.challenges = response.headers.get_all("WWW-Authenticate") or []
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()})

    def send_token(self, token, scheme="NTLM"):
        return self.send(f"{scheme} {base64.b64encode(token).decode()}")

    def challenge_token(self):
        for line in self.challenges:
            word, _, rest = line.partition(" ")
            if word == "NTLM" and rest:
                return base64.b64decode(rest)
        return None

    def negotiate(self, user, password, domain):
        """The first leg; returns the context and its AUTHENTICATE, not sent yet."""
        context = NtlmContext(user, password, domain, "CLIENT", ntlm_compatibility=3)
        answer = self.send_token(context.step())
        challenge = self.challenge_token()
        if answer.status != 401 or challenge is None:
            raise RuntimeError(f"no CHALLENGE: {answer.status} {self.challenges}")
        return context.step(challenge)

    def log_in(self, user, password, domain):
        return self.send_token(self.negotiate(user, password, domain))

    def close(self):
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
