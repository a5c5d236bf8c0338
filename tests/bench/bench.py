#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the mechanism beside gss-ntlmssp, WinPR's SSPI and the bare cryptography, all in one run, and prints the
tables of docs/performance.md. Only ratios within a run count; every figure is the median of interleaved rounds.

    bench.py BUILD_DIRECTORY [--rounds N] [--accounts N] [--quick] [--sspi | --authd [--poll-idle]]
"""
import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import daemon
import sspi

INCUMBENT = "/usr/lib/x86_64-linux-gnu/gssntlmssp/gssntlmssp.so"
OID = "1.3.6.1.4.1.311.2.2.10"
NT_HASH = "a4f49c406510bdcab6824ee7c30fd852"  # "Password"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    return path


class Bench:
    def __init__(self, build, directory):
        self.build, self.directory = os.path.abspath(build), directory
        self.users = write(f"{directory}/users", "Domain:User:Password\n")
        smb = f"User:1001:{'X' * 32}:{NT_HASH.upper()}:[U          ]:LCT-00000000:\n"
        self.smbpasswd = write(f"{directory}/smbpasswd", smb)

    def find(self, name):
        for folder in ("tests/bench", "."):
            path = f"{self.build}/{folder}/{name}"
            if os.access(path, os.X_OK):
                return path
        sys.exit(f"bench: {name} is not built in {self.build}; ./run bench builds it")

    def environment(self, who, store=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("GSS_", "NTLM_", "NETBIOS_"))}
        if who == "ours":
            env["GSS_MECH_CONFIG"] = f"{self.build}/mech.conf"
            env["GSS_NTLM_CONF"] = write(
                f"{self.directory}/ntlm.conf",
                f"[ntlm]\n store = {store or 'text:' + self.users}\n netbios_computer = SERVER\n"
                " netbios_domain = DOMAIN\n[policy]\n send_ntlm = allow\n[audit]\n syslog = no\n")
        else:
            env["GSS_MECH_CONFIG"] = write(f"{self.directory}/incumbent.conf", f"gssntlmssp {OID} {INCUMBENT}\n")
            env["NTLM_USER_FILE"] = store or self.smbpasswd
            env["NETBIOS_COMPUTER_NAME"], env["NETBIOS_DOMAIN_NAME"] = "SERVER", "DOMAIN"
            env["BENCH_USER"] = "User"
        return env

    def run(self, who, *what, store=None, prefix=(), program="gss_bench", **extra):
        env = self.environment(who, store)
        env.update(extra)
        result = subprocess.run([*prefix, self.find(program), *what], env=env, text=True, capture_output=True, check=False,
                                timeout=600)
        if result.returncode != 0:
            sys.exit(f"bench: {who} {' '.join(what)}: {result.stderr.strip()}")
        figures = dict(line.split() for line in result.stdout.splitlines() if line.count(" ") == 1)
        return {name: float(value) for name, value in figures.items()}, result.stderr


def medians(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def instructions(bench, who):
    """Of one handshake, from two runs of different length."""
    if not shutil.which("valgrind"):
        return None
    counts = []
    for number in ("100", "300"):
        _, log = bench.run(who, "count", number,
                           prefix=("valgrind", "--tool=callgrind", f"--callgrind-out-file={bench.directory}/callgrind"))
        counts.append(int(re.search(r"Collected : (\d+)", log).group(1)))
    return (counts[1] - counts[0]) / 200


def system_calls(bench, who):
    if not shutil.which("strace"):
        return None
    counts = []
    for number in ("100", "1100"):
        _, log = bench.run(who, "count", number, prefix=("strace", "-f", "-c"))
        counts.append(int(re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)", log, re.M).group(1)))
    return (counts[1] - counts[0]) / 1000


def allocations(bench, who):
    if not shutil.which("valgrind"):
        return None
    counts = []
    for number in ("100", "300"):
        _, log = bench.run(who, "count", number, prefix=("valgrind", "--leak-check=no"))
        counts.append(int(re.search(r"total heap usage: ([\d,]+) allocs", log).group(1).replace(",", "")))
    return (counts[1] - counts[0]) / 200


def account_file(bench, count):
    """smbpasswd lines, the account that logs in last: what a linear search likes least."""
    path = f"{bench.directory}/accounts-{count}"
    with open(path, "w", encoding="ascii") as file:
        for number in range(count - 1):
            file.write(f"user{number:07d}:{number + 2000}:{'X' * 32}:{number:032X}:[U          ]:LCT-00000000:\n")
        file.write(f"User:1001:{'X' * 32}:{NT_HASH.upper()}:[U          ]:LCT-00000000:\n")
    os.chmod(path, 0o600)
    return path


def accounts(bench, counts):
    """Acceptor time, and that of the first accept of a process, by number of accounts."""
    rows = []
    for count in counts:
        path = account_file(bench, count)
        database = f"{bench.directory}/accounts-{count}.lmdb"
        subprocess.run([f"{bench.build}/ntlmctl", "user", "import", "--store", f"lmdb:{database}", path], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        row = {"accounts": count}
        for kind, store in (("text", f"text:{path}"), ("lmdb", f"lmdb:{database}")):
            row[kind] = statistics.median(bench.run("ours", "handshake", store=store, BENCH_USER="User")[0]["acceptor_us"] for _ in range(3))
            row[f"{kind}_first"] = statistics.median(
                bench.run("ours", "first", store=store, BENCH_USER="User")[0]["first_accept_ms"] for _ in range(3))
        rows.append(row)
        os.unlink(path)
    return rows


def mechanism(bench, options):
    """The tables of the mechanism itself."""
    parties = ["ours"] + (["incumbent"] if os.path.exists(INCUMBENT) else [])
    what = ("handshake", "spnego", "acquire", "messages", "memory", "threads")
    rounds = {who: [] for who in parties}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for who in parties:
            rounds[who].append(bench.run(who, *what)[0])
    result = {who: medians(rounds[who]) for who in parties}
    for who in parties:
        for name, tool in (("instructions", instructions), ("system_calls", system_calls),
                           ("allocations", allocations)):
            print(f"{name}, {who}", file=sys.stderr)
            result[who][name] = tool(bench, who)
    report(result)
    counts = sorted({1, min(10_000, options.accounts), options.accounts})
    print("\n| accounts | text: acceptor µs | first accept ms | LMDB: acceptor µs | first accept ms |\n|---|---|---|---|---|")
    for row in accounts(bench, counts):
        print(f"| {row['accounts']:,} | {row['text']:.1f} | {row['text_first']:.1f} "
              f"| {row['lmdb']:.1f} | {row['lmdb_first']:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=1_000_000, help="the largest store (default 1000000)")
    parser.add_argument("--quick", action="store_true", help="one round, small stores")
    parser.add_argument("--sspi", action="store_true", help="SSPI's table only")
    parser.add_argument("--authd", action="store_true", help="ntlm-authd's table only")
    parser.add_argument("--poll-idle", action="store_true",
                        help="with --authd, as root in a virtual machine: an idle processor looks for work instead of "
                             "being put to sleep by the hypervisor at once; set back afterwards")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.accounts = 1, 10_000
    with tempfile.TemporaryDirectory(prefix="ntlm-bench-") as directory:
        bench = Bench(options.build, directory)
        if options.authd:
            with daemon.idle_processors_poll() if options.poll_idle else contextlib.nullcontext():
                daemon.report(daemon.measure(bench, options.rounds))
            return
        if not options.sspi:
            mechanism(bench, options)
        winpr_account = write(f"{directory}/sam", f"User:Domain::{NT_HASH}:::\n")
        print("\nSSPI", file=sys.stderr)
        sspi.report(sspi.measure(bench, options.rounds, winpr_account))


def figure(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def report(result):
    ours, theirs = result["ours"], result.get("incumbent", {})
    half_limit = 1e6 / ours["limit_handshakes"] / 2
    rows = (("handshakes/s", "handshakes", ours["limit_handshakes"]), ("acceptor µs", "acceptor_us", half_limit),
            ("initiator µs", "initiator_us", half_limit), ("instructions a handshake", "instructions", None),
            ("SPNEGO handshakes/s", "spnego_handshakes", None), ("acquire_cred µs", "acquire_us", None),
            ("wrap+unwrap 64 B, /s", "wrap_64", ours["limit_wrap_64"]),
            ("wrap+unwrap 1 KiB, /s", "wrap_1k", ours["limit_wrap_1k"]),
            ("wrap+unwrap 1 MiB, /s", "wrap_1m", ours["limit_wrap_1m"]),
            ("get_mic+verify_mic 64 B, /s", "mic_64", ours["limit_mic_64"]),
            ("heap of an established context", "heap_established", None),
            ("heap of a half-open context", "heap_half_open", None), ("two threads to one", "threads_2", None),
            ("system calls a handshake", "system_calls", None), ("allocations a handshake", "allocations", None))
    print("| | gss-ntlmssp | limit | this | this / gss-ntlmssp | this / limit |\n|---|---|---|---|---|---|")
    for title, name, limit in rows:
        mine, other = ours[name], theirs.get(name)
        ratio = f"{mine / other:.2f}" if mine is not None and other else "-"
        of_limit = f"{100 * mine / limit:.0f} %" if limit else "-"
        print(f"| {title} | {figure(other)} | {figure(limit)} | {figure(mine)} | {ratio} | {of_limit} |")


if __name__ == "__main__":
    main()
