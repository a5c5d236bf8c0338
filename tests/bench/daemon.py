# SPDX-License-Identifier: MIT
"""ntlm-authd beside the same accounts in the process: what a handshake costs more, and how many a second four worker
processes have of one daemon. Initiator and acceptor are both in the worker; what that costs alone is measured too."""
import contextlib
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "consumers"))
import ending

WORKERS = 4
SECONDS = 3
HALT_POLL = "/sys/module/haltpoll/parameters/guest_halt_poll_ns"
NAMES = "netbios_computer = SERVER\n netbios_domain = DOMAIN\n"


@contextlib.contextmanager
def idle_processors_poll(nanoseconds=200_000):
    """A virtual machine's idle processors look for work this long before the hypervisor puts them to sleep."""
    ending.by_exception()
    try:
        with open(HALT_POLL, "r+", encoding="ascii") as file:
            before = file.read()
            file.seek(0)
            file.write(str(nanoseconds))
    except OSError as error:
        sys.exit(f"bench: {error}; --poll-idle needs root and the kernel's haltpoll governor")
    try:
        yield
    finally:
        with open(HALT_POLL, "w", encoding="ascii") as file:
            file.write(before)


def private_daemon(bench, threads):
    os.environ["NTLM_BUILD_DIR"] = bench.build
    from authd import Authd
    daemon = Authd(f"{NAMES}[authd]\n threads = {threads}\n rate = 0\n ", records=False)
    with open(bench.users, encoding="ascii") as users:
        daemon.accounts.write_text(users.read())
    daemon.share(daemon.accounts)
    return daemon.start()


def spent(pid):
    """CPU microseconds of a process so far, and its voluntary context switches."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    switches = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
            switches += sum(int(line.split()[1]) for line in file if line.startswith("voluntary"))
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK"), switches


def flood(bench, store, daemon=None):
    """WORKERS processes at once: handshakes a second of all, and who spent what on each."""
    watched = {"front": daemon.process.pid, "store": daemon.store_process()} if daemon else {}
    before = {name: spent(pid) for name, pid in watched.items()}
    environment = bench.environment("ours", store)
    running = [subprocess.Popen([bench.find("gss_bench"), "flood", str(SECONDS)], env=environment, text=True,
                                stdout=subprocess.PIPE) for _ in range(WORKERS)]
    results = [dict(line.split() for line in process.communicate(timeout=60)[0].splitlines()) for process in running]
    rate = sum(float(one["rate"]) for one in results)
    figures = {"rate": rate, "worker_us": statistics.mean(float(one["cpu_us"]) for one in results),
               "worker_waits": statistics.mean(float(one["waits"]) for one in results)}
    for name, pid in watched.items():
        cpu, switches = (after - start for after, start in zip(spent(pid), before[name]))
        figures[f"{name}_us"], figures[f"{name}_waits"] = cpu / rate / SECONDS, switches / rate / SECONDS
    return figures


def medians(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def measure(bench, rounds):
    """{"own" | "1 thread" | "2 threads": figures}"""
    daemons = {"own": None, "1 thread": private_daemon(bench, 1), "2 threads": private_daemon(bench, 2)}
    taken = {name: [] for name in daemons}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, daemon in daemons.items():
            store = daemon.store_lines.removeprefix("store = ") if daemon else None
            one = bench.run("ours", "latency", store=store)[0]
            taken[name].append({**one, **flood(bench, store, daemon)})
            time.sleep(0.1)
    for daemon in filter(None, daemons.values()):
        daemon.stop()
    for name, all_rounds in taken.items():
        for one, own in zip(all_rounds, taken["own"]):
            one["extra_us"] = one["median_us"] - own["median_us"]
    return {name: medians(all_rounds) for name, all_rounds in taken.items()}


ROWS = (("one worker: handshake, median µs", "median_us"), ("more than in the process, µs", "extra_us"),
        ("p99 µs", "p99_us"), (f"{WORKERS} workers: handshakes/s of all", "rate"), ("CPU µs a handshake: worker", "worker_us"),
        ("front", "front_us"), ("store", "store_us"), ("waits a handshake: worker", "worker_waits"),
        ("front", "front_waits"), ("store", "store_waits"))


def report(result):
    print("| | " + " | ".join(("accounts in the process", "daemon, 1 thread", "daemon, 2 threads")) + " |\n|---|---|---|---|")
    for title, name in ROWS:
        cells = (one.get(name) for one in result.values())
        print(f"| {title} | " + " | ".join("-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"
                                           for value in cells) + " |")
