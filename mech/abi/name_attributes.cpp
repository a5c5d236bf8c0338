// SPDX-License-Identifier: MIT
// RFC 6680: what is known of a name beyond itself. Read-only, so there is no gss_set_name_attribute
// to export: the mechglue answers UNAVAILABLE in its place.
#include <set>

#include "abi/boundary.h"
#include "abi/local_user.h"
#include "abi/mechanism.h"
#include "abi/name.h"
#include "protocol/attempt.h"

namespace ntlm::abi {
namespace {

void add(protocol::Attributes& attributes, const char* name, std::string_view value) {
  if (!value.empty()) {
    attributes.emplace_back(name, value);
  }
}

void add_evidence(protocol::Attributes& attributes, const protocol::Evidence& evidence) {
  add(attributes, GSS_NTLM_ATTR_WORKSTATION, evidence.workstation);
  if (evidence.version_known) {
    add(attributes, GSS_NTLM_ATTR_VERSION, protocol::version_word(evidence.version));
  }
  add(attributes, GSS_NTLM_ATTR_MIC, protocol::mic_word(evidence.mic));
  add(attributes, GSS_NTLM_ATTR_BINDINGS, protocol::bindings_word(evidence.bindings));
  add(attributes, GSS_NTLM_ATTR_TARGET, evidence.target);
  add(attributes, GSS_NTLM_ATTR_STORE, evidence.store);
}

// What the peer only claims, however well it was proven itself.
bool is_claim(std::string_view attribute) { return attribute == GSS_NTLM_ATTR_WORKSTATION; }

struct Value {
  std::string text;
  bool last = true;
};

// The index'th value of an attribute.
std::optional<Value> value_of(const NameObject& name, std::string_view attribute,
                              std::size_t index) {
  std::vector<std::string> values;
  if (attribute == GSS_NTLM_ATTR_LOCAL_USER) {
    if (auto user = local_user(name)) {
      values.push_back(*std::move(user));
    }
  } else {
    for (auto& [key, value] : attributes_of(name)) {
      if (key == attribute) {
        values.push_back(std::move(value));
      }
    }
  }
  if (index >= values.size()) {
    return std::nullopt;
  }
  return Value{std::move(values[index]), index + 1 == values.size()};
}

}  // namespace

protocol::Attributes attributes_of(const NameObject& name) {
  protocol::Attributes attributes;
  if (name.kind == NameObject::Kind::kAccount) {
    add(attributes, GSS_NTLM_ATTR_ACCOUNT, name.account.user);
    add(attributes, GSS_NTLM_ATTR_DOMAIN, name.account.domain);
  }
  if (name.attributes != nullptr) {
    for (const auto& [attribute, value] : *name.attributes) {
      const bool said = attribute == GSS_NTLM_ATTR_ACCOUNT || attribute == GSS_NTLM_ATTR_DOMAIN ||
                        attribute == GSS_NTLM_ATTR_LOCAL_USER;
      if (!said) {
        attributes.emplace_back(attribute, value);
      }
    }
  }
  if (name.evidence != nullptr) {
    add_evidence(attributes, *name.evidence);
  }
  return attributes;
}

}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_inquire_name(OM_uint32* minor_status, gss_name_t input_name, int* name_is_MN,
                           gss_OID* MN_mech, gss_buffer_set_t* attrs) {
  clear(name_is_MN, MN_mech, attrs);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    std::set<std::string> attributes;
    for (const auto& [attribute, value] : attributes_of(*name)) {
      attributes.insert(attribute);
    }
    if (local_user(*name)) {
      attributes.insert(GSS_NTLM_ATTR_LOCAL_USER);
    }
    BufferSet names;
    for (const std::string& attribute : attributes) {
      TRY_VOID(names.add(bytes_of(attribute)));
    }
    std::move(names).give(attrs);
    set(name_is_MN, 1);
    set(MN_mech, mechanism_oid());
    return {};
  });
}

// more: -1 asks for the first value; it comes back as the index of the next, or 0 when there is
// none.
OM_uint32 gss_get_name_attribute(OM_uint32* minor_status, gss_name_t input_name, gss_buffer_t attr,
                                 int* authenticated, int* complete, gss_buffer_t value,
                                 gss_buffer_t display_value, int* more) {
  const int wanted = more == nullptr ? -1 : *more;
  clear(authenticated, complete, value, display_value, more);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    if (wanted < -1) {
      return Error{Errc::kBadArgument, "more"};
    }
    const auto index = static_cast<std::size_t>(wanted == -1 ? 0 : wanted);
    const auto found = value_of(*name, text_of(attr), index);
    if (!found) {
      return GSS_S_UNAVAILABLE;
    }
    TRY(auto out, OutputBuffer::copy(std::string_view(found->text)));
    TRY(auto display, OutputBuffer::copy(std::string_view(found->text)));
    std::move(out).give(value);
    std::move(display).give(display_value);
    set(authenticated, name->proven && !is_claim(text_of(attr)) ? 1 : 0);
    set(complete, 1);
    set(more, found->last ? 0 : static_cast<int>(index) + 1);
    return {};
  });
}

}  // extern "C"
