#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""include_rules.py sees a breach of each kind."""
import tempfile
import unittest
from pathlib import Path

import include_rules


class IncludeRules(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return list(include_rules.breaches(root))

    def one(self, path, line):
        found = self.breaches({path: f"// {include_rules.SPDX}\n{line}\n"})
        self.assertEqual(len(found), 1, found)

    def none(self, path, line):
        self.assertEqual(self.breaches({path: f"// {include_rules.SPDX}\n{line}\n"}), [])

    def test_lower_layer_includes_a_higher_one(self):
        self.one("mech/base/text.cpp", '#include "wire/flags.h"')
        self.one("mech/wire/messages.cpp", '#include "crypto/ntlm.h"')
        self.one("mech/protocol/acceptor.cpp", '#include "store/open.h"')
        self.none("mech/protocol/acceptor.cpp", '#include "wire/messages.h"')

    def test_store_sees_three_headers_of_protocol(self):
        self.one("mech/store/winbind.cpp", '#include "protocol/acceptor.h"')
        self.none("mech/store/winbind.cpp", '#include "protocol/logon.h"')

    def test_sspi_compat_includes_the_mechanism(self):
        self.one("sspi_compat/context.cpp", '#include "protocol/policy.h"')

    def test_library_header_outside_its_room(self):
        self.one("mech/protocol/session.cpp", "#include <openssl/rc4.h>")
        self.none("mech/crypto/primitives.cpp", "#include <openssl/rc4.h>")
        self.one("mech/store/text_file.cpp", "#include <gssapi/gssapi.h>")
        self.one("mech/store/open.cpp", "#include <wbclient.h>")
        self.one("mech/wire/flags.h", "#include <gssapi_ntlm.h>")
        self.none("mech/store/winbind.cpp", "#include <gssapi_ntlm.h>")

    def test_file_without_licence(self):
        self.assertEqual(len(self.breaches({"mech/base/a.cpp": "int a;\n"})), 1)
        self.assertEqual(len(self.breaches({"run": "#!/bin/bash\necho\n"})), 1)
        self.assertEqual(self.breaches({"run": f"#!/bin/bash\n# {include_rules.SPDX}\n"}), [])
        self.assertEqual(self.breaches({"tests/fuzz/corpus/a/1.conf": "x"}), [])


if __name__ == "__main__":
    unittest.main()
