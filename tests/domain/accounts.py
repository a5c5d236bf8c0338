#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run in the domain controller's node before Samba starts: accounts in every state that a logon can meet.

All have the password of the first argument. Lockout comes at the hundredth wrong password and nothing unlocks by itself.
"""
import sys
import time

import ldb
from samba.auth import system_session
from samba.dsdb import DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID
from samba.param import LoadParm
from samba.samdb import SamDB

BYPASS_PASSWORD_HASH = f"local_oid:{DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"
PLAIN = ("alice", "bob", "carol", "manygroups", "disabled", "mustchange", "pwexpired", "acctexpired", "nohours",
         "otherws", "smartcard", "locked", "prot", "josé.Üñï中文", "svc-http")
NORMAL, DISABLED, SMARTCARD = 0x200, 0x2, 0x40000


def filetime(seconds):
    return str(int((seconds + 11644473600) * 10_000_000))


def main(password):
    lp = LoadParm()
    lp.load_default()
    db = SamDB(lp=lp, session_info=system_session())
    base = str(db.domain_dn())

    def change(dn, attributes, controls=None):
        message = ldb.Message(ldb.Dn(db, dn))
        for name, value in attributes.items():
            message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
        db.modify(message, controls)

    day = 24 * 3600 * 10_000_000
    change(base, {"lockoutThreshold": "100", "lockoutDuration": str(-(2**63)), "lockOutObservationWindow": str(-day),
                  "maxPwdAge": str(-42 * day), "minPwdAge": "0"})
    for name in PLAIN:
        db.newuser(name, password)
    dn = {name: str(db.search(base, expression=f"(sAMAccountName={name})", attrs=["dn"])[0].dn) for name in PLAIN}

    change(dn["alice"], {"displayName": "Alice Example"})
    change(dn["disabled"], {"userAccountControl": str(NORMAL | DISABLED)})
    change(dn["mustchange"], {"pwdLastSet": "0"})
    change(dn["pwexpired"], {"pwdLastSet": filetime(time.time() - 100 * 86400)}, [BYPASS_PASSWORD_HASH])
    change(dn["acctexpired"], {"accountExpires": filetime(time.time() - 86400)})
    change(dn["nohours"], {"logonHours": b"\0" * 21})
    change(dn["otherws"], {"userWorkstations": "OTHERPC"})
    change(dn["locked"], {"lockoutTime": filetime(time.time()), "badPwdCount": "100"}, ["relax:0"])
    db.add_remove_group_members("Protected Users", ["prot"], add_members_operation=True)

    for i in range(15):
        # Every fifth group is domain-local (-2147483644); each is a member of the one before it, four deep.
        db.newgroup(f"group{i:02}", grouptype=-2147483644 if i % 5 == 4 else None)
        if i % 5 in (1, 2, 3):
            db.add_remove_group_members(f"group{i - 1:02}", [f"group{i:02}"], add_members_operation=True)
        db.add_remove_group_members(f"group{i:02}", ["manygroups"], add_members_operation=True)
    # Last: the password hash module would remake the hash of a smartcard account.
    change(dn["smartcard"], {"userAccountControl": str(NORMAL | SMARTCARD)})


main(sys.argv[1])
