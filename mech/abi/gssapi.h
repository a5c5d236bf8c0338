// SPDX-License-Identifier: MIT
// The GSS-API headers, as abi includes them: MIT's declare part of their functions outside their
// extern "C".
#pragma once

extern "C" {
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
}

#include <gssapi_ntlm.h>
