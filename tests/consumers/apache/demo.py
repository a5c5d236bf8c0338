#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./run demo shows: an account, a private Apache, three logins and a refusal, and the audit records of them.
Usage: demo.py BUILD"""
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
os.environ["NTLM_BUILD_DIR"] = str(BUILD)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from apache import MODULES, SAMPLE, Apache, Site
from curl import curl
from harness import SOURCE

USER = r"LAB\alice"


def step(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def shell(text):
    print(f"  $ {text}", flush=True)


def log_in(text, wanted, url, *options, env=None):
    shell(text)
    answer = curl(url, *options, env=env)
    if answer.status == 200:
        print(f"    200, and the application sees REMOTE_USER = {answer.user}")
    else:
        print(f"    {answer.status}: nobody gets in")
    if (answer.status, answer.user) != (wanted, USER if wanted == 200 else ""):
        raise SystemExit(f"demo: {wanted} was expected; this is a defect, please report it")


def show_audit(path):
    shown = ("result", "reason", "user", "domain", "principal", "version", "mic", "store")
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["event"] not in ("accept", "initiate"):  # what a process says of itself
            continue
        print("   ", " ".join(f"{key}={record[key]}" for key in shown if record.get(key) not in (None, "")))


def main():
    for needed, where in ((MODULES / "mod_auth_gssapi.so", "libapache2-mod-auth-gssapi"),
                          (BUILD / "gss_ntlm.so", "the build"), (BUILD / "ntlmctl", "the build")):
        if not needed.exists():
            raise SystemExit(f"demo: {needed} is not there ({where}); ./run demo makes it")
    site = Site(store="lmdb")
    password = secrets.token_urlsafe(9)
    environment = site.environment()

    step("An account, in a database of its own")
    shell(f"ntlmctl user add --password-stdin '{USER}'")
    subprocess.run([BUILD / "ntlmctl", "user", "add", "--password-stdin", USER], input=password.encode() + b"\n",
                   env=environment, check=True)
    site.share(site.accounts)

    step("A private Apache, stock, with mod_auth_gssapi")
    print(f"  its configuration is {SAMPLE.relative_to(SOURCE)}, its NTLM {(BUILD / 'gss_ntlm.so').relative_to(SOURCE)}")
    server = Apache(site, environment, "prefork")
    url = f"{server.url}/private/page"
    print(f"  listening on {server.url}, loopback only")

    step("Log in")
    log_in(f"curl --ntlm -u '{USER}:…' {url}", 200, url, "--ntlm", "-u", f"{USER}:{password}")
    mine = site.write("alice", f"LAB:alice:{password}\n")
    log_in(f"NTLM_USER_FILE={mine} curl --negotiate -u : {url}", 200, url, "--negotiate", "-u", ":",
           env={**environment, "NTLM_USER_FILE": str(mine)})
    log_in(f"curl --basic -u '{USER}:…' {server.url}/basic/page", 200, f"{server.url}/basic/page",
           "--basic", "-u", f"{USER}:{password}")

    step("And with a wrong password")
    log_in(f"curl --ntlm -u '{USER}:wrong' {url}", 401, url, "--ntlm", "-u", f"{USER}:wrong")
    server.stop()
    if server.deaths():
        raise SystemExit(f"demo: a server process died: {server.deaths()}")

    step("What the administrator reads about it (a JSON file here; syslog, unless ntlm.conf says otherwise)")
    records = BUILD / "demo-audit.jsonl"
    shutil.copyfile(site.audit, records)
    show_audit(records)
    print(f"\nDone. The Apache is stopped, its directory is removed; the records are in {records.relative_to(SOURCE)}.\n"
          "Next: README.md, \"Install\".")


if __name__ == "__main__":
    main()
