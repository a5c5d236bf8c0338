#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
""".NET's calls of the GSS-API, without .NET: its forms of names, its options, what it reads of the flags."""

from concurrent.futures import ThreadPoolExecutor

import harness as h

CALLS = h.BUILD / "tests/consumers/dotnet/dotnet_calls"
DIR = h.directory()
ENV = h.clean_environment(
    GSS_MECH_CONFIG=h.mech_conf(DIR / "mech"), KRB5CCNAME=f"FILE:{DIR}/none", KRB5_KTNAME=DIR / "no-keytab",
    GSS_NTLM_CONF=h.ntlm_conf(DIR / "ntlm.conf", more="[ntlm]\n netbios_domain = EXAMPLE\n[policy]\n lockout_threshold = 0\n"),
    KRB5_CONFIG=h.write(DIR / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n default_realm = NOWHERE.TEST\n"),
    NTLM_USER_FILE=h.write(DIR / "users", "EXAMPLE:bob:secret1\nEXAMPLE:alice:secret2\n", 0o600))

LEVELS = {"none": ("integrity: 0 0 confidentiality: 0 0", "messages:"),
          "sign": ("integrity: 1 1 confidentiality: 0 0", "messages: 0 0"),
          "seal": ("integrity: 1 1 confidentiality: 1 1", "messages: 0 0 1 1")}


def call(package, user, password, level, spn="HTTP/web.example.com"):
    return h.run([CALLS, package, user, password, spn, level], ENV)


def main():
    for package in ("ntlm", "negotiate"):
        for level, (protection, messages) in LEVELS.items():
            for user, password, who in (("alice@EXAMPLE", "secret2", "alice"), ("EXAMPLE\\alice", "secret2", "alice"),
                                        ("bob", "-", "bob")):
                got = call(package, user, password, level)
                h.check(got.returncode == 0 and got.stdout.splitlines() ==
                        ["ntlm used: 1 1", protection, f"user: EXAMPLE\\{who}", messages],
                        f"{package}, {level}: {user}", got.stdout + got.stderr)
        for what, user, password in (("a wrong password", "alice@EXAMPLE", "secret1"),
                                     ("an unknown user", "eve@EXAMPLE", "secret1"), ("no password", "alice@EXAMPLE", "")):
            got = call(package, user, password, "seal")
            h.check(got.returncode == 1 and got.stdout.startswith("failed") and "secret" not in got.stdout,
                    f"{package}: {what} is refused", got.stdout + got.stderr)
        for spn in ("HTTP/web.example.com:8080", "MSSQLSvc/db.example.com:1433", "host"):
            h.check(call(package, "alice@EXAMPLE", "secret2", "seal", spn).returncode == 0, f"{package}: the target {spn}")

    def one(i):
        good = i % 5 != 4
        return (call("negotiate", "alice@EXAMPLE", "secret2" if good else "wrong", "seal").returncode == 0) == good
    with ThreadPoolExecutor(50) as pool:
        h.check(all(pool.map(one, range(50))), "50 at once: 40 are in, 10 with a wrong password are not")
    h.finish("dotnet")


main()
