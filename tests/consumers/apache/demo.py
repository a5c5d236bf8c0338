#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./run demo shows: an account, a private Apache, three logins and a refusal, and the audit records of them.
With --authd the accounts are those of ntlm-authd, in a process of their own. Usage: demo.py BUILD [--authd]"""
import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("build", type=Path)
parser.add_argument("--authd", action="store_true")
options = parser.parse_args()
BUILD = options.build.resolve()
os.environ["NTLM_BUILD_DIR"] = str(BUILD)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from apache import MODULES, NAMES, NO_LOCK, SAMPLE, USER as WORKER, Apache, Site
from authd import Authd
from curl import curl
from harness import SOURCE, run, wait_for

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
    shown = ("result", "reason", "user", "domain", "principal", "version", "mic", "store",
             "service", "peer")
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["event"] not in ("accept", "initiate"):  # what a process says of itself
            continue
        print("   ", " ".join(f"{key}={record[key]}" for key in shown if record.get(key) not in (None, "")))


def make_account(accounts, share):
    password = secrets.token_urlsafe(9)
    shell(f"ntlmctl user --store lmdb:{accounts} add --password-stdin '{USER}'")
    subprocess.run([BUILD / "ntlmctl", "user", "--store", f"lmdb:{accounts}", "add", "--password-stdin", USER],
                   input=password.encode() + b"\n", check=True)
    share(accounts)
    return password


def show_walls(daemon):
    """What a worker process could do with the accounts, if somebody else ran in it."""
    who = WORKER or "this user"
    step(f"What a worker process ({who}) has of the accounts")
    store = daemon.store_process()
    targets = [(f"/proc/{store}/mem", "the memory of the process that has them")]
    if WORKER:
        targets.insert(0, (daemon.accounts, "the database"))
    else:
        print("  (not root: the daemon and the workers are one user here, who may read the database)")
    for path, what in targets:
        shell(f"head -c 1 {path}     # {what}")
        tried = run(["head", "-c", "1", path], user=WORKER)
        print(f"    {tried.stderr.strip()}")
        if tried.returncode == 0 or "denied" not in tried.stderr:
            raise SystemExit(f"demo: {what} is within reach; this is a defect, please report it")


def stop_and_start(daemon, server, url, password):
    step("The daemon is stopped: nobody gets in, and Apache's log says why")
    daemon.stop()
    seen = len(server.error_log())
    log_in(f"curl --ntlm -u '{USER}:…' {url}", 401, url, "--ntlm", "-u", f"{USER}:{password}")
    wait_for(lambda: "ntlm-authd" in server.error_log()[seen:], "a line of Apache's log")
    print("   ", next(line for line in server.error_log()[seen:].splitlines() if "ntlm-authd" in line))
    step("It is started again")
    daemon.start()
    log_in(f"curl --ntlm -u '{USER}:…' {url}", 200, url, "--ntlm", "-u", f"{USER}:{password}")


def show_logins(site, server, password, environment):
    url = f"{server.url}/private/page"
    step("Log in")
    log_in(f"curl --ntlm -u '{USER}:…' {url}", 200, url, "--ntlm", "-u", f"{USER}:{password}")
    mine = site.write("alice", f"LAB:alice:{password}\n")
    log_in(f"NTLM_USER_FILE={mine} curl --negotiate -u : {url}", 200, url, "--negotiate", "-u", ":",
           env={**environment, "NTLM_USER_FILE": str(mine)})
    log_in(f"curl --basic -u '{USER}:…' {server.url}/basic/page", 200, f"{server.url}/basic/page",
           "--basic", "-u", f"{USER}:{password}")
    step("And with a wrong password")
    log_in(f"curl --ntlm -u '{USER}:wrong' {url}", 401, url, "--ntlm", "-u", f"{USER}:wrong")


def main():
    for needed, where in ((MODULES / "mod_auth_gssapi.so", "libapache2-mod-auth-gssapi"),
                          *((BUILD / name, "the build") for name in ("gss_ntlm.so", "ntlmctl", "ntlm-authd"))):
        if not needed.exists():
            raise SystemExit(f"demo: {needed} is not there ({where}); ./run demo makes it")
    step("An account, in a database of its own")
    daemon = Authd(NAMES + NO_LOCK, store="lmdb", worker=WORKER) if options.authd else None
    site = Site(store="lmdb", daemon=daemon)
    password = make_account(*((daemon.accounts, daemon.share) if daemon else (site.accounts, site.share)))
    if daemon:
        step("A private ntlm-authd, which alone can read it")
        daemon.start()
        print(f"  as uid {daemon.uid}, at {daemon.socket}" if daemon.uid else f"  at {daemon.socket}")

    step("A private Apache, stock, with mod_auth_gssapi")
    print(f"  its configuration is {SAMPLE.relative_to(SOURCE)}, its NTLM {(BUILD / 'gss_ntlm.so').relative_to(SOURCE)}")
    server = Apache(site, site.environment(), "prefork")
    print(f"  listening on {server.url}, loopback only")
    show_logins(site, server, password, site.environment())
    if daemon:
        show_walls(daemon)
        stop_and_start(daemon, server, f"{server.url}/private/page", password)
        daemon.stop()
    server.stop()
    if server.deaths():
        raise SystemExit(f"demo: a server process died: {server.deaths()}")

    step("What the administrator reads about it (a JSON file here; syslog, unless the configuration says otherwise)")
    records = BUILD / f"demo{'-authd' if daemon else ''}-audit.jsonl"
    shutil.copyfile(site.audit, records)
    show_audit(records)
    print(f"\nDone. All of it is stopped, its directories are removed; the records are in {records.relative_to(SOURCE)}.\n"
          "Next: README.md, \"Install\".")


if __name__ == "__main__":
    main()
