#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `ntlmctl audit --html` in Chromium: what it shows, that filters work without a server, that a hostile name
does nothing. And records in a private systemd-journald, from the mechanism to journalctl. Pictures are kept in artifacts/
of the build tree."""

import base64
import json
import os
import sys
from pathlib import Path

import harness as h
import records

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from chromium import Chromium

ARTIFACTS = h.BUILD / "artifacts/audit"
NTLMCTL = h.BUILD / "ntlmctl"
JOURNALD = Path("/lib/systemd/systemd-journald")


class Page(Chromium):
    """A page from a file, with all that it asked for and complained of."""

    def __init__(self, path):
        self.requests, self.complaints = [], []
        super().__init__(h.need("chromium"), h.clean_environment(), flags=["--window-size=1280,900"])
        self.call("Runtime.enable")
        self.call("Log.enable")
        self.open(path.as_uri())

    def heard(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded",
                        "Page.javascriptDialogOpening"):
            self.complaints.append(message)
        super().heard(message)

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, (expression, result)
        return result["result"].get("value")

    def key(self, name, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def tiles(self):
        return json.loads(self.js("JSON.stringify(Object.fromEntries([...document.querySelectorAll('#tiles div')].map("
                                  "d => [d.children[0].textContent, Number(d.children[1].textContent.replaceAll(',', ''))])))"))

    def picture(self, name, scheme, width=1280):
        """The whole page."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1})
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        (ARTIFACTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def contrast(page, text, back):
    """The ratio of WCAG 2, of two custom properties."""
    def luminance(name):
        value = page.js(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()").lstrip("#")
        value = "".join(c * 2 for c in value) if len(value) == 3 else value
        parts = [int(value[i:i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    light, dark = sorted((luminance(text), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_page(directory):
    log = h.write(directory / "audit.jsonl", "\n".join(records.lines(20_000)) + "\n")
    target = directory / "report.html"
    h.run([NTLMCTL, "audit", "--html", target, log], check=True)
    summary = json.loads(h.run([NTLMCTL, "audit", "--json", log], check=True).stdout)
    logins = sum(row["logins"] for row in summary["accounts"])
    failures = sum(row["failures"] for row in summary["accounts"])
    old = sum(row["logins"] for row in summary["versions"] if row["name"] == "NTLMv1")

    page = Page(target)
    tiles = page.tiles()
    h.check(tiles["Logins"] == logins and tiles["Refused"] == failures and tiles["NTLMv1 logins"] == old
            and tiles["Accounts"] == len(summary["accounts"]), "the page counts as the JSON does", f"{tiles}")
    h.check(page.js("document.querySelectorAll('#time .slot rect.success').length") == 28,
            "four weeks are 28 columns")
    drawn = json.loads(page.js(
        "JSON.stringify(Object.fromEntries([...document.querySelectorAll('#charts .card')].map(c => [c.id,"
        "[...c.querySelectorAll('rect.success, rect.failure')].filter(r => r.getBoundingClientRect().width > 0).length])))"))
    h.check(len(drawn) == 8 and all(count > 0 for count in drawn.values()), "eight charts have bars that are seen", str(drawn))
    h.check(page.js("document.querySelectorAll('#body tr').length") == 25, "the table begins with 25 rows")
    for scheme in ("light", "dark"):
        page.picture(scheme, scheme)
        pairs = [("text", "card"), ("dim", "card"), ("text", "page"), ("dim", "page"), ("failure", "card"),
                 ("ready", "ready-back"), ("block", "block-back"), ("dim", "unseen-back"), ("text", "track")]
        low = {pair: round(contrast(page, *pair), 2) for pair in pairs if contrast(page, *pair) < 4.5}
        h.check(not low, f"every text in {scheme} has a contrast of 4.5 or more", str(low))

    page.js("document.getElementById('more').click()")
    h.check(page.js("document.querySelectorAll('#body tr').length") == 225, "there are more rows")

    page.js("document.querySelector('#chart-version .bar[data-key=\"version:NTLMv1\"]').click()")
    h.check(page.tiles()["Logins"] == old and page.tiles()["Accounts"] == 3, "a click on NTLMv1 leaves its logins",
            str(page.tiles()))
    h.check(page.js("[...document.querySelectorAll('#body tr')].every(r => r.cells[5].textContent === 'NTLMv1')"),
            "in the table too")
    page.picture("filtered", "light")
    page.js("document.getElementById('reset').click()")
    page.js("const s = document.getElementById('search'); s.value = 'WS011'; s.dispatchEvent(new Event('input'))")
    h.check(page.tiles()["Workstations"] == 1 and page.tiles()["Logins"] == next(
        row["logins"] for row in summary["workstations"] if row["name"] == "WS011"), "a search finds a workstation")
    page.js("document.getElementById('reset').click()")
    page.js("const r = document.getElementById('by-result'); r.selectedIndex = 1; r.dispatchEvent(new Event('change'))")
    h.check(page.tiles()["Logins"] == 0 and page.tiles()["Refused"] == failures, "a choice leaves the refused",
            str(page.tiles()))
    page.js("document.getElementById('reset').click()")

    page.js("document.querySelector('#head button').focus()")
    page.key("Enter", 13)
    first = page.js("document.querySelector('#body tr').cells[0].textContent")
    page.key("Enter", 13)
    last = page.js("document.querySelector('#body tr').cells[0].textContent")
    accounts = sorted(row["name"] for row in summary["accounts"])
    h.check((first, last) == (accounts[0], accounts[-1]), "Enter sorts the table, and again the other way", f"{first} {last}")
    page.js("document.querySelector('#time svg').focus()")
    page.key("ArrowRight", 39)
    page.key("ArrowRight", 39)
    page.key("Enter", 13)
    second = page.tiles()["Logins"] + page.tiles()["Refused"]
    h.check(0 < second < 2000 and page.js("document.activeElement.closest('#time') !== null"),
            "arrows and Enter choose a day, and the focus stays", str(second))
    page.js("document.getElementById('reset').click()")
    page.js("document.querySelector('.bar[data-key=\"version:NTLMv1\"]').focus()")
    page.key("Enter", 13)
    h.check(page.tiles()["Logins"] == old and page.js("document.activeElement.dataset.key") == "version:NTLMv1",
            "a bar can be pressed by keyboard, and keeps the focus")
    page.js("document.getElementById('reset').click()")

    h.check(page.js("typeof window.pwned") == "undefined" and page.js("document.querySelectorAll('script').length") == 2
            and page.js("document.querySelectorAll('img').length") == 0, "a hostile name is inert")
    page.js("const t = document.getElementById('search'); t.value = 'pwned'; t.dispatchEvent(new Event('input'))")
    shown = page.js("document.querySelector('#body tr').cells[0].textContent")
    h.check(records.HOSTILE in shown, "and shown as what it is", shown)
    h.check(page.js("[...document.querySelectorAll('.steps code, .notes bdi')].length > 2 &&"
                    "[...document.querySelectorAll('.steps code, .notes bdi')].every("
                    "each => getComputedStyle(each).unicodeBidi === 'isolate')"),
            "and turns the direction of no text but its own")
    h.check(not page.complaints, "the console is empty", str(page.complaints)[:2000])
    h.check(set(page.requests) == {target.as_uri()}, "nothing but the page was asked for", str(page.requests))
    # Even a script that got in could fetch nothing.
    page.js("globalThis.fetched = 'waiting'; fetch('http://127.0.0.1:9/').then(() => fetched = 'done', () => fetched = 'refused')")
    page.until(lambda: page.js("fetched") != "waiting", "fetch")
    h.check(page.js("fetched") == "refused" and any("Content Security Policy" in str(c) for c in page.complaints),
            "its policy forbids the network", str(page.complaints)[:2000])
    page.picture("narrow", "light", width=420)
    h.check(page.js("document.documentElement.scrollWidth") <= 420, "a narrow window needs no scrolling sideways",
            str(page.js("document.documentElement.scrollWidth")))
    page.close()


# Runs as root of its own mount namespace, where /run is empty.
IN_THE_JOURNAL = r"""
import os, pathlib, socket, subprocess, sys, time
directory, build, journald = sys.argv[1:4]
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
conf = pathlib.Path("/run/systemd/journald.conf.d")
conf.mkdir(parents=True)
(conf / "test.conf").write_text("[Journal]\nStorage=volatile\nForwardToSyslog=no\nForwardToWall=no\nReadKMsg=no\nAudit=no\nRuntimeMaxUse=16M\n")
server = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", journald], stdout=subprocess.DEVNULL, stderr=open(directory + "/journald.log", "wb"))
try:
    for _ in range(600):
        if os.path.exists("/run/systemd/journal/socket"):
            break
        time.sleep(0.1)
    import gssapi
    ntlm = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
    # From the file comes the right login; the wrong one has a line feed and a field of its own making in its name.
    for store in ({"client_keytab": None}, "wrong"):
        name = gssapi.Name("LAB\\alice" if store != "wrong" else "e\nNTLM_RESULT=success\u00fc", gssapi.NameType.user)
        password = b"secret1" if store != "wrong" else b"guess"
        client = gssapi.raw.acquire_cred_with_password(name, password, mechs=[ntlm], usage="initiate").creds
        initiator = gssapi.SecurityContext(creds=gssapi.Credentials(client), mech=ntlm, usage="initiate",
                                           name=gssapi.Name("HTTP@www.lab.example", gssapi.NameType.hostbased_service))
        acceptor = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept", mechs=[ntlm]), usage="accept")
        try:
            token = initiator.step()
            while token and not acceptor.complete:
                token = acceptor.step(token)
                token = initiator.step(token) if token else None
        except gssapi.exceptions.GSSError as error:
            print("refused:", error, file=sys.stderr)
    for _ in range(600):
        found = subprocess.run(["journalctl", "-q", "-o", "json", "--no-pager", "-t", "gss_ntlm"], capture_output=True, check=False).stdout
        if found.count(b'"NTLM_EVENT":"accept"') >= 2:
            break
        time.sleep(0.1)
    pathlib.Path(directory, "journal.json").write_bytes(found)
    pathlib.Path(directory, "one.txt").write_bytes(subprocess.run(
        ["journalctl", "-q", "-o", "cat", "--no-pager", "NTLM_REASON=unknown-account", "MESSAGE_ID=e44da30049344eb890ef9dd16281261a"],
        capture_output=True, check=False).stdout)
    for name, options in (("audit.json", []), ("failures.json", ["--result", "failure", "--since", "1d"])):
        done = subprocess.run([build + "/ntlmctl", "audit", "--journal", "--json", *options], capture_output=True, check=False)
        pathlib.Path(directory, name).write_bytes(done.stdout if done.returncode == 0 else done.stderr)
finally:
    server.terminate()
    server.wait(60)
"""


def test_journal(directory):
    if os.geteuid() != 0 or not JOURNALD.exists():
        print(f"not run: a private journal, which needs root and {JOURNALD}")
        return
    unshare, _ = h.need("unshare", "journalctl")
    env = h.clean_environment(
        GSS_MECH_CONFIG=h.mech_conf(directory / "mech"),
        GSS_NTLM_CONF=h.write(directory / "ntlm.conf", "[ntlm]\n netbios_domain = LAB\n netbios_computer = WEB\n"),
        NTLM_USER_FILE=h.write(directory / "users", "LAB:alice:secret1\n", 0o600))
    done = h.run([unshare, "-m", h.DEBIAN_PYTHON, "-c", IN_THE_JOURNAL, directory, h.BUILD.absolute(), JOURNALD], env)
    said = done.stderr + (directory / "journald.log").read_text(errors="replace")
    h.check(done.returncode == 0 and (directory / "journal.json").exists(), "logins with a private journal", said)
    entries = [json.loads(line) for line in (directory / "journal.json").read_text().splitlines()]
    entries = [entry for entry in entries if entry["NTLM_EVENT"] == "accept"]
    h.check(len(entries) == 2, "two entries in the journal", f"{entries}\n{said}")
    right, wrong = entries
    h.check((right["NTLM_RESULT"], right["NTLM_USER"], right["NTLM_PRINCIPAL"], right["NTLM_VERSION"], right["PRIORITY"],
             right["SYSLOG_FACILITY"], right["MESSAGE_ID"], right["_TRANSPORT"])
            == ("success", "alice", "LAB\\alice", "NTLMv2", "6", "10", "de5b98840d71497b8512b3adaca2a0eb", "journal")
            and json.loads(right["MESSAGE"])["user"] == "alice", "a login with its fields", str(right))
    h.check((wrong["NTLM_RESULT"], wrong["NTLM_REASON"], wrong["PRIORITY"]) == ("failure", "unknown-account", "4")
            and wrong["NTLM_USER"] == "e\nNTLM_RESULT=success\u00fc"
            and json.loads(wrong["MESSAGE"])["result"] == "failure",
            "a name with a line feed is one field and makes no other", str(wrong))
    found = (directory / "one.txt").read_text().splitlines()
    h.check(len(found) == 1 and json.loads(found[0])["reason"] == "unknown-account", "journalctl finds it by field", str(found))
    summary = json.loads((directory / "audit.json").read_text())
    h.check([(row["name"], row["logins"]) for row in summary["accounts"]][0] == ("LAB\\alice", 1)
            and summary["lines"]["bad"] == 0 and summary["failures"][0]["name"] == "unknown-account",
            "ntlmctl audit --journal sums them up", str(summary)[:1000])
    failures = json.loads((directory / "failures.json").read_text())
    h.check(failures["records"] == 1, "and filters", str(failures)[:1000])


def main():
    h.need("chromium")
    directory = h.directory(0o700)
    test_page(directory)
    test_journal(directory)
    pictures = sorted(path.name for path in ARTIFACTS.glob("*.png"))
    h.check(pictures == ["dark.png", "filtered.png", "light.png", "narrow.png"],
            f"pictures in {ARTIFACTS.relative_to(h.BUILD)}", str(pictures))
    h.finish("audit")


main()
