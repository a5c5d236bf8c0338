#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""python3-gssapi over NTLM: every call of its API that applies, counted, so that none is forgotten."""

import functools
import importlib
import os
import pkgutil
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import harness as h

DIR = h.directory()
for name in list(os.environ):
    if name.startswith(("KRB5", "GSS_", "NTLM_USER", "NETBIOS")):
        del os.environ[name]
os.environ.update({
    "GSS_MECH_CONFIG": str(h.mech_conf(DIR / "mech")),
    "GSS_NTLM_CONF": str(h.ntlm_conf(DIR / "ntlm.conf", more=f"[ntlm]\n transfer_key = {DIR}/transfer.key\n netbios_domain = EXAMPLE\n"
                                     " netbios_computer = WEB\n[policy]\n lockout_threshold = 0\n")),
    "NTLM_USER_FILE": str(h.write(DIR / "user", "EXAMPLE:bob:secret1\nEXAMPLE:alice:secret2\n", 0o600)),
    "KRB5_CONFIG": str(h.write(DIR / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n")),
    "KRB5CCNAME": f"FILE:{DIR}/none", "KRB5_KTNAME": f"{DIR}/no-keytab"})
h.write(DIR / "transfer.key", "0123456789abcdef0123456789abcdef", 0o600)

try:
    import gssapi
    from gssapi import raw
except ImportError:
    print("not run: python3-gssapi is not installed")
    sys.exit(h.SKIPPED)

# Calls that are Kerberos' alone; and one that does what add_cred_from() does here.
NOT_OURS = {
    "add_cred_with_password",
    "krb5_ccache_name", "krb5_export_lucid_sec_context", "krb5_extract_authtime_from_sec_context",
    "krb5_extract_authz_data_from_sec_context", "krb5_get_tkt_flags", "krb5_import_cred", "krb5_set_allowable_enctypes",
    "acquire_cred_impersonate_name", "add_cred_impersonate_name", "store_cred", "store_cred_into",
}
called = set()


def count_calls():
    """Puts a counter around every function of gssapi.raw; returns their names."""
    names = set()
    for module in pkgutil.iter_modules(raw.__path__):
        loaded = importlib.import_module(f"gssapi.raw.{module.name}")
        for name, function in list(vars(loaded).items()):
            if not isinstance(function, types.BuiltinFunctionType) and type(function).__name__ != "cython_function_or_method":
                continue
            if name.startswith("_") or name == "register_value":
                continue
            names.add(name)

            def counted(*args, _name=name, _function=function, **kwargs):
                called.add(_name)
                return _function(*args, **kwargs)
            counter = functools.wraps(function)(counted)
            setattr(loaded, name, counter)
            if hasattr(raw, name):
                setattr(raw, name, counter)
    return names


NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
TARGET = gssapi.Name("host@web", gssapi.NameType.hostbased_service)
PROTECTED = [gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.confidentiality]


def login(mech=NTLM, initiator=None, acceptor=None, flags=PROTECTED, bindings=(None, None)):
    """Both ends of a context, established."""
    ours = gssapi.SecurityContext(name=TARGET, mech=mech, creds=initiator, usage="initiate", flags=flags,
                                  channel_bindings=bindings[0])
    theirs = gssapi.SecurityContext(creds=acceptor, usage="accept", channel_bindings=bindings[1])
    token = None
    while not (ours.complete and theirs.complete):
        token = ours.step(token)
        if token:
            token = theirs.step(token)
    return ours, theirs


def refused(what, body, *kinds):
    try:
        body()
    except (kinds or (gssapi.exceptions.GSSError,)) as error:
        h.check("secret" not in str(error), what, str(error))
        return
    h.check(False, what)


def by_password(user, password):
    name = gssapi.Name(user, gssapi.NameType.user)
    return gssapi.Credentials(
        base=raw.acquire_cred_with_password(name, password.encode(), usage="initiate", mechs=[NTLM]).creds)


def names():
    user = gssapi.Name("EXAMPLE\\bob", gssapi.NameType.user)
    canonical = user.canonicalize(NTLM)
    h.check(str(canonical) == "EXAMPLE\\bob" and canonical.is_mech_name and canonical.mech == NTLM, "a canonical name")
    h.check(gssapi.Name(canonical.export(), gssapi.NameType.export) == canonical, "exported and imported it is the same")
    h.check(canonical != gssapi.Name("EXAMPLE\\alice", gssapi.NameType.user).canonicalize(NTLM), "another name is not")
    composite = canonical.export(composite=True)
    h.check(str(gssapi.Name(composite, gssapi.NameType.composite_export)) == "EXAMPLE\\bob", "composite export")
    h.check(raw.duplicate_name(canonical) is not canonical, "a copy")
    h.check(str(canonical.display_as(gssapi.NameType.user)) == "EXAMPLE\\bob", "display as a user name")
    h.check(raw.display_name(canonical).name == b"EXAMPLE\\bob", "display")
    h.check(raw.inquire_name(canonical).is_mech_name, "inquire_name")
    refused("a name may not be given attributes of ours", lambda: raw.set_name_attribute(canonical, b"urn:x", [b"y"]))
    refused("nor be robbed of them", lambda: raw.delete_name_attribute(canonical, b"urn:x"))
    scratch = raw.duplicate_name(canonical)
    raw.release_name(scratch)
    for bad in ("\\", "@", "a@", "EXAMPLE\\", "a" * 300):
        refused(f"no name: {bad[:9]!r}", lambda: gssapi.Name(bad, gssapi.NameType.user).canonicalize(NTLM))


def mechanisms():
    h.check(NTLM in raw.indicate_mechs(), "NTLM is indicated")
    types_ = raw.inquire_names_for_mech(NTLM)
    h.check(gssapi.NameType.user in types_ and gssapi.NameType.hostbased_service in types_, "name types")
    h.check(NTLM in raw.inquire_mechs_for_name(TARGET), "a host-based name is one of NTLM's")
    def attribute(number):  # RFC 5587
        return gssapi.OID.from_int_seq(f"1.3.6.1.5.5.13.{number}")
    concrete, framed, integ_prot, conf_prot = (attribute(n) for n in (1, 9, 17, 18))
    attributes = raw.inquire_attrs_for_mech(NTLM).mech_attrs
    h.check(integ_prot in attributes and conf_prot in attributes, "it protects messages")
    h.check(framed not in attributes, "its first token is not framed")
    h.check(NTLM in raw.indicate_mechs_by_attrs([concrete], None, None), "by attributes")
    h.check(raw.display_mech_attr(integ_prot).short_desc, "an attribute's words")
    sasl = raw.inquire_saslname_for_mech(NTLM)
    h.check(raw.inquire_mech_for_saslname(sasl.sasl_mech_name) == NTLM, f"SASL's name {sasl.sasl_mech_name}")
    mechanism = gssapi.Mechanism.from_sasl_name(sasl.sasl_mech_name)
    h.check(mechanism == NTLM and mechanism in gssapi.Mechanism.all_mechs(), "the same mechanism")


def credentials():
    default = gssapi.Credentials(usage="initiate", mechs=[NTLM])
    h.check(str(default.name) == "EXAMPLE\\bob" and default.lifetime > 0 and default.usage == "initiate", "the default one")
    h.check(default.mechs == {NTLM}, "its mechanism")
    by_mech = default.inquire_by_mech(NTLM)
    h.check(str(by_mech.name) == "EXAMPLE\\bob", "asked by mechanism")
    refused("there is no default one of eve's", lambda: gssapi.Credentials(
        name=gssapi.Name("EXAMPLE\\eve", gssapi.NameType.user), usage="initiate", mechs=[NTLM]))
    stored = gssapi.Credentials(name=gssapi.Name("EXAMPLE\\alice", gssapi.NameType.user), usage="initiate", mechs=[NTLM],
                                store={"ntlmssp_password": "secret2", "ccache": "FILE:/of/another"})
    h.check(str(login(initiator=stored)[1].initiator_name) == "EXAMPLE\\alice", "alice from a credential store")
    added = gssapi.Credentials(usage="initiate", mechs=[NTLM]).add(
        gssapi.Name("EXAMPLE\\bob", gssapi.NameType.user), SPNEGO, usage="initiate")
    h.check(SPNEGO in added.mechs, "SPNEGO added")
    raw.set_neg_mechs(added, [NTLM])
    h.check(str(login(SPNEGO, added)[1].initiator_name) == "EXAMPLE\\bob", "SPNEGO told to take NTLM")
    more = raw.add_cred_from({"ntlmssp_password": "secret1"}, raw.Creds(), gssapi.Name("EXAMPLE\\bob", gssapi.NameType.user),
                             NTLM, usage="initiate")
    h.check(more.creds is not None, "add_cred_from")
    travelled = gssapi.Credentials(token=default.export())
    h.check(str(login(initiator=travelled)[1].initiator_name) == "EXAMPLE\\bob", "exported and imported it logs in")
    refused("bytes are no credential", lambda: gssapi.Credentials(token=b"\0\0\0\1x\0\0\0\1y"))
    raw.set_cred_option(gssapi.OID.from_int_seq("1.2.752.43.13.29"), default)
    flags = login(initiator=default, flags=[])[0].actual_flags
    h.check(gssapi.RequirementFlag.integrity not in flags, "NO_CI_FLAGS: nothing unasked")
    refused("an unknown option", lambda: raw.set_cred_option(gssapi.OID.from_int_seq("1.2.3"), default, b"x"))
    refused("an unknown question", lambda: raw.inquire_cred_by_oid(default, gssapi.OID.from_int_seq("1.2.3")))
    both = gssapi.Credentials(usage="both", mechs=[NTLM])
    h.check(str(login(initiator=both, acceptor=both)[1].initiator_name) == "EXAMPLE\\bob", "one credential for both ends")
    raw.release_cred(raw.acquire_cred(None, mechs=[NTLM], usage="accept").creds)


def refusals():
    h.check(str(login(initiator=by_password("EXAMPLE\\alice", "secret2"))[1].initiator_name) == "EXAMPLE\\alice",
            "alice with a password")
    for mech in (NTLM, SPNEGO):
        refused("a wrong password", lambda: login(mech, by_password("EXAMPLE\\alice", "secret3") if mech == NTLM else
                gssapi.Credentials(base=raw.acquire_cred_with_password(
                    gssapi.Name("EXAMPLE\\alice", gssapi.NameType.user), b"secret3", usage="initiate",
                    mechs=[SPNEGO]).creds)))
    refused("an unknown user", lambda: login(initiator=by_password("EXAMPLE\\eve", "secret3")))
    for token in (b"NTLMSSP\0", b"NTLMSSP\0\x03\0\0\0", b"NTLMSSP\0\x01\0\0\0\xff\xff\xff", b"NTLMSSP\0" + b"\xff" * 100):
        refused("no token", lambda: gssapi.SecurityContext(usage="accept").step(token))
    bindings = [gssapi.raw.ChannelBindings(application_data=data) for data in (b"tls-server-end-point:a", b"other")]
    login(bindings=(bindings[0], bindings[0]))
    refused("other channel bindings", lambda: login(bindings=(bindings[0], bindings[1])))
    refused("no channel bindings", lambda: login(bindings=(None, bindings[1])))


def contexts(mech):
    ours, theirs = login(mech)
    h.check(ours.mech == NTLM and theirs.mech == NTLM, "the mechanism was NTLM")
    h.check(ours.locally_initiated and not theirs.locally_initiated and ours.complete and theirs.complete, "whose it is")
    h.check(str(theirs.initiator_name) == "EXAMPLE\\bob" and str(ours.initiator_name) == "EXAMPLE\\bob", "who it was")
    h.check(ours.lifetime > 0 and raw.context_time(theirs) > 0, "it lives")
    for flag in (gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.confidentiality,
                 gssapi.RequirementFlag.replay_detection, gssapi.RequirementFlag.out_of_sequence_detection):
        h.check(flag in ours.actual_flags and flag in theirs.actual_flags, f"{flag.name} on both sides")
    h.check(gssapi.RequirementFlag.mutual_authentication not in ours.actual_flags, "no mutual authentication is claimed")
    h.check(raw.inquire_context(theirs).complete, "it is open")
    name = theirs.initiator_name
    if mech == NTLM:
        h.check(name.attributes["urn:gss-ntlm:account"].values == [b"bob"], "its account attribute",
                str(dict(name.attributes)))
        h.check(name.attributes["urn:gss-ntlm:account"].authenticated, "is proven")
    h.check(raw.get_name_attribute(name, b"urn:gss-ntlm:version").values == [b"NTLMv2"], "it was NTLMv2")
    return ours, theirs


def messages(ours, theirs):
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        for size in (0, 1, 1000, 100000):
            text = os.urandom(size)
            h.check(receiver.decrypt(sender.encrypt(text)) == text, f"{size} bytes sealed")
            wrapped = sender.wrap(text, False)
            h.check(not wrapped.encrypted and receiver.unwrap(wrapped.message).message == text, f"{size} bytes signed")
            receiver.verify_signature(text, sender.get_signature(text))
        h.check(0 < sender.get_wrap_size_limit(16380) < 16380, "a size limit")
        layout = (raw.IOVBufferType.header, b"some data", raw.IOVBufferType.padding, raw.IOVBufferType.trailer)
        iov = raw.IOV(*layout, std_layout=False)
        raw.wrap_iov_length(sender, iov)
        h.check(len(iov[0].value) == 16, "an IOV's header is 16 bytes")
        iov = raw.IOV(*layout, std_layout=False)
        raw.wrap_iov(sender, iov, True)
        h.check(iov[1].value != b"some data", "an IOV is sealed")
        raw.unwrap_iov(receiver, iov)
        h.check(iov[1].value == b"some data", "and opened")
        layout = (b"some data", raw.IOVBufferType.mic_token)
        raw.get_mic_iov_length(sender, raw.IOV(*layout, std_layout=False))
        mic = raw.IOV(*layout, std_layout=False)
        raw.get_mic_iov(sender, mic)
        h.check(len(mic[1].value) == 16, "an IOV's signature")  # and the binding takes it over from C
        raw.verify_mic_iov(receiver, mic)
        aead = raw.wrap_aead(sender, b"some data", None, True)
        h.check(raw.unwrap_aead(receiver, aead.message, None).message == b"some data", "AEAD")
        token = sender.encrypt(b"once")
        receiver.decrypt(token)
        refused("a replay", lambda: receiver.unwrap(token))


def tampering():
    for place in (0, 5, 20, -1):
        ours, theirs = login()
        token = bytearray(ours.encrypt(b"some text to protect"))
        token[place] ^= 1
        refused(f"a changed byte at {place}", lambda: theirs.unwrap(bytes(token)))
        ours, theirs = login()
        signature = bytearray(ours.get_signature(b"text"))
        signature[place % len(signature)] ^= 1
        refused(f"a changed signature at {place}", lambda: theirs.verify_signature(b"text", bytes(signature)))
    ours, theirs = login()
    refused("a signature of another text", lambda: theirs.verify_signature(b"other", ours.get_signature(b"text")))
    first, second = ours.encrypt(b"1"), ours.encrypt(b"2")
    refused("out of order", lambda: theirs.unwrap(second))
    del first


def queries(ours, theirs):
    key = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")
    h.check(raw.inquire_sec_context_by_oid(ours, key)[0] == raw.inquire_sec_context_by_oid(theirs, key)[0] and
            len(raw.inquire_sec_context_by_oid(ours, key)[0]) == 16, "both have the session key")
    refused("an unknown question", lambda: raw.inquire_sec_context_by_oid(ours, gssapi.OID.from_int_seq("1.2.3")))
    refused("an unknown option", lambda: raw.set_sec_context_option(gssapi.OID.from_int_seq("1.2.3"), ours, b"x"))
    refused("a context token that there is not", lambda: ours.process_token(b"x"))
    travelled = gssapi.SecurityContext(token=ours.export())
    h.check(theirs.decrypt(travelled.encrypt(b"after")) == b"after", "exported and imported it goes on")
    raw.delete_sec_context(travelled)


def many():
    def one(i):
        if i % 5 == 4:
            refused_ = False
            try:
                login(initiator=by_password("EXAMPLE\\alice", f"wrong{i}"))
            except gssapi.exceptions.GSSError:
                refused_ = True
            return refused_
        ours, theirs = login(SPNEGO if i % 2 else NTLM)
        return theirs.decrypt(ours.encrypt(b"x" * i)) == b"x" * i
    with ThreadPoolExecutor(50) as pool:
        h.check(all(pool.map(one, range(50))), "50 threads at once: 40 are in, 10 with a wrong password are not")


def main():
    everything = count_calls()
    names()
    mechanisms()
    credentials()
    refusals()
    for mech in (NTLM, SPNEGO):
        ours, theirs = contexts(mech)
        messages(ours, theirs)
        queries(*login(mech))
    tampering()
    many()
    missed = everything - called - NOT_OURS
    h.check(not missed, f"all of the {len(everything - NOT_OURS)} calls that apply were made", str(missed))
    h.finish("python")


main()
