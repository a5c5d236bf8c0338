#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Chromium logs in to a stock Apache: by its own NTLM with a password, and by Negotiate through the mechanism. The pages
as it saw them are kept in artifacts/ of the build tree."""

import sys
from pathlib import Path

import harness as h

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apache"))
import apache
from chromium import Chromium

CHROMIUM = h.need("chromium")
h.need("apache2")
ARTIFACTS = h.BUILD / "artifacts/browser"


def browser(env, account=None, flags=()):
    return Chromium(CHROMIUM, env, account, flags)


def page(browser, url, picture=None):
    answer = browser.open(url)
    if picture:
        browser.screenshot(ARTIFACTS / f"{picture}.png")
    browser.close()
    return answer


def main():
    site = apache.Site()
    site.write("accounts", "LAB:alice:secret1\nLAB:bob:secret2\n")
    server = apache.Apache(site, site.environment())
    site.write("www/private/index.html", "<h1>you are in</h1>")
    url = f"{server.url}/private/index.html"
    client = h.directory()
    plain = h.clean_environment()

    def ours(account):
        return site.environment(NTLM_USER_FILE=h.write(client / account.replace(":", "-"), account + "\n", 0o600))
    try:
        status, headers, text = page(browser(plain, ("LAB\\alice", "secret1")), url, "ntlm")
        h.check(status == 200 and headers["x-remote-user"] == "LAB\\alice" and text == "you are in",
                "NTLM of Chromium's own: alice is in", f"{status} {headers} {text}")
        status, headers, _ = page(browser(plain, ("LAB\\alice", "wrong")), url, "ntlm-refused")
        h.check(status == 401, "with a wrong password she is not", f"{status} {headers}")
        status, headers, _ = page(browser(plain, ("LAB\\eve", "secret1")), url)
        h.check(status == 401, "nor is a user whom nobody knows", f"{status} {headers}")

        allow = ["--auth-server-allowlist=localhost"]
        status, headers, text = page(browser(ours("LAB:bob:secret2"), flags=allow), url, "negotiate")
        h.check(status == 200 and headers["x-remote-user"] == "LAB\\bob" and text == "you are in",
                "Negotiate through the mechanism: bob is in without being asked", f"{status} {headers} {text}")
        refusals = server.error_log().count("Logon denied")
        status, headers, text = page(browser(ours("LAB:bob:wrong"), flags=allow), url, "negotiate-refused")
        h.check(status == 401 and "you are in" not in text and server.error_log().count("Logon denied") > refusals,
                "with a wrong password he asked and is not", f"{status} {headers} {text}\n{server.error_log()}")
        said = server.error_log()
        status, headers, text = page(browser(ours("LAB:bob:secret2")), url)
        h.check(status == 401 and "you are in" not in text and server.error_log() == said,
                "and a server that is not on the list gets no answer", f"{status} {headers}\n{server.error_log()}")
        h.check(not server.deaths(), "no child of Apache died", str(server.deaths()))
    finally:
        server.stop()
    pictures = sorted(path.name for path in ARTIFACTS.glob("*.png"))
    h.check(pictures == ["negotiate-refused.png", "negotiate.png", "ntlm-refused.png", "ntlm.png"],
            f"pictures in {ARTIFACTS.relative_to(h.BUILD)}", str(pictures))
    h.finish("browser")


main()
