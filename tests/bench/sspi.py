# SPDX-License-Identifier: MIT
"""SSPI: libsspi_compat beside WinPR's SSPI (one program compiled against both), and beside the GSS-API under it, which
tells what the layer itself costs. In turns, in one run; instructions by callgrind, which other load does not move."""
import os
import re
import shutil
import statistics

# Party: program, what it measures, the name that its figures begin with.
PARTIES = {
    "winpr": ("winpr_bench", ("handshake", "messages"), "sspi_"),
    "gss": ("gss_bench", ("handshake", "in-place"), ""),
    "sspi": ("sspi_bench", ("handshake", "messages"), "sspi_"),
}
RATES = (("handshakes/s", "handshakes"), ("EncryptMessage + DecryptMessage 64 B, /s", "seal_64"),
         ("1 KiB, /s", "seal_1k"), ("1 MiB, /s", "seal_1m"))
COUNTS = (("instructions a handshake", "count", (100, 300)), ("instructions, 64 B", "seal", (1000, 3000)))


def instructions(bench, program, verb, numbers, environment):
    """Of one, from two runs of different length."""
    counts = []
    for number in numbers:
        _, log = bench.run("ours", verb, str(number), program=program,
                           prefix=("valgrind", "--tool=callgrind", f"--callgrind-out-file={bench.directory}/callgrind"),
                           **environment)
        counts.append(int(re.search(r"Collected : (\d+)", log).group(1)))
    return (counts[1] - counts[0]) / (numbers[1] - numbers[0])


def measure(bench, rounds, winpr_account):
    """{party: {title: figure}}"""
    environment = {"BENCH_SAM": winpr_account, "WLOG_LEVEL": "OFF"}
    parties = {name: party for name, party in PARTIES.items()
               if name != "winpr" or os.access(f"{bench.build}/winpr_bench", os.X_OK)}
    taken = {name: [] for name in parties}
    for _ in range(rounds):
        for name, (program, what, _) in parties.items():
            taken[name].append(bench.run("ours", *what, program=program, **environment)[0])
    result = {}
    for name, (program, _, prefix) in parties.items():
        result[name] = {title: statistics.median(one[prefix + figure] for one in taken[name])
                        for title, figure in RATES}
        for title, verb, numbers in COUNTS:
            if shutil.which("valgrind"):
                result[name][title] = instructions(bench, program, verb, numbers, environment)
    return result


def report(result):
    """ratio: how many times better than WinPR; layer: how much more than the GSS-API alone."""
    counted = {title for title, *_ in COUNTS}
    print("| | WinPR | GSS-API | SSPI | SSPI / WinPR | the layer |\n|---|---|---|---|---|---|")
    for title, mine in result["sspi"].items():
        gss, theirs = result["gss"][title], result.get("winpr", {}).get(title)
        costs = title in counted
        ratio = "-" if theirs is None else f"{(theirs / mine if costs else mine / theirs):.2f}"
        layer = (mine / gss if costs else gss / mine) - 1
        winpr = "-" if theirs is None else f"{theirs:,.0f}"
        print(f"| {title} | {winpr} | {gss:,.0f} | {mine:,.0f} | {ratio} | {100 * layer:+.1f} % |")
