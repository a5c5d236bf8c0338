# SPDX-License-Identifier: MIT
"""Audit records of an invented firm over four weeks: as many as asked for, always the same ones."""

import json
import random
import time

START = 1790812800  # 2026-10-01
WEEKS = 4
HOSTILE = "</script><script>pwned=1</script>"
SERVICES = [("HTTP@intranet.lab.example", "HTTP/intranet.lab.example", "match"),
            ("HTTP@wiki.lab.example", "HTTP/wiki.lab.example", "none"),
            ("postgres@db1.lab.example", "postgres/db1.lab.example", "none"),
            ("ldap@dir.lab.example", "ldap/dir.lab.example", "match")]


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000Z"


def login(rng, people):
    """Somebody at work: in his hours, from his machine, to the services that he needs."""
    person = rng.choice(people)
    name, workstation, service, old = person
    own, target, bindings = SERVICES[service]
    record = {"event": "accept", "result": "success", "reason": "ok", "user": name, "domain": "LAB",
              "workstation": workstation, "principal": f"LAB\\{name}", "service": own, "target": target,
              "version": "NTLMv2", "flags": "0xe2888235", "mic": "verified", "bindings": bindings, "key_bits": 128,
              "store": "winbind", "duration_us": rng.randrange(80, 900), "pid": 4711}
    if old == "scanner":
        record.update(version="NTLMv1", mic="absent", flags="0xa2888205", target="", bindings="none")
        record.pop("target")
    elif old == "library" and bindings == "match":
        record.update(bindings="absent", mic="absent")
    dice = rng.random()
    if dice < 0.03:
        record.update(result="failure", reason="wrong-password", where="proof")
    elif dice < 0.036:
        record.update(result="failure", reason="bad-bindings", bindings="mismatch", where="channel bindings")
    elif dice < 0.04:
        record.update(result="failure", reason="account-locked", where="account")
    if record["result"] == "failure":
        del record["principal"], record["key_bits"]
    return record


def make(count, seed=7):
    rng = random.Random(seed)
    people = []
    for number in range(60):
        old = "scanner" if number in (11, 29, 47) else "library" if number % 9 == 4 else ""
        people += [(f"user{number:02}", f"WS{number:03}", service, old) for service in rng.sample(range(4), 2)]
    times = []
    for _ in range(count):
        day = rng.choices(range(7 * WEEKS), weights=[(10, 10, 10, 10, 9, 1, 1)[(day + 3) % 7] for day in range(7 * WEEKS)])[0]
        times.append(START + day * 86400 + int(rng.triangular(6 * 3600, 20 * 3600, 9 * 3600)))
    for when in sorted(times):
        yield {"time": stamp(when), **login(rng, people)}


def special():
    """What is once: a name that attacks the page, a setting that was loosened, an initiator."""
    base = {"time": stamp(START + 86400), "event": "accept", "result": "failure", "reason": "unknown-account"}
    yield {**base, "user": HOSTILE, "domain": "\"><img src=x onerror=pwned=2>", "workstation": "{{data}}", "version": "NTLMv2"}
    yield {"time": stamp(START), "event": "policy-loosened", "result": "success",
           "detail": "[policy] min_version = v1 is looser than the default <b>v2</b>"}
    yield {"time": stamp(START + 7200), "event": "initiate", "result": "success", "reason": "ok", "user": "backup",
           "domain": "LAB", "target": "cifs/nas1.lab.example", "version": "NTLMv2", "mic": "sent", "flags": "0xe2888215"}
    yield {**base, "time": stamp(START + 90000), "user": "x", "reason": "wrong-password", "unreported": 12}


def lines(count, seed=7):
    for record in [*special(), *make(count, seed)]:
        yield json.dumps(record, separators=(",", ":"))
