# SPDX-License-Identifier: MIT
"""HTTP clients of three kinds: curl, requests-ntlm, and NTLM by hand (python-ntlm-auth), whose every token can be kept,
altered and sent again."""
import base64
import http.client
import re
import subprocess

from ntlm_auth.ntlm import NtlmContext


class Answer:
    def __init__(self, status, headers):
        self.status = status
        self.headers = headers  # names in lower case

    @property
    def user(self):
        return self.headers.get("x-remote-user", "")


def curl(url, *options, env=None):
    """The last response that curl saw."""
    done = subprocess.run(["curl", "-s", "-i", "--noproxy", "*", "--max-time", "20", *options, url],
                          capture_output=True, env=env, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"curl ended with {done.returncode}: {done.stderr.decode()}")
    heads = re.split(rb"\r\n\r\n", done.stdout)
    head = [part for part in heads if part.startswith(b"HTTP/")][-1].decode("latin-1")
    first, *lines = head.split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs})


class Connection:
    """One connection to the server; the login is bound to it."""

    def __init__(self, port, path="/private/page"):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
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
