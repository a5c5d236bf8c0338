// SPDX-License-Identifier: MIT
// gss_export_sec_context and its counterpart, for half-made contexts too: a worker may hand an
// exchange to another one between its legs. abi/transfer.cpp wraps and authenticates the content,
// which is
//
//   u8 role (0 acceptor, 1 initiator), u32 requested flags, u32 granted flags, u8 complete,
//   u64 end (100 ns since 1601, 0 none), service (u32 and text), source and target names (u8
//   whether there is one, then abi/name.h), an initiator's secret (write_responder), then the
//   machine (protocol/exported.cpp).
//
// The importer's own configuration and stores decide from then on.
#include "abi/boundary.h"
#include "abi/context.h"
#include "abi/credential.h"
#include "abi/name.h"
#include "abi/transfer.h"

namespace ntlm::abi {
namespace {

constexpr std::size_t kMaxContent = 1u << 20;

// A name that may not be there.
void write_optional(SecretWriter& writer, const std::unique_ptr<NameObject>& name) {
  writer.u8(name == nullptr ? 0 : 1);
  if (name != nullptr) {
    write_name(writer, *name);
  }
}

Result<std::unique_ptr<NameObject>> read_optional(Reader& reader) {
  if (reader.u8() == 0) {
    return nullptr;
  }
  auto name = std::make_unique<NameObject>();
  TRY_VOID(read_name(reader, *name));
  return name;
}

Result<void> write_machine(SecretWriter& writer, const ContextObject& context) {
  const auto* initiator = std::get_if<protocol::Initiator>(&context.machine);
  if (initiator == nullptr) {
    return std::get<protocol::Acceptor>(context.machine).save(writer);
  }
  // The secret travels only while it is still needed.
  const bool needed = initiator->established() == nullptr;
  TRY_VOID(write_responder(writer, needed ? initiator->responder().get() : nullptr));
  return initiator->save(writer);
}

Result<void> read_machine(Reader& reader, bool initiates, ContextObject& context) {
  if (initiates) {
    TRY(auto responder, read_responder(reader));
    TRY(auto machine,
        protocol::Initiator::restore(reader, context.setup->policy(), std::move(responder),
                                     system_clock(), system_random()));
    context.machine.emplace<protocol::Initiator>(std::move(machine));
    return {};
  }
  TRY(auto machine, protocol::Acceptor::restore(reader, context.setup->acceptor, system_clock(),
                                                system_random()));
  context.machine.emplace<protocol::Acceptor>(std::move(machine));
  return {};
}

Result<SecretBytes> export_content(const ContextObject& context, std::uint32_t left) {
  SecretWriter writer(1024, kMaxContent);
  writer.u8(context.locally_initiated() ? 1 : 0);
  writer.u32(context.requested_flags);
  writer.u32(context.granted_flags);
  writer.u8(context.complete ? 1 : 0);
  writer.u64(context.expires_boot == 0 ? 0 : system_clock().filetime() + left * kTicksPerSecond);
  writer.text(context.service);
  write_optional(writer, context.source);
  write_optional(writer, context.target);
  TRY_VOID(write_machine(writer, context));
  return std::move(writer).finish("exported context");
}

Result<std::unique_ptr<ContextObject>> import_content(ByteView content) {
  Reader reader(content);
  auto context = std::make_unique<ContextObject>();
  TRY(context->setup, current_setup());
  const std::uint8_t role = reader.u8();
  context->requested_flags = reader.u32();
  context->granted_flags = reader.u32();
  const std::uint8_t complete = reader.u8();
  const std::uint64_t end = reader.u64();
  context->service = reader.text(protocol::kMaxText);
  TRY(context->source, read_optional(reader));
  TRY(context->target, read_optional(reader));
  if (!reader.ok() || role > 1 || complete > 1) {
    return fail(Errc::kDefectiveExport, "exported context");
  }
  context->complete = complete == 1;
  if (end != 0) {
    const std::uint64_t now = system_clock().filetime();
    const std::uint64_t left = end > now ? (end - now) / kTicksPerSecond : 0;
    context->expires_boot = system_clock().boot_seconds() + left;
  }
  TRY_VOID(read_machine(reader, role == 1, *context));
  if (!reader.at_end() || context->complete != (context->session() != nullptr)) {
    return fail(Errc::kDefectiveExport, "exported context");
  }
  if (auto* acceptor = std::get_if<protocol::Acceptor>(&context->machine)) {
    context->accept_options = acceptor->options();
    if (context->complete) {
      // The peer's name comes with its attributes and evidence, which live in the machine.
      context->source = proven_name(acceptor->established()->principal, acceptor->evidence());
    }
  }
  return context;
}

// Seconds in which an importer would take it; left: of its lifetime. Asked before anything is done:
// what is exported is gone from here.
Result<std::uint32_t> journey_of(const ContextObject& context, std::uint32_t left) {
  if (context.failed() || std::holds_alternative<std::monostate>(context.machine)) {
    return fail(Errc::kDeadContext, "context");
  }
  if (!context.complete) {
    return context.setup->policy().challenge_max_age;
  }
  if (left == 0) {
    return fail(Errc::kContextExpired, "context");  // RFC 2743 2.2.8
  }
  return left == GSS_C_INDEFINITE ? kLongestJourney : left;
}

OM_uint32 import_context(OM_uint32* minor_status, gss_buffer_t token,
                         gss_ctx_id_t* context_handle) {
  clear(minor_status, context_handle);
  if (context_handle == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&]() -> Status {
    TRY(const SecretBytes content, open_transfer(TransferKind::kContext, bytes_of(token)));
    TRY(auto context, import_content(content));
    *context_handle = lend<gss_ctx_id_struct>(std::move(context));
    return {};
  });
}

}  // namespace
}  // namespace ntlm::abi

using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_export_sec_context(OM_uint32* minor_status, gss_ctx_id_t* context_handle,
                                 gss_buffer_t interprocess_token) {
  clear(minor_status, interprocess_token);
  if (context_handle == nullptr || interprocess_token == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&]() -> Status {
    auto* context = borrow<ContextObject>(*context_handle);
    if (context == nullptr) {
      return with_major(GSS_S_NO_CONTEXT, ntlm::Errc::kBadArgument);
    }
    const std::uint32_t left = remaining_lifetime(*context);
    TRY(const std::uint32_t journey, journey_of(*context, left));
    TRY(const ntlm::SecretBytes content, export_content(*context, left));
    TRY(const ntlm::SecretBytes sealed, seal_transfer(TransferKind::kContext, content, journey));
    TRY(OutputBuffer output, OutputBuffer::copy(ntlm::ByteView(sealed)));
    // Last, as the other copies of a fork are dead afterwards. The importer's context is a new one:
    // a copy that may not be used must not become one.
    if (ntlm::protocol::Session* const session = context->session(); session != nullptr) {
      TRY_VOID(session->claim());
    }
    std::move(output).give(interprocess_token);
    // RFC 2744 5.10: the context is gone from here; two users of one RC4 stream would be a two-time
    // pad.
    delete std::exchange(context, nullptr);
    *context_handle = GSS_C_NO_CONTEXT;
    return {};
  });
}

OM_uint32 gss_import_sec_context(OM_uint32* minor_status, gss_buffer_t interprocess_token,
                                 gss_ctx_id_t* context_handle) {
  return import_context(minor_status, interprocess_token, context_handle);
}

OM_uint32 gssspi_import_sec_context_by_mech(OM_uint32* minor_status, gss_OID /*desired_mech*/,
                                            gss_buffer_t interprocess_token,
                                            gss_ctx_id_t* context_handle) {
  return import_context(minor_status, interprocess_token, context_handle);
}

}  // extern "C"
