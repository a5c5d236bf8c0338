# SPDX-License-Identifier: MIT
"""Both sides of NTLM with impacket's messages and cryptography: an initiator as impacket makes it, or with MIC and
channel bindings added; an acceptor that checks proof and MIC; message protection from either side."""
import hashlib
import hmac
import os
import struct
import time

from Cryptodome.Cipher import ARC4
from impacket import ntlm

VERSION = struct.pack("<BBHBBBB", 10, 0, 20348, 0, 0, 0, 15)
AV_FLAGS, AV_BINDINGS = 6, 10
MIC_AT = 72
DEFAULT_FLAGS = (ntlm.NTLMSSP_NEGOTIATE_UNICODE | ntlm.NTLMSSP_NEGOTIATE_NTLM | ntlm.NTLMSSP_NEGOTIATE_128 |
                 ntlm.NTLMSSP_NEGOTIATE_56 | ntlm.NTLMSSP_NEGOTIATE_SIGN | ntlm.NTLMSSP_NEGOTIATE_SEAL |
                 ntlm.NTLMSSP_NEGOTIATE_ALWAYS_SIGN | ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH |
                 ntlm.NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY | ntlm.NTLMSSP_NEGOTIATE_VERSION |
                 ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO | ntlm.NTLMSSP_REQUEST_TARGET)


def bindings_hash(data):
    """MD5 of a gss_channel_bindings_struct without addresses ([MS-NLMP] 2.2.2.1)."""
    return hashlib.md5(bytes(16) + struct.pack("<L", len(data)) + data).digest()


class Session:
    """Message protection ([MS-NLMP] 3.4) for one side."""

    def __init__(self, flags, key, initiator):
        mine, theirs = ("Client", "Server") if initiator else ("Server", "Client")
        self.flags = flags
        self.key = key
        self.sending = (ntlm.SIGNKEY(flags, key, mine), ARC4.new(ntlm.SEALKEY(flags, key, mine)).encrypt)
        self.receiving = (ntlm.SIGNKEY(flags, key, theirs), ARC4.new(ntlm.SEALKEY(flags, key, theirs)).encrypt)
        self.sent = self.received = 0

    def wrap(self, data, seal=True):
        sign_key, handle = self.sending
        if seal:
            body, signature = ntlm.SEAL(self.flags, sign_key, None, data, data, self.sent, handle)
        else:
            body, signature = data, ntlm.SIGN(self.flags, sign_key, data, self.sent, handle)
        self.sent += 1
        return signature.getData() + body

    def unwrap(self, token, sealed=True):
        sign_key, handle = self.receiving
        data = handle(token[16:]) if sealed else token[16:]
        signature = ntlm.MAC(self.flags, handle, sign_key, self.received, data).getData()
        self.received += 1
        if signature != token[:16]:
            raise ValueError("impacket: another signature")
        return data


class Initiator:
    """As impacket makes it; with_mic and bindings add what it leaves out."""

    def __init__(self, user, password, domain, with_mic=False, bindings=None, sign=True):
        self.account = (user, password, domain)
        self.sign = sign
        self.with_mic = with_mic
        self.bindings = bindings

    def negotiate(self):
        self.type1 = ntlm.getNTLMSSPType1("CLIENT", self.account[2], signingRequired=self.sign, use_ntlmv2=True)
        if self.with_mic:
            self.type1["flags"] |= ntlm.NTLMSSP_NEGOTIATE_VERSION
            self.type1["os_version"] = VERSION
        self.negotiate_message = self.type1.getData()
        return self.negotiate_message

    def _with_pairs_added(self, challenge_message):
        """impacket answers with the pairs of the CHALLENGE that it is shown: shows it one with ours among them."""
        length, _, offset = struct.unpack("<HHL", challenge_message[40:48])
        pairs = ntlm.AV_PAIRS(challenge_message[offset:offset + length])
        if self.with_mic:
            pairs[AV_FLAGS] = struct.pack("<L", 2)
        if self.bindings is not None:
            pairs[AV_BINDINGS] = bindings_hash(self.bindings)
        info = pairs.getData()
        field = struct.pack("<HHL", len(info), len(info), len(challenge_message))
        return challenge_message[:40] + field + challenge_message[48:] + info

    def authenticate(self, challenge_message):
        shown = challenge_message
        if self.with_mic or self.bindings is not None:
            shown = self._with_pairs_added(challenge_message)
        user, password, domain = self.account
        type3, key = ntlm.getNTLMSSPType3(self.type1, shown, user, password, domain, use_ntlmv2=True)
        if self.with_mic:
            type3["Version"], type3["VersionLen"] = VERSION, len(VERSION)
            type3["MIC"], type3["MICLen"] = bytes(16), 16
            type3["MIC"] = ntlm.hmac_md5(key, self.negotiate_message + challenge_message + type3.getData())
        self.session = Session(type3["flags"], key, initiator=True)
        return type3.getData()


class Refused(Exception):
    pass


def fields(authenticate_message):
    """LM response, NT response, domain, user, workstation, EncryptedRandomSessionKey ([MS-NLMP] 2.2.1.3)."""
    def field(at):
        length, _, offset = struct.unpack("<HHL", authenticate_message[at:at + 8])
        return authenticate_message[offset:offset + length]
    return [field(at) for at in range(12, 60, 8)]


def exported_session_key(authenticate_message, password):
    """What both sides hold after an NTLMv2 login with key exchange, whoever made the message."""
    _, nt, domain, user, _, encrypted = fields(authenticate_message)
    key = ntlm.NTOWFv2(user.decode("utf-16le"), password, domain.decode("utf-16le"))
    return ARC4.new(ntlm.hmac_md5(key, nt[:16])).encrypt(encrypted)


class Acceptor:
    def __init__(self, accounts, flags=DEFAULT_FLAGS, with_timestamp=True):
        self.accounts = accounts  # {user: password}
        self.offered = flags
        self.with_timestamp = with_timestamp

    def challenge(self, negotiate_message):
        flags, = struct.unpack("<L", negotiate_message[12:16])
        self.flags = flags & self.offered | ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO | ntlm.NTLMSSP_TARGET_TYPE_SERVER
        self.server_challenge = os.urandom(8)
        pairs = ntlm.AV_PAIRS()
        for number, name in ((ntlm.NTLMSSP_AV_DOMAINNAME, "LAB"), (ntlm.NTLMSSP_AV_HOSTNAME, "WEB"),
                             (ntlm.NTLMSSP_AV_DNS_DOMAINNAME, "lab.test"), (ntlm.NTLMSSP_AV_DNS_HOSTNAME, "web.lab.test")):
            pairs[number] = name.encode("utf-16le")
        if self.with_timestamp:
            pairs[ntlm.NTLMSSP_AV_TIME] = struct.pack("<Q", 116444736000000000 + int(time.time() * 10000000))
        self.pairs = pairs
        target, info = "WEB".encode("utf-16le"), pairs.getData()
        self.messages = negotiate_message
        message = (b"NTLMSSP\0" + struct.pack("<LHHLL", 2, len(target), len(target), 56, self.flags) + self.server_challenge +
                   bytes(8) + struct.pack("<HHL", len(info), len(info), 56 + len(target)) + VERSION + target + info)
        self.messages += message
        return message

    def _proven(self, user, domain, nt_response):
        key = ntlm.NTOWFv2(user, self.accounts.get(user, os.urandom(8).hex()), domain)
        proof = ntlm.hmac_md5(key, self.server_challenge + nt_response[16:])
        if not hmac.compare_digest(proof, nt_response[:16]):
            raise Refused("impacket: wrong proof")
        return ntlm.hmac_md5(key, proof)

    def accept(self, authenticate_message):
        lm, nt, domain, user, _, session_key = fields(authenticate_message)
        self.user, self.domain = user.decode("utf-16le"), domain.decode("utf-16le")
        flags, = struct.unpack("<L", authenticate_message[60:64])
        base = self._proven(self.user, self.domain, nt)
        key = ntlm.KXKEY(flags, base, lm, self.server_challenge, "", "", "", use_ntlmv2=True)
        if flags & ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH:
            key = ARC4.new(key).encrypt(session_key)
        self.av_pairs = ntlm.AV_PAIRS(nt[44:])
        av_flags = self.av_pairs[AV_FLAGS]
        self.mic = av_flags is not None and struct.unpack("<L", av_flags[1])[0] & 2 != 0
        if self.mic:
            zeroed = authenticate_message[:MIC_AT] + bytes(16) + authenticate_message[MIC_AT + 16:]
            if ntlm.hmac_md5(key, self.messages + zeroed) != authenticate_message[MIC_AT:MIC_AT + 16]:
                raise Refused("impacket: wrong MIC")
        self.session = Session(flags, key, initiator=False)
