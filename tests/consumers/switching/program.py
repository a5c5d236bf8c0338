#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A program that was written for gss-ntlmssp: its environment, its credential-store keys, its OIDs. It prints a line for
each thing that it does, and cannot know which module it runs on.   program.py KEYFILE"""

import os
import sys

import gssapi
from gssapi import raw

NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
BASE = "1.3.6.1.4.1.7165.655.1"
SIGN = [gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.confidentiality]
KEYFILE = sys.argv[1]


def line(what, body):
    try:
        answer = body()
    except gssapi.exceptions.GSSError as error:
        answer = f"error {error.maj_code >> 16 & 0xff}"
    print(f"{what}: {answer}".rstrip("\0"), flush=True)


def login(initiator=None, acceptor=None, mech=SPNEGO, flags=SIGN):
    ours = gssapi.SecurityContext(name=gssapi.Name("HTTP@web", gssapi.NameType.hostbased_service), mech=mech,
                                  creds=initiator, usage="initiate", flags=flags)
    theirs = gssapi.SecurityContext(creds=acceptor, usage="accept")
    token = None
    while not (ours.complete and theirs.complete):
        token = ours.step(token)
        if token:
            token = theirs.step(token)
    return ours, theirs


def who(*args, **kwargs):
    return login(*args, **kwargs)[1].initiator_name


def stored(name, **store):
    return gssapi.Credentials(name=gssapi.Name(name, gssapi.NameType.user) if name else None, usage="initiate",
                              mechs=[NTLM], store={f"ntlmssp_{key}": value for key, value in store.items()})


def with_password(name, password):
    return gssapi.Credentials(base=raw.acquire_cred_with_password(
        gssapi.Name(name, gssapi.NameType.user), password, usage="initiate", mechs=[SPNEGO]).creds)


def messages():
    ours, theirs = login()
    return [theirs.decrypt(ours.encrypt(b"text")), theirs.unwrap(ours.wrap(b"text", False).message).message,
            len(ours.get_signature(b"text")), len(ours.encrypt(b"text")), ours.get_wrap_size_limit(1000)]


def question(number, pick=0):
    def ask():
        ours, theirs = login()
        values = [raw.inquire_sec_context_by_oid(context, gssapi.OID.from_int_seq(number))[pick]
                  for context in (ours, theirs)]
        return values[0] == values[1], len(values[0])
    return ask


def flags():
    ours, theirs = login()
    names = ("integrity", "confidentiality", "replay_detection", "out_of_sequence_detection")
    return [[name for name in names if getattr(gssapi.RequirementFlag, name) in context.actual_flags]
            for context in (ours, theirs)]


def main():
    hash_of_bob = "878d8014606cda29677a44efa1353fc7"  # of "secret"
    line("default account", lambda: gssapi.Credentials(usage="initiate", mechs=[NTLM]).name)
    line("default login", who)
    line("length of a displayed name", lambda: len(str(who())))
    line("name by user", lambda: gssapi.Credentials(name=gssapi.Name("alice", gssapi.NameType.user), usage="initiate",
                                                    mechs=[NTLM]).name)
    line("login with a password", lambda: who(with_password("SWITCH\\alice", b"secret2")))
    line("user@DOMAIN", lambda: who(with_password("alice@SWITCH", b"secret2")))
    line("a wrong password", lambda: who(with_password("SWITCH\\alice", b"wrong")))
    line("an unknown user", lambda: who(with_password("SWITCH\\eve", b"secret2")))
    line("ntlmssp_password", lambda: stored("SWITCH\\bob", password="secret").name)
    line("ntlmssp_nthash", lambda: stored("SWITCH\\bob", nthash=hash_of_bob).name)
    line("ntlmssp_domain", lambda: stored("bob", domain="SWITCH", password="secret").name)
    line("ntlmssp_keyfile", lambda: stored(None, keyfile=KEYFILE).name)
    line("no account of that name", lambda: stored("SWITCH\\nobody", keyfile=KEYFILE).name)
    line("messages", messages)
    line("flags", flags)
    line("session key", question("1.2.840.113554.1.2.2.5.5"))
    line("SASL strength", question("1.2.840.113554.1.2.2.5.15"))
    line("was a MIC sent", question(BASE + ".2"))
    line("an OID that nobody knows", question("1.2.3.4"))
    line("acceptor's name is kept", lambda: gssapi.Credentials(usage="accept", mechs=[NTLM]).usage)
    line("garbage", lambda: gssapi.SecurityContext(usage="accept").step(b"NTLMSSP\0\x03\0\0\0"))
    line("host name in CHALLENGE", challenge_names)


def challenge_names():
    ours = gssapi.SecurityContext(name=gssapi.Name("HTTP@web", gssapi.NameType.hostbased_service), mech=NTLM,
                                  usage="initiate")
    challenge = gssapi.SecurityContext(usage="accept").step(ours.step())
    return [name for name in (os.environ["NETBIOS_COMPUTER_NAME"], os.environ["NETBIOS_DOMAIN_NAME"])
            if name.encode("utf-16le") in challenge]


main()
