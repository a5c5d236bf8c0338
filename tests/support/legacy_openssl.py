# SPDX-License-Identifier: MIT
"""import legacy_openssl: python-ntlm-auth and impacket ask hashlib for MD4, which OpenSSL 3 gives only with its legacy
provider. Starts the interpreter anew with a configuration that has it; programs started from there with an environment
of their own are not touched."""
import os
import sys
from pathlib import Path

CONF = Path(__file__).with_name("legacy_openssl.conf")

if os.environ.get("OPENSSL_CONF") != str(CONF):
    os.environ["OPENSSL_CONF"] = str(CONF)
    os.execv(sys.executable, [sys.executable, *sys.argv])
