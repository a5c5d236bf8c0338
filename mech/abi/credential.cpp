// SPDX-License-Identifier: MIT
// What can be asked of a credential and set on it, and its way to another process. An exported
// credential is
//   u8 1 initiates | 2 accepts | 4 no CI flags, u32 offered flags, u64 expiry (100 ns since 1601, 0
//   none), the name (abi/name.h), the key file (u32 and text), the secret (write_responder)
// within the envelope of abi/transfer.h. The importer's own configuration and stores decide from
// then on.
#include "abi/credential.h"

#include "abi/boundary.h"
#include "abi/mechanism.h"
#include "abi/name.h"
#include "abi/transfer.h"
#include "store/open.h"

namespace ntlm::abi {
namespace {

enum class Secrecy : std::uint8_t { kNone, kHash, kAnonymous };
enum Bits : std::uint8_t { kInitiates = 1, kAccepts = 2, kNoCiFlags = 4, kAllBits = 7 };

// GSS_KRB5_CRED_NO_CI_FLAGS_X, 1.2.752.43.13.29.
constexpr std::string_view kNoCiFlagsOid("\x2a\x85\x70\x2b\x0d\x1d", 6);
constexpr std::string_view kNegFlagsOid(GSS_NTLMSSP_NEG_FLAGS_OID_STRING,
                                        GSS_NTLMSSP_NEG_FLAGS_OID_LENGTH);

gss_cred_usage_t usage_of(const CredentialObject& credential) {
  if (credential.initiates && credential.accepts) {
    return GSS_C_BOTH;
  }
  return credential.initiates ? GSS_C_INITIATE : GSS_C_ACCEPT;
}

// The credential behind a handle, or for GSS_C_NO_CREDENTIAL the default one: an initiator's if
// there is a secret.
struct Asked {
  std::unique_ptr<CredentialObject> made;
  CredentialObject* credential = nullptr;
  std::uint64_t now = system_clock().boot_seconds();
};
Result<Asked> find(gss_cred_id_t handle) {
  Asked asked;
  asked.credential = borrow<CredentialObject>(handle);
  if (asked.credential != nullptr) {
    return asked;
  }
  if (handle != GSS_C_NO_CREDENTIAL) {
    return fail(Errc::kNoCredential, "credential");
  }
  CredentialRequest request;
  request.now = asked.now;
  request.initiates = true;
  auto made = acquire_credential(request);
  if (!made && made.error().code == Errc::kNoCredential) {
    request.initiates = false;
    request.accepts = true;
    made = acquire_credential(request);
  }
  if (!made) {
    return tl::unexpected(made.error());
  }
  asked.made = std::move(*made);
  asked.credential = asked.made.get();
  return asked;
}

Result<SecretBytes> content_of(const CredentialObject& credential, std::uint32_t left) {
  SecretWriter writer(256);
  writer.u8(static_cast<std::uint8_t>((credential.initiates ? kInitiates : 0) |
                                      (credential.accepts ? kAccepts : 0) |
                                      (credential.no_ci_flags ? kNoCiFlags : 0)));
  writer.u32(credential.offered_flags);
  writer.u64(credential.expires_boot == 0 ? 0 : system_clock().filetime() + left * kTicksPerSecond);
  write_name(writer, credential.name);
  writer.text(credential.keyfile);
  TRY_VOID(write_responder(writer, credential.responder.get()));
  return std::move(writer).finish("exported credential");
}

Result<std::unique_ptr<CredentialObject>> from_content(ByteView content) {
  Reader reader(content);
  const std::uint8_t bits = reader.u8();
  const std::uint32_t offered = reader.u32();
  const std::uint64_t end = reader.u64();
  NameObject name;
  TRY_VOID(read_name(reader, name));
  CredentialRequest request;
  request.keyfile = reader.text(protocol::kMaxText);
  TRY(auto responder, read_responder(reader));
  const bool initiates = (bits & kInitiates) != 0;
  if (!reader.ok() || !reader.at_end() || (bits & ~kAllBits) != 0 ||
      initiates != (responder != nullptr)) {
    return fail(Errc::kDefectiveExport, "exported credential");
  }
  request.name = &name;
  request.accepts = (bits & kAccepts) != 0;
  const std::uint64_t now = system_clock().filetime();
  if (end != 0 && end <= now) {
    return fail(Errc::kDefectiveExport, "exported credential.expiry");
  }
  if (end != 0) {
    request.lifetime = static_cast<std::uint32_t>((end - now) / kTicksPerSecond + 1);
  }
  TRY(auto credential, acquire_credential(request));
  credential->initiates = initiates;
  credential->responder = std::move(responder);
  credential->no_ci_flags = (bits & kNoCiFlags) != 0;
  credential->offered_flags = offered;
  return credential;
}

Status import_credential(gss_buffer_t token, gss_cred_id_t* output) {
  if (output == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  TRY(const SecretBytes content, open_transfer(TransferKind::kCredential, bytes_of(token)));
  TRY(auto credential, from_content(content));
  *output = lend<gss_cred_id_struct>(std::move(credential));
  return {};
}

Result<std::uint32_t> number_of(const gss_buffer_desc* value) {
  const ByteView bytes = bytes_of(value);
  Reader reader(bytes);
  const std::uint32_t number = reader.u32();
  if (!reader.ok() || !reader.at_end()) {
    return fail(Errc::kBadArgument, "option");
  }
  return number;
}

}  // namespace

Result<void> write_responder(SecretWriter& writer, const protocol::Responder* responder) {
  const Secrecy secrecy = responder == nullptr     ? Secrecy::kNone
                          : responder->anonymous() ? Secrecy::kAnonymous
                                                   : Secrecy::kHash;
  writer.u8(static_cast<std::uint8_t>(secrecy));
  if (secrecy == Secrecy::kHash && !responder->save(writer)) {
    return fail(Errc::kNoCredential, "export");
  }
  return {};
}

Result<std::shared_ptr<const protocol::Responder>> read_responder(Reader& reader) {
  switch (static_cast<Secrecy>(reader.u8())) {
    case Secrecy::kNone:
      return nullptr;
    case Secrecy::kHash: {
      TRY(protocol::HashResponder restored, protocol::HashResponder::restore(reader));
      return std::make_shared<const protocol::HashResponder>(std::move(restored));
    }
    case Secrecy::kAnonymous:
      return store::anonymous_responder();
  }
  return fail(Errc::kDefectiveExport, "exported secret");
}

}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_release_cred(OM_uint32* minor_status, gss_cred_id_t* cred_handle) {
  return guard(minor_status, [&]() -> Status {
    if (cred_handle == nullptr || *cred_handle == GSS_C_NO_CREDENTIAL) {
      return {};
    }
    const std::unique_ptr<CredentialObject> credential(borrow<CredentialObject>(*cred_handle));
    if (credential == nullptr) {
      return Error{Errc::kNoCredential, "credential"};
    }
    *cred_handle = GSS_C_NO_CREDENTIAL;
    return {};
  });
}

OM_uint32 gss_inquire_cred(OM_uint32* minor_status, gss_cred_id_t cred_handle, gss_name_t* name,
                           OM_uint32* lifetime, gss_cred_usage_t* cred_usage,
                           gss_OID_set* mechanisms) {
  clear(name, lifetime, cred_usage, mechanisms);
  return guard(minor_status, [&]() -> Status {
    TRY(const Asked asked, find(cred_handle));
    OidSet set_of_us;
    if (mechanisms != nullptr) {
      TRY_VOID(set_of_us.add({mechanism_oid()}));
    }
    if (name != nullptr) {
      *name = lend<gss_name_struct>(copy_of(asked.credential->name));
    }
    set(lifetime, remaining_lifetime(*asked.credential, asked.now));
    set(cred_usage, usage_of(*asked.credential));
    std::move(set_of_us).give(mechanisms);
    return {};
  });
}

OM_uint32 gss_inquire_cred_by_mech(OM_uint32* minor_status, gss_cred_id_t cred_handle,
                                   gss_OID mech_type, gss_name_t* name,
                                   OM_uint32* initiator_lifetime, OM_uint32* acceptor_lifetime,
                                   gss_cred_usage_t* cred_usage) {
  clear(name, initiator_lifetime, acceptor_lifetime, cred_usage);
  return guard(minor_status, [&]() -> Status {
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    TRY(const Asked asked, find(cred_handle));
    const CredentialObject& credential = *asked.credential;
    if (name != nullptr) {
      *name = lend<gss_name_struct>(copy_of(credential.name));
    }
    const std::uint32_t left = remaining_lifetime(credential, asked.now);
    set(initiator_lifetime, credential.initiates ? left : OM_uint32{0});
    set(acceptor_lifetime, credential.accepts ? left : OM_uint32{0});
    set(cred_usage, usage_of(credential));
    return {};
  });
}

OM_uint32 gss_inquire_cred_by_oid(OM_uint32* minor_status, const gss_cred_id_t cred_handle,
                                  const gss_OID desired_object, gss_buffer_set_t* data_set) {
  clear(data_set);
  return guard(minor_status, [&]() -> Status {
    const auto* credential = borrow<CredentialObject>(cred_handle);
    if (credential == nullptr) {
      return Error{Errc::kNoCredential, "credential"};
    }
    if (!is_oid(desired_object, kNegFlagsOid)) {
      return with_major(GSS_S_UNAVAILABLE, Errc::kBadArgument);
    }
    Writer writer;
    writer.u32(credential->offered_flags);
    TRY(const Bytes flags, std::move(writer).finish("flags"));
    BufferSet answer;
    TRY_VOID(answer.add(flags));
    std::move(answer).give(data_set);
    return {};
  });
}

OM_uint32 gssspi_set_cred_option(OM_uint32* minor_status, gss_cred_id_t* cred_handle,
                                 const gss_OID desired_object, const gss_buffer_t value) {
  return guard(minor_status, [&]() -> Status {
    auto* credential = cred_handle == nullptr ? nullptr : borrow<CredentialObject>(*cred_handle);
    if (is_oid(desired_object, kNoCiFlagsOid)) {
      if (credential == nullptr) {
        return Error{Errc::kNoCredential, "credential"};
      }
      credential->no_ci_flags = true;
      return {};
    }
    if (is_oid(desired_object, kNegFlagsOid)) {
      if (credential == nullptr) {
        return Error{Errc::kNoCredential, "credential"};
      }
      TRY(credential->offered_flags, number_of(value));
      return {};
    }
    return with_major(GSS_S_UNAVAILABLE, Errc::kBadArgument);
  });
}

OM_uint32 gss_export_cred(OM_uint32* minor_status, gss_cred_id_t cred_handle, gss_buffer_t token) {
  clear(token);
  return guard(minor_status, [&]() -> Status {
    const auto* credential = borrow<CredentialObject>(cred_handle);
    if (credential == nullptr) {
      return Error{Errc::kNoCredential, "credential"};
    }
    const std::uint32_t left = remaining_lifetime(*credential);
    TRY(const SecretBytes content, content_of(*credential, left));
    TRY(const SecretBytes sealed, seal_transfer(TransferKind::kCredential, content,
                                                left == GSS_C_INDEFINITE ? kLongestJourney : left));
    TRY(OutputBuffer out, OutputBuffer::copy(ByteView(sealed)));
    std::move(out).give(token);
    return {};
  });
}

OM_uint32 gss_import_cred(OM_uint32* minor_status, gss_buffer_t token, gss_cred_id_t* cred_handle) {
  clear(cred_handle);
  return guard(minor_status, [&] { return import_credential(token, cred_handle); });
}

OM_uint32 gssspi_import_cred_by_mech(OM_uint32* minor_status, gss_OID mech_type, gss_buffer_t token,
                                     gss_cred_id_t* cred_handle) {
  clear(cred_handle);
  return guard(minor_status, [&]() -> Status {
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    return import_credential(token, cred_handle);
  });
}

}  // extern "C"
