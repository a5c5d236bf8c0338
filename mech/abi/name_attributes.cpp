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

// What the name itself says, or a look-up: not what a store or a composite name says of it.
bool is_of_the_name(std::string_view attribute) {
  return attribute == GSS_NTLM_ATTR_ACCOUNT || attribute == GSS_NTLM_ATTR_DOMAIN ||
         attribute == GSS_NTLM_ATTR_LOCAL_USER;
}

// Tells each attribute and value in order, as views of what the name holds.
template <typename Tell>
void for_each_attribute(const NameObject& name, const Tell& tell) {
  const auto tell_if_there = [&](std::string_view attribute, std::string_view value) {
    if (!value.empty()) {
      tell(attribute, value);
    }
  };
  if (name.kind == NameObject::Kind::kAccount) {
    tell_if_there(GSS_NTLM_ATTR_ACCOUNT, name.account.user);
    tell_if_there(GSS_NTLM_ATTR_DOMAIN, name.account.domain);
  }
  if (name.attributes != nullptr) {
    for (const auto& [attribute, value] : *name.attributes) {
      if (!is_of_the_name(attribute)) {
        tell(attribute, value);
      }
    }
  }
  if (name.evidence != nullptr) {
    const protocol::Evidence& evidence = *name.evidence;
    tell_if_there(GSS_NTLM_ATTR_WORKSTATION, evidence.workstation);
    if (evidence.version_known) {
      tell_if_there(GSS_NTLM_ATTR_VERSION, protocol::version_word(evidence.version));
    }
    tell_if_there(GSS_NTLM_ATTR_MIC, protocol::mic_word(evidence.mic));
    tell_if_there(GSS_NTLM_ATTR_BINDINGS, protocol::bindings_word(evidence.bindings));
    tell_if_there(GSS_NTLM_ATTR_TARGET, evidence.target);
    tell_if_there(GSS_NTLM_ATTR_STORE, evidence.store);
  }
}

// What the peer only claims, however well it was proven itself.
bool is_claim(std::string_view attribute) { return attribute == GSS_NTLM_ATTR_WORKSTATION; }

struct Value {
  std::string text;
  bool last = true;
};

// The index'th value of an attribute. Only that one is copied: a caller reads thousands of groups
// one by one.
std::optional<Value> value_of(const NameObject& name, std::string_view attribute,
                              std::size_t index) {
  std::optional<Value> found;
  if (attribute == GSS_NTLM_ATTR_LOCAL_USER) {
    if (auto user = local_user(name); user && index == 0) {
      found = Value{*std::move(user)};
    }
    return found;
  }
  std::size_t seen = 0;
  for_each_attribute(name, [&](std::string_view key, std::string_view value) {
    if (key != attribute) {
      return;
    }
    if (found) {
      found->last = false;
    } else if (seen++ == index) {
      found = Value{std::string(value)};
    }
  });
  return found;
}

}  // namespace

protocol::Attributes attributes_of(const NameObject& name) {
  protocol::Attributes attributes;
  for_each_attribute(name, [&](std::string_view attribute, std::string_view value) {
    attributes.emplace_back(attribute, value);
  });
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
    for_each_attribute(*name, [&](std::string_view attribute, std::string_view) {
      attributes.emplace(attribute);
    });
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
