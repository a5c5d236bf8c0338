#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A client of PostgreSQL that names its mechanism, as libpq does not: NTLM or SPNEGO with a stock server, no bridge.
named_mechanism.py ntlm|spnego plain|gssenc PORT ROLE DATABASE"""

import socket
import struct
import sys

import gssapi

OIDS = {"ntlm": "1.3.6.1.4.1.311.2.2.10", "spnego": "1.3.6.1.5.5.2"}


def exactly(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            sys.exit("refused: connection closed")
        data += part
    return data


def context(mechanism):
    return gssapi.SecurityContext(
        name=gssapi.Name("postgres@localhost", gssapi.NameType.hostbased_service), usage="initiate",
        mech=gssapi.OID.from_int_seq(OIDS[mechanism]),
        flags=[gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.confidentiality])


class Plain:
    def __init__(self, sock, mechanism):
        self.sock, self.mechanism = sock, mechanism

    def send(self, data):
        self.sock.sendall(data)

    def read(self, size):
        return exactly(self.sock, size)


class Encrypted:
    """The GSS encryption of the protocol: four bytes of length before each token and each sealed message."""

    def __init__(self, sock, mechanism):
        self.sock, self.mechanism, self.clear = sock, mechanism, b""
        sock.sendall(struct.pack("!II", 8, 80877104))
        if exactly(sock, 1) != b"G":
            sys.exit("refused: no GSS encryption")
        self.context = context(mechanism)
        token = None
        while not self.context.complete:
            out = self.context.step(token)
            if out:
                sock.sendall(struct.pack("!I", len(out)) + out)
            if not self.context.complete:
                token = self.packet()

    def packet(self):
        size = struct.unpack("!I", exactly(self.sock, 4))[0]
        if size > 16384:
            sys.exit("refused: " + repr(self.sock.recv(200)))
        return exactly(self.sock, size)

    def send(self, data):
        sealed = self.context.wrap(data, True).message
        self.sock.sendall(struct.pack("!I", len(sealed)) + sealed)

    def read(self, size):
        while len(self.clear) < size:
            message = self.context.unwrap(self.packet())
            assert message.encrypted
            self.clear += message.message
        data, self.clear = self.clear[:size], self.clear[size:]
        return data


def message(link):
    kind = link.read(1)
    size = struct.unpack("!I", link.read(4))[0]
    return kind, link.read(size - 4)


def main():
    mechanism, encryption, port, role, database = sys.argv[1:]
    sock = socket.create_connection(("127.0.0.1", int(port)), 100)
    link = (Encrypted if encryption == "gssenc" else Plain)(sock, mechanism)
    start = struct.pack("!I", 196608) + b"".join(
        part.encode() + b"\0" for part in ("user", role, "database", database, ""))
    link.send(struct.pack("!I", len(start) + 4) + start)
    login = None
    while True:
        kind, body = message(link)
        if kind == b"E":
            sys.exit("refused: " + body.decode(errors="replace").replace("\0", " "))
        if kind == b"Z":
            break
        if kind != b"R":
            continue
        code = struct.unpack("!I", body[:4])[0]
        if code in (7, 8):
            login = login or context(mechanism)
            out = login.step(body[4:] or None)
            if out:
                link.send(b"p" + struct.pack("!I", len(out) + 4) + out)
        elif code != 0:
            sys.exit(f"refused: the server wants authentication {code}")
    query = b"select principal, encrypted from pg_stat_gssapi where pid = pg_backend_pid()\0"
    link.send(b"Q" + struct.pack("!I", len(query) + 4) + query)
    while True:
        kind, body = message(link)
        if kind == b"D":
            first = struct.unpack("!I", body[2:6])[0]
            print(body[6:6 + first].decode(), body[-1:].decode())
        if kind in (b"Z", b"E"):
            return


main()
