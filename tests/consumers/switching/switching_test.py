#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same program on gss-ntlmssp and on this mechanism, with gss-ntlmssp's environment: what differs must be in
docs/from-gss-ntlmssp.md."""

import os
import pathlib

import harness as h

THEIRS = "/usr/lib/x86_64-linux-gnu/gssntlmssp/gssntlmssp.so"
PROGRAM = pathlib.Path(__file__).parent / "program.py"
PAGE = h.SOURCE / "docs/from-gss-ntlmssp.md"
SIGNING = "'integrity', 'confidentiality'"
MORE = SIGNING + ", 'replay_detection', 'out_of_sequence_detection'"
# What the page says is different: there, here.
KNOWN = {
    "length of a displayed name": ("11", "10"),
    "no account of that name": ("error 13", "error 7"),
    "flags": (f"[[{SIGNING}], [{SIGNING}]]", f"[[{MORE}], [{MORE}]]"),
    "was a MIC sent": ("(False, 1)", "(True, 1)"),
}


def run(module, directory):
    mech = h.write(directory / f"mech-{module is THEIRS}",
                   f"ntlm 1.3.6.1.4.1.311.2.2.10 {module}\n")
    env = h.clean_environment(
        GSS_MECH_CONFIG=mech, NETBIOS_COMPUTER_NAME="SWITCHHOST", NETBIOS_DOMAIN_NAME="SWITCH",
        NTLM_USER_FILE=h.write(directory / "users", "# a comment\nSWITCH:bob:secret\nSWITCH:alice:secret2\n", 0o600),
        GSS_NTLM_CONF=h.ntlm_conf(directory / "ntlm.conf"), KRB5CCNAME=f"FILE:{directory}/none",
        KRB5_KTNAME=directory / "none", KRB5_CONFIG=h.write(directory / "krb5.conf", "[libdefaults]\n"))
    keyfile = h.write(directory / "keyfile", "SWITCH:carol:secret3\n", 0o600)
    got = h.run([h.DEBIAN_PYTHON, PROGRAM, keyfile], env)
    h.check(got.returncode == 0, f"the program runs to its end on {pathlib.Path(module).name}", got.stdout + got.stderr)
    return dict(line.split(": ", 1) for line in got.stdout.splitlines())


def main():
    if not os.path.exists(THEIRS):
        h.skip("gss-ntlmssp is not installed")
    directory = h.directory()
    theirs, ours = run(THEIRS, directory), run(h.MODULE, directory)
    for what, answer in ours.items():
        print(f"    {what}: {theirs.get(what)} | {answer}")
    h.check(theirs.keys() == ours.keys(), f"both did the same {len(ours)} things")
    different = {what for what in ours if ours[what] != theirs[what]}
    h.check(different == KNOWN.keys(), "they differ in what is known, and in nothing else", str(different ^ KNOWN.keys()))
    for what in different:
        h.check((theirs[what], ours[what]) == KNOWN[what], f"as known: {what}", f"{theirs[what]} | {ours[what]}")
        h.check(f"| {what} |" in PAGE.read_text(), f"the page has it: {what}")
    h.finish("switching")


main()
