// SPDX-License-Identifier: MIT
#include "sspi_compat/flags.h"

#include <gssapi/gssapi_ext.h>

namespace sspi {
namespace {

enum class Rule : std::uint8_t {
  kAgreed,         // set when GSS granted it
  kAgreedIfAsked,  // set when GSS granted it and the caller asked for it, or for what implies it
  kEcho,           // set when the caller asked for it
  kAlways,
};
struct FlagRow {
  ULONG required;     // _REQ_
  ULONG returned;     // _RET_
  OM_uint32 asked;    // GSS flags to ask for
  OM_uint32 granted;  // GSS flag that grants it
  Rule rule;
};

constexpr FlagRow kIsc[] = {
    {ISC_REQ_DELEGATE, ISC_RET_DELEGATE, GSS_C_DELEG_FLAG, GSS_C_DELEG_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_MUTUAL_AUTH, ISC_RET_MUTUAL_AUTH, GSS_C_MUTUAL_FLAG, GSS_C_MUTUAL_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_REPLAY_DETECT, ISC_RET_REPLAY_DETECT, GSS_C_REPLAY_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_REPLAY_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_SEQUENCE_DETECT, ISC_RET_SEQUENCE_DETECT, GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_SEQUENCE_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_CONFIDENTIALITY, ISC_RET_CONFIDENTIALITY, GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_CONF_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_INTEGRITY, ISC_RET_INTEGRITY, GSS_C_INTEG_FLAG, GSS_C_INTEG_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_IDENTIFY, ISC_RET_IDENTIFY, GSS_C_IDENTIFY_FLAG, GSS_C_IDENTIFY_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_NULL_SESSION, ISC_RET_NULL_SESSION, GSS_C_ANON_FLAG, GSS_C_ANON_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_EXTENDED_ERROR, ISC_RET_EXTENDED_ERROR, GSS_C_EXTENDED_ERROR_FLAG,
     GSS_C_EXTENDED_ERROR_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_USE_DCE_STYLE, ISC_RET_USED_DCE_STYLE, GSS_C_DCE_STYLE, 0, Rule::kEcho},
    {ISC_REQ_USE_SESSION_KEY, ISC_RET_USE_SESSION_KEY, 0, 0, Rule::kEcho},
    {ISC_REQ_CONNECTION, ISC_RET_CONNECTION, 0, 0, Rule::kAlways},
};

// Not DELEGATE: a client's credential is not kept, so nobody here can act with it.
constexpr FlagRow kAsc[] = {
    {ASC_REQ_MUTUAL_AUTH, ASC_RET_MUTUAL_AUTH, 0, GSS_C_MUTUAL_FLAG, Rule::kAgreed},
    {ASC_REQ_REPLAY_DETECT, ASC_RET_REPLAY_DETECT, 0, GSS_C_REPLAY_FLAG, Rule::kAgreed},
    {ASC_REQ_SEQUENCE_DETECT, ASC_RET_SEQUENCE_DETECT, 0, GSS_C_SEQUENCE_FLAG, Rule::kAgreed},
    {ASC_REQ_CONFIDENTIALITY, ASC_RET_CONFIDENTIALITY, 0, GSS_C_CONF_FLAG, Rule::kAgreed},
    {ASC_REQ_INTEGRITY, ASC_RET_INTEGRITY, 0, GSS_C_INTEG_FLAG, Rule::kAgreed},
    {ASC_REQ_IDENTIFY, ASC_RET_IDENTIFY, 0, GSS_C_IDENTIFY_FLAG, Rule::kAgreed},
    {ASC_REQ_ALLOW_NULL_SESSION, ASC_RET_NULL_SESSION, 0, GSS_C_ANON_FLAG, Rule::kAgreed},
    {ASC_REQ_ALLOW_NON_USER_LOGONS, ASC_RET_ALLOW_NON_USER_LOGONS, 0, 0, Rule::kEcho},
    {ASC_REQ_EXTENDED_ERROR, ASC_RET_EXTENDED_ERROR, 0, GSS_C_EXTENDED_ERROR_FLAG, Rule::kAgreed},
    {ASC_REQ_USE_DCE_STYLE, ASC_RET_USED_DCE_STYLE, 0, 0, Rule::kEcho},
    {ASC_REQ_USE_SESSION_KEY, ASC_RET_USE_SESSION_KEY, 0, 0, Rule::kEcho},
    {ASC_REQ_CONNECTION, ASC_RET_CONNECTION, 0, 0, Rule::kEcho},
    {ASC_REQ_NO_TOKEN, ASC_RET_NO_TOKEN, 0, 0, Rule::kEcho},
};

struct NamedFlag {
  std::string_view name;
  ULONG flag;
};
constexpr NamedFlag kRequirable[] = {
    {"ASC_REQ_MUTUAL_AUTH", ASC_REQ_MUTUAL_AUTH},
    {"ASC_REQ_REPLAY_DETECT", ASC_REQ_REPLAY_DETECT},
    {"ASC_REQ_SEQUENCE_DETECT", ASC_REQ_SEQUENCE_DETECT},
    {"ASC_REQ_CONFIDENTIALITY", ASC_REQ_CONFIDENTIALITY},
    {"ASC_REQ_INTEGRITY", ASC_REQ_INTEGRITY},
    {"ASC_REQ_IDENTIFY", ASC_REQ_IDENTIFY},
};

template <std::size_t N>
ULONG returned(const FlagRow (&table)[N], ULONG requested, OM_uint32 granted) {
  OM_uint32 asked = 0;
  for (const FlagRow& row : table) {
    asked |= (requested & row.required) != 0 ? row.asked : 0;
  }
  ULONG result = 0;
  for (const FlagRow& row : table) {
    const bool agreed = (granted & row.granted) != 0;
    const bool set = row.rule == Rule::kAlways || (row.rule == Rule::kAgreed && agreed) ||
                     (row.rule == Rule::kAgreedIfAsked && agreed && (asked & row.granted) != 0) ||
                     (row.rule == Rule::kEcho && (requested & row.required) != 0);
    result |= set ? row.returned : 0;
  }
  return result;
}

}  // namespace

OM_uint32 gss_flags_of_isc(ULONG requested) {
  OM_uint32 flags = 0;
  for (const FlagRow& row : kIsc) {
    flags |= (requested & row.required) != 0 ? row.asked : 0;
  }
  return flags;
}

ULONG isc_returned(ULONG requested, OM_uint32 granted) {
  return returned(kIsc, requested, granted);
}
ULONG asc_returned(ULONG requested, OM_uint32 granted) {
  return returned(kAsc, requested, granted);
}

bool asc_granted(ULONG needed, OM_uint32 granted) {
  for (const FlagRow& row : kAsc) {
    if ((needed & row.required) != 0 && (granted & row.granted) == 0) {
      return false;
    }
  }
  return true;
}

ULONG asc_flag_named(std::string_view name) {
  for (const NamedFlag& row : kRequirable) {
    if (row.name == name) {
      return row.flag;
    }
  }
  return 0;
}

}  // namespace sspi
