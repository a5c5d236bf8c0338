# SPDX-License-Identifier: MIT
"""SSPI: libsspi_compat beside WinPR's SSPI (one program compiled against both), and beside the GSS-API under it, which
tells what the layer itself costs. In turns, in one run; instructions by callgrind, which other load does not move."""
import os
import re
import resource
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
TIMES = (("processor µs a handshake", "count", 10_000), ("processor µs, 64 B", "seal", 300_000))
COUNTS = (("instructions a handshake", "count", (100, 300)), ("instructions, 64 B", "seal", (1000, 3000)))


def processor_time(bench, program, verb, number, environment):
    """Of one, in µs. What waits for a processor costs none."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bench.run("ours", verb, str(number), program=program, **environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / number * 1e6


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
    """{party: {title: its figure of each round}}; a count has one."""
    environment = {"BENCH_SAM": winpr_account, "WLOG_LEVEL": "OFF"}
    parties = {name: party for name, party in PARTIES.items()
               if name != "winpr" or os.access(f"{bench.build}/winpr_bench", os.X_OK)}
    taken = {name: [] for name in parties}
    for _ in range(rounds):
        for name, (program, what, _) in parties.items():
            one, _ = bench.run("ours", *what, program=program, **environment)
            for title, verb, number in TIMES:
                one[title] = processor_time(bench, program, verb, number, environment)
            taken[name].append(one)
    result = {}
    for name, (program, _, prefix) in parties.items():
        result[name] = {title: [one[prefix + figure] for one in taken[name]] for title, figure in RATES}
        result[name].update({title: [one[title] for one in taken[name]] for title, *_ in TIMES})
        for title, verb, numbers in COUNTS:
            if shutil.which("valgrind"):
                result[name][title] = [instructions(bench, program, verb, numbers, environment)]
    return result


def ratio(ones, others):
    """The median of the rounds' own ratios: what else runs on the machine changes from round to round."""
    return statistics.median(one / other for one, other in zip(ones, others))


def shown(figures):
    if figures is None:
        return "-"
    median = statistics.median(figures)
    return f"{median:,.0f}" if median >= 100 else f"{median:.2f}"


def report(result):
    """ratio: how many times better than WinPR; layer: how much more than the GSS-API alone."""
    spent = {title for title, *_ in TIMES + COUNTS}
    print("| | WinPR | GSS-API | SSPI | SSPI / WinPR | the layer |\n|---|---|---|---|---|---|")
    for title, mine in result["sspi"].items():
        gss, theirs = result["gss"][title], result.get("winpr", {}).get(title)
        costs = title in spent
        better = "-" if theirs is None else f"{(ratio(theirs, mine) if costs else ratio(mine, theirs)):.2f}"
        layer = (ratio(mine, gss) if costs else ratio(gss, mine)) - 1
        print(f"| {title} | {shown(theirs)} | {shown(gss)} | {shown(mine)} | {better} | {100 * layer:+.1f} % |")
