// SPDX-License-Identifier: MIT
// gss_acquire_cred and its relatives: which secret an initiator has, and which stores an acceptor
// asks.
#include <algorithm>

#include "abi/boundary.h"
#include "abi/credential.h"
#include "abi/mechanism.h"
#include "abi/name.h"
#include "store/open.h"

namespace ntlm::abi {
namespace {

using Kind = NameObject::Kind;

// The accounts that a request is about, and who asks them: the configured ones, or those of its key
// file, which is the one that is kept or one for this call.
Keyfile find_keyfile(const Setup& setup, const std::string& path) {
  if (path.empty()) {
    return {setup.user_file, setup.acceptor};
  }
  const Keyfile* const kept = setup.keyfile.load(std::memory_order_acquire);
  if (kept != nullptr && kept->accounts->path() == path) {
    return *kept;
  }
  const auto accounts = std::make_shared<const store::TextFile>(path);
  auto fresh = std::make_unique<const Keyfile>(
      Keyfile{accounts, std::make_shared<const protocol::AcceptorSetup>(
                            setup.policy(), setup.host(), store::verifier_of(accounts))});
  Keyfile found = *fresh;
  const Keyfile* none = nullptr;
  if (setup.keyfile.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel)) {
    (void)fresh.release();
  }
  return found;
}

Result<std::shared_ptr<const protocol::Responder>> find_responder(const Setup& setup,
                                                                  const CredentialRequest& request,
                                                                  const store::TextFile* accounts) {
  if (request.name != nullptr && request.name->kind == Kind::kAnonymous) {
    return store::anonymous_responder();
  }
  if (request.name != nullptr && request.name->kind == Kind::kService && !request.accepts) {
    return fail(Errc::kNoCredential, "a service does not initiate");
  }
  protocol::AccountName wanted;
  if (request.name != nullptr && request.name->kind == Kind::kAccount) {
    wanted = request.name->account;
  }
  if (wanted.domain.empty()) {
    wanted.domain = request.domain;
  }
  if (request.password || request.nt_hash_hex) {
    TRY_VOID(protocol::check_account(wanted));
    if (request.password && request.nt_hash_hex) {
      return fail(Errc::kBadArgument, "credential store");
    }
    if (request.nt_hash_hex) {
      return store::responder_from_nt_hash(std::move(wanted), *request.nt_hash_hex);
    }
    return store::responder_from_password(std::move(wanted), *request.password,
                                          setup.policy().initiate_v1);
  }
  if (accounts == nullptr) {
    return store::responder_from_winbind(store::settings_from(setup.config), wanted);
  }
  return store::responder_from_file(*accounts, wanted, setup.policy().initiate_v1);
}

NameObject name_for(const CredentialObject& credential, const CredentialRequest& request) {
  NameObject name;
  if (credential.responder != nullptr &&
      (request.name == nullptr || request.name->kind == Kind::kAccount)) {
    name.account = credential.responder->account();  // as the file spells it
  } else if (request.name != nullptr) {
    name = *request.name;
  } else {
    name.kind = Kind::kService;
    name.service = {"host", credential.setup->host().dns_computer};
  }
  return name;
}

}  // namespace

Result<std::unique_ptr<CredentialObject>> acquire_credential(const CredentialRequest& request) {
  auto credential = std::make_unique<CredentialObject>();
  TRY(credential->setup, current_setup());
  const Setup& setup = *credential->setup;
  credential->initiates = request.initiates;
  credential->accepts = request.accepts;
  const Keyfile keyfile = find_keyfile(setup, request.keyfile);
  if (request.initiates) {
    TRY(credential->responder, find_responder(setup, request, keyfile.accounts.get()));
  }
  if (request.accepts) {
    credential->acceptor = keyfile.acceptor;
  }
  credential->keyfile = request.keyfile;
  credential->name = name_for(*credential, request);
  const std::uint32_t allowed = setup.policy().context_lifetime;
  const std::uint32_t wanted = request.lifetime == GSS_C_INDEFINITE ? 0 : request.lifetime;
  const std::uint32_t lifetime =
      allowed == 0 || wanted == 0 ? std::max(allowed, wanted) : std::min(allowed, wanted);
  if (lifetime != 0) {
    credential->expires_boot = request.now + lifetime;
  }
  return credential;
}

std::uint32_t remaining_lifetime(const CredentialObject& credential, std::uint64_t now) {
  if (credential.expires_boot == 0) {
    return GSS_C_INDEFINITE;
  }
  return now >= credential.expires_boot ? 0
                                        : static_cast<std::uint32_t>(credential.expires_boot - now);
}

namespace {

// The arguments that the four ways to acquire have in common.
struct AcquireCall {
  gss_name_t name;
  OM_uint32 lifetime;
  gss_OID_set mechanisms;
  gss_cred_usage_t usage;
  gss_cred_id_t* output;
  gss_OID_set* actual_mechanisms;
  OM_uint32* lifetime_rec;
};

bool names_us(const gss_OID_set_desc* mechanisms) {
  if (mechanisms == GSS_C_NO_OID_SET || mechanisms->count == 0) {
    return true;
  }
  return std::any_of(mechanisms->elements, mechanisms->elements + mechanisms->count,
                     [](const gss_OID_desc& one) { return same_oid(&one, mechanism_oid()); });
}

// What one entry of a credential store says; entries of other mechanisms are passed over.
void read_store_entry(CredentialRequest& request, std::string_view key, std::string_view value) {
  if (key == GSS_NTLMSSP_CS_DOMAIN) {
    request.domain = value;
  } else if (key == GSS_NTLMSSP_CS_NTHASH) {
    request.nt_hash_hex = value;
  } else if (key == GSS_NTLMSSP_CS_PASSWORD || key == GSS_NTLM_CS_PASSWORD) {
    request.password = value;
  } else if (key == GSS_NTLMSSP_CS_KEYFILE) {
    request.keyfile = value;
  }
}

Result<void> read_store(CredentialRequest& request, gss_const_key_value_set_t store) {
  if (store == GSS_C_NO_CRED_STORE) {
    return {};
  }
  for (OM_uint32 i = 0; i < store->count; ++i) {
    const gss_key_value_element_desc& entry = store->elements[i];
    if (entry.key == nullptr || entry.value == nullptr) {
      return fail(Errc::kBadArgument, "credential store");
    }
    read_store_entry(request, entry.key, entry.value);
  }
  return {};
}

Status acquire(CredentialRequest request, const AcquireCall& call) {
  if (call.output == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  if (!names_us(call.mechanisms)) {
    return GSS_S_BAD_MECH;
  }
  if (call.usage != GSS_C_BOTH && call.usage != GSS_C_INITIATE && call.usage != GSS_C_ACCEPT) {
    return Error{Errc::kBadArgument, "usage"};
  }
  request.name = borrow<NameObject>(call.name);
  if (request.name == nullptr && call.name != GSS_C_NO_NAME) {
    return Error{Errc::kBadName, "name"};
  }
  request.initiates = call.usage != GSS_C_ACCEPT;
  request.accepts = call.usage != GSS_C_INITIATE;
  request.lifetime = call.lifetime;
  TRY(auto credential, acquire_credential(request));
  OidSet mechanisms;
  if (call.actual_mechanisms != nullptr) {
    TRY_VOID(mechanisms.add({mechanism_oid()}));
  }
  set(call.lifetime_rec, remaining_lifetime(*credential, request.now));
  std::move(mechanisms).give(call.actual_mechanisms);
  *call.output = lend<gss_cred_id_struct>(std::move(credential));
  return {};
}

}  // namespace
}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_acquire_cred(OM_uint32* minor_status, gss_name_t desired_name, OM_uint32 time_req,
                           gss_OID_set desired_mechs, gss_cred_usage_t cred_usage,
                           gss_cred_id_t* output_cred_handle, gss_OID_set* actual_mechs,
                           OM_uint32* time_rec) {
  clear(output_cred_handle, actual_mechs, time_rec);
  return guard(minor_status, [&] {
    return acquire({}, {desired_name, time_req, desired_mechs, cred_usage, output_cred_handle,
                        actual_mechs, time_rec});
  });
}

OM_uint32 gss_acquire_cred_from(OM_uint32* minor_status, gss_name_t desired_name,
                                OM_uint32 time_req, gss_OID_set desired_mechs,
                                gss_cred_usage_t cred_usage, gss_const_key_value_set_t cred_store,
                                gss_cred_id_t* output_cred_handle, gss_OID_set* actual_mechs,
                                OM_uint32* time_rec) {
  clear(output_cred_handle, actual_mechs, time_rec);
  return guard(minor_status, [&]() -> Status {
    CredentialRequest request;
    TRY_VOID(read_store(request, cred_store));
    return acquire(std::move(request), {desired_name, time_req, desired_mechs, cred_usage,
                                        output_cred_handle, actual_mechs, time_rec});
  });
}

// The password's buffer is not NUL-terminated, and is only read during the call.
OM_uint32 gssspi_acquire_cred_with_password(OM_uint32* minor_status, const gss_name_t desired_name,
                                            const gss_buffer_t password, OM_uint32 time_req,
                                            const gss_OID_set desired_mechs,
                                            gss_cred_usage_t cred_usage,
                                            gss_cred_id_t* output_cred_handle,
                                            gss_OID_set* actual_mechs, OM_uint32* time_rec) {
  clear(output_cred_handle, actual_mechs, time_rec);
  return guard(minor_status, [&]() -> Status {
    if (password == GSS_C_NO_BUFFER) {
      return GSS_S_FAILURE | GSS_S_CALL_INACCESSIBLE_READ;
    }
    CredentialRequest request;
    request.password = text_of(password);
    return acquire(std::move(request), {desired_name, time_req, desired_mechs, cred_usage,
                                        output_cred_handle, actual_mechs, time_rec});
  });
}

}  // extern "C"
