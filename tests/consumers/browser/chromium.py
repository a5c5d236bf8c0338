# SPDX-License-Identifier: MIT
"""A headless Chromium, driven by the DevTools protocol over two pipes."""

import base64
import json
import os
import select
import time

import harness as h

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--window-size=640,240", "--remote-debugging-pipe"]


class Chromium:
    """One browser with an empty profile; what it wants to know of a server's login is answered with `account`."""

    def __init__(self, program, env, account=None, flags=()):
        self.dir = h.directory()
        # The mark of a profile that has met Negotiate before. Without it, Chromium starts its network service again,
        # outside the sandbox that GSS-API's modules cannot be loaded in, at some moment after the first such answer.
        h.write(self.dir / "Local State", json.dumps({"net": {"received_http_auth_negotiate_headers": True}}))
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()

        def pipes():
            # The browser reads 3 and writes 4; the copies are out of their way first.
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)
        self.process = h.start([program, *FLAGS, *flags, f"--user-data-dir={self.dir}", "about:blank"],
                               {**env, "HOME": str(self.dir)}, self.dir / "log", preexec_fn=pipes, close_fds=False)
        os.close(to_browser)
        os.close(from_browser)
        self.account = account
        self.asked = 0
        self.buffer = b""
        self.number = 0
        self.responses = {}  # of documents, by the id of what loaded them
        self.loaded = set()
        self.answers = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Network.enable")
        if account:
            self.call("Fetch.enable", handleAuthRequests=True)

    session = None

    def send(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.number

    def call(self, method, **params):
        number = self.send(method, **params)
        self.until(lambda: number in self.answers, method)
        answer = self.answers.pop(number)
        assert "result" in answer, answer
        return answer["result"]

    def until(self, condition, what, seconds=h.PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                raise TimeoutError(f"{what}\n{(self.dir / 'log').read_text(errors='replace')[-2000:]}")
            data = os.read(self.into, 65536)
            if not data:
                raise EOFError(f"{what}\n{(self.dir / 'log').read_text(errors='replace')[-2000:]}")
            self.buffer += data
            *messages, self.buffer = self.buffer.split(b"\0")
            for message in messages:
                self.heard(json.loads(message))

    def heard(self, message):
        params = message.get("params", {})
        method = message.get("method")
        if "id" in message:
            self.answers[message["id"]] = message
        elif method == "Fetch.requestPaused":
            self.send("Fetch.continueRequest", requestId=params["requestId"])
        elif method == "Fetch.authRequired":
            self.asked += 1
            answer = {"response": "CancelAuth"} if self.asked > 1 else {
                "response": "ProvideCredentials", "username": self.account[0], "password": self.account[1]}
            self.send("Fetch.continueWithAuth", requestId=params["requestId"], authChallengeResponse=answer)
        elif method == "Network.responseReceived" and params["type"] == "Document":
            response = params["response"]
            self.responses[params["loaderId"]] = (response["status"],
                                                  {k.lower(): v for k, v in response["headers"].items()})
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self.loaded.add(params["loaderId"])

    def open(self, url):
        """The last answer's status and headers, and the text of the page once it is all there: Chromium's own page where
        it gave the login up."""
        self.asked = 0
        loader = self.call("Page.navigate", url=url)["loaderId"]
        self.until(lambda: loader in self.responses and loader in self.loaded, f"no page from {url}")
        text = self.call("Runtime.evaluate", expression="document.body.innerText")
        return (*self.responses[loader], text["result"]["value"])

    def screenshot(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        h.stop(self.process)
        os.close(self.out)
        os.close(self.into)
