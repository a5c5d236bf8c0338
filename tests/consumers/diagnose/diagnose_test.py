#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntlmctl diagnose: each thing that keeps a login from working is made, and must be named."""

import os

import harness as h

DIR = h.directory()
LINE = f"ntlm 1.3.6.1.4.1.311.2.2.10 {h.BUILD / 'gss_ntlm.so'}\n"
USERS = h.write(DIR / "users", "EXAMPLE:bob:secret1\n", 0o600)
CONF = h.write(DIR / "ntlm.conf", f"[ntlm]\n store = text:{USERS}\n")


def diagnose(what, *said, mech=LINE, conf=CONF, status=1, user_file=None):
    env = h.clean_environment(GSS_MECH_CONFIG=h.write(DIR / "mech", mech) if mech is not None else DIR / "no-mech",
                              NTLM_USER_FILE=user_file, KRB5CCNAME=f"FILE:{DIR}/none",
                              KRB5_CONFIG=h.write(DIR / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n"))
    got = h.run([h.BUILD / "ntlmctl", "diagnose", "--config", conf], env)
    h.check(got.returncode == status and all(part in got.stdout for part in said) and "secret" not in got.stdout, what,
            f"{got.returncode}\n{got.stdout}{got.stderr}")
    h.check((status == 0) == ("PROBLEM" not in got.stdout), "the exit status tells", got.stdout)


def main():
    diagnose("all is well", "ok      NTLM: a login with itself", "ok      Negotiate: a login with itself",
             "A login can work here.", f"text:{USERS}: this user can ask it", status=0)
    diagnose("the user's own file", "whoever logs in from here is bob", user_file=USERS, status=0)
    diagnose("the bridge", f"interposer is {h.BUILD / 'gss_ntlm_bridge.so'}", "stands in for Kerberos in: psql ssh",
             mech=LINE + f"bridge 1.3.6.1.4.1.7165.655.3 {h.BUILD / 'gss_ntlm_bridge.so'} <interposer>\n",
             conf=h.write(DIR / "bridge.conf", f"[ntlm]\n store = text:{USERS}\n[bridge]\n programs = psql ssh\n"), status=0)
    diagnose("no mechglue configuration", "no-mech cannot be read: No such file", "NTLM is not registered", mech=None)
    diagnose("no line for NTLM", "NTLM is not registered", "NTLM: no credential", mech="other 1.2.3.4 /other.so\n")
    diagnose("a line that begins with a blank", "a line that begins with a blank is passed over", mech=" " + LINE)
    diagnose("a module that is not there", "cannot be loaded: /no/such.so: cannot open shared object file",
             mech="ntlm 1.3.6.1.4.1.311.2.2.10 /no/such.so\n")
    diagnose("a file that is no module", "cannot be loaded", mech=f"ntlm 1.3.6.1.4.1.311.2.2.10 {USERS}\n")
    diagnose("a module that is no mechanism", "it has no gss_init_sec_context",
             mech=f"ntlm 1.3.6.1.4.1.311.2.2.10 {h.BUILD / 'gss_ntlm_bridge.so'}\n")
    diagnose("two lines for NTLM", "two lines for NTLM's OID", mech=LINE + "old 1.3.6.1.4.1.311.2.2.10 /old.so\n")
    diagnose("another interposer", "may answer for Kerberos before the bridge does",
             mech=LINE + "proxy 1.2.3.4.5 /proxymech.so <interposer>\n")
    diagnose("a configuration with a fault", "[policy] require_mic: 'maybe'",
             conf=h.write(DIR / "fault.conf", "[policy]\n require_mic = maybe\n"))
    diagnose("a configuration that is not there", "missing.conf", conf=DIR / "missing.conf")
    diagnose("a looser policy is told", "looser than the default", conf=h.write(
        DIR / "loose.conf", f"[ntlm]\n store = text:{USERS}\n[policy]\n min_version = v1\n"), status=0)
    for what, store, said in (("a store that is not there", "text:/no/such/file", "No such file or directory"),
                              ("no database", f"lmdb:{DIR}/database", "No such file or directory")):
        diagnose(what, f"PROBLEM {store}", said, conf=h.write(DIR / "store.conf", f"[ntlm]\n store = {store}\n"))
    open_file = h.write(DIR / "open", "EXAMPLE:bob:secret1\n", 0o644)
    diagnose("an account file that others read", f"PROBLEM text:{open_file}", "0644",
             conf=h.write(DIR / "open.conf", f"[ntlm]\n store = text:{open_file}\n"))
    if os.path.exists("/usr/lib/x86_64-linux-gnu/libwbclient.so.0") and not os.path.exists("/run/samba/winbindd/pipe"):
        diagnose("winbind that does not run", "winbindd does not run",
                 conf=h.write(DIR / "winbind.conf", "[ntlm]\n store = winbind\n"))
    h.finish("diagnose")


main()
