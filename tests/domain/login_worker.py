#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run in the lab's member: logs in through the mechanism, on several threads of one process at once.

Each line of standard input is a JSON list of logins [user, password, seconds to wait before]; the answer is one line,
a JSON list of [minor status or 0, seconds that accepting took, name] in the same order."""
import json
import sys
import threading
import time

import gssapi
from gssapi.raw import acquire_cred_with_password

NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")


def log_in(user, password, wait, results, index):
    time.sleep(wait)
    name = gssapi.Name(user, gssapi.NameType.user)
    credential = gssapi.Credentials(
        acquire_cred_with_password(name, password.encode(), usage="initiate", mechs=[NTLM]).creds)
    target = gssapi.Name("host@mem1.lab.example", gssapi.NameType.hostbased_service)
    initiator = gssapi.SecurityContext(name=target, creds=credential, usage="initiate", mech=NTLM)
    acceptor = gssapi.SecurityContext(usage="accept")
    seconds = 0.0
    try:
        token = initiator.step()
        while token:
            began = time.monotonic()
            try:
                token = acceptor.step(token)
            finally:
                seconds += time.monotonic() - began
            if token:
                token = initiator.step(token)
        results[index] = [0, seconds, str(acceptor.initiator_name)]
    except gssapi.exceptions.GSSError as error:
        results[index] = [error.min_code & 0xffffffff, seconds, ""]


for line in sys.stdin:
    logins = json.loads(line)
    results = [None] * len(logins)
    threads = [threading.Thread(target=log_in, args=(*login, results, i)) for i, login in enumerate(logins)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(results), flush=True)
