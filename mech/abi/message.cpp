// SPDX-License-Identifier: MIT
#include "abi/message.h"

#include <sys/types.h>

#include <algorithm>
#include <limits>

#include "abi/boundary.h"
#include "crypto/primitives.h"

namespace ntlm::abi {

using protocol::Piece;
using protocol::Session;

constexpr std::size_t kSignatureSize = Session::kSignatureSize;

Result<Session*> session_behind(gss_ctx_id_t handle) {
  auto* context = borrow<ContextObject>(handle);
  if (context == nullptr) {
    return fail(Errc::kDeadContext, "context");
  }
  return usable_session(*context);
}

bool will_seal(const Session& session, int conf_req_flag) {
  return session.seals_everything() ||
         (conf_req_flag != 0 && (session.can_seal() || !session.can_sign()));
}

namespace {

void copy_pieces(std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) {
    if (piece.size != 0 && piece.out != nullptr && piece.out != piece.in) {
      std::memcpy(piece.out, piece.in, piece.size);
    }
  }
}

}  // namespace

Result<void> protect(Session& session, std::span<Piece> pieces, bool sealed,
                     Session::Signature signature) {
  if (sealed) {
    return session.seal(pieces, signature);
  }
  TRY_VOID(session.sign(Views(pieces).get(), signature));
  copy_pieces(pieces);
  return {};
}

Result<bool> unprotect(Session& session, std::span<Piece> pieces, ByteView signature) {
  // Where signing alone was agreed that is how messages come, but for LDAP.
  if (session.can_sign() && !session.can_seal() && !session.seals_everything()) {
    const auto verified = session.verify(Views(pieces).get(), signature);
    if (verified) {
      copy_pieces(pieces);
      return false;
    }
    if (verified.error().code != Errc::kBadSignature) {
      return tl::unexpected(verified.error());
    }
  }
  bool sealed = false;
  TRY_VOID(session.unseal(pieces, signature, &sealed));
  return sealed;
}

namespace {

Status wrap(gss_ctx_id_t handle, int conf_req_flag, gss_qop_t qop, ByteView message,
            int* conf_state, gss_buffer_t output) {
  TRY(Session* const session, session_behind(handle));
  if (qop != GSS_C_QOP_DEFAULT) {
    return GSS_S_BAD_QOP;
  }
  if (message.size() > std::numeric_limits<std::size_t>::max() - kSignatureSize) {
    return Error{Errc::kNoMemory, "wrap"};
  }
  TRY(OutputBuffer token, OutputBuffer::of_size(kSignatureSize + message.size()));
  const bool sealed = will_seal(*session, conf_req_flag);
  Piece piece{message.data(), token.bytes().data() + kSignatureSize, message.size(), sealed};
  TRY_VOID(protect(*session, {&piece, 1}, sealed, token.bytes().first<kSignatureSize>()));
  std::move(token).give(output);
  set(conf_state, sealed ? 1 : 0);
  return {};
}

Status unwrap(gss_ctx_id_t handle, ByteView token, gss_buffer_t output, int* conf_state) {
  TRY(Session* const session, session_behind(handle));
  if (token.size() < kSignatureSize) {
    return Error{Errc::kDefectiveMessage, "wrap token"};
  }
  const ByteView message = token.subspan(kSignatureSize);
  TRY(OutputBuffer plain, OutputBuffer::of_size(message.size()));
  Piece piece{message.data(), plain.bytes().data(), message.size(), true};
  TRY(const bool sealed, unprotect(*session, {&piece, 1}, token.first(kSignatureSize)));
  std::move(plain).give(output);
  set(conf_state, sealed ? 1 : 0);
  return {};
}

// RFC 4401 for NTLM, which no specification defines; both sides must be this mechanism.
// GSS_C_PRF_KEY_FULL and _PARTIAL are the same, since both parties contribute to the key:
//   K = HMAC-SHA-256(ExportedSessionKey, "GSS-API PRF for NTLM")
//   output = T(1) || T(2) || …, T(n) = HMAC-SHA-256(K, n as four bytes, most significant first, ||
//   prf_in)
Result<OutputBuffer> pseudo_random(const Session& session, ByteView input, std::size_t size) {
  TRY(OutputBuffer out, OutputBuffer::of_size(size));
  auto key =
      crypto::hmac_sha256(session.exported_key().expose(), {bytes_of("GSS-API PRF for NTLM")});
  std::span<std::uint8_t> rest = out.bytes();
  for (std::uint32_t n = 1; !rest.empty(); ++n) {
    const std::array<std::uint8_t, 4> counter = {
        static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16),
        static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
    auto block = crypto::hmac_sha256(key, {counter, input});
    const std::size_t part = std::min(block.size(), rest.size());
    std::copy_n(block.begin(), part, rest.begin());
    rest = rest.subspan(part);
    wipe(block.data(), block.size());
  }
  wipe(key.data(), key.size());
  return out;
}

}  // namespace
}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_wrap(OM_uint32* minor_status, gss_ctx_id_t context_handle, int conf_req_flag,
                   gss_qop_t qop_req, gss_buffer_t input_message_buffer, int* conf_state,
                   gss_buffer_t output_message_buffer) {
  clear(conf_state, output_message_buffer);
  if (output_message_buffer == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&] {
    return wrap(context_handle, conf_req_flag, qop_req, bytes_of(input_message_buffer), conf_state,
                output_message_buffer);
  });
}

OM_uint32 gss_unwrap(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                     gss_buffer_t input_message_buffer, gss_buffer_t output_message_buffer,
                     int* conf_state, gss_qop_t* qop_state) {
  clear(output_message_buffer, conf_state, qop_state);
  if (output_message_buffer == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&] {
    return unwrap(context_handle, bytes_of(input_message_buffer), output_message_buffer,
                  conf_state);
  });
}

OM_uint32 gss_get_mic(OM_uint32* minor_status, gss_ctx_id_t context_handle, gss_qop_t qop_req,
                      gss_buffer_t message_buffer, gss_buffer_t message_token) {
  clear(message_token);
  if (message_token == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&]() -> Status {
    TRY(Session* const session, session_behind(context_handle));
    if (qop_req != GSS_C_QOP_DEFAULT) {
      return GSS_S_BAD_QOP;
    }
    TRY(OutputBuffer token, OutputBuffer::of_size(kSignatureSize));
    const ByteView message = bytes_of(message_buffer);
    TRY_VOID(session->sign({&message, 1}, token.bytes().first<kSignatureSize>()));
    std::move(token).give(message_token);
    return {};
  });
}

OM_uint32 gss_verify_mic(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                         gss_buffer_t message_buffer, gss_buffer_t message_token,
                         gss_qop_t* qop_state) {
  clear(qop_state);
  return guard(minor_status, [&]() -> Status {
    TRY(Session* const session, session_behind(context_handle));
    const ByteView message = bytes_of(message_buffer);
    TRY_VOID(session->verify({&message, 1}, bytes_of(message_token)));
    return {};
  });
}

OM_uint32 gss_wrap_size_limit(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                              int /*conf_req_flag*/, gss_qop_t qop_req, OM_uint32 req_output_size,
                              OM_uint32* max_input_size) {
  clear(max_input_size);
  return guard(minor_status, [&]() -> Status {
    TRY_VOID(session_behind(context_handle));
    if (qop_req != GSS_C_QOP_DEFAULT) {
      return GSS_S_BAD_QOP;
    }
    const auto overhead = static_cast<OM_uint32>(kSignatureSize);
    set(max_input_size, req_output_size > overhead ? req_output_size - overhead : OM_uint32{0});
    return {};
  });
}

OM_uint32 gss_pseudo_random(OM_uint32* minor_status, gss_ctx_id_t context_handle, int prf_key,
                            const gss_buffer_t prf_in, ssize_t desired_output_len,
                            gss_buffer_t prf_out) {
  constexpr ssize_t kMostOutput = 1 << 20;
  clear(prf_out);
  return guard(minor_status, [&]() -> Status {
    TRY(Session* const session, session_behind(context_handle));
    const bool key_known = prf_key == GSS_C_PRF_KEY_FULL || prf_key == GSS_C_PRF_KEY_PARTIAL;
    if (!key_known || desired_output_len < 0 || desired_output_len > kMostOutput) {
      return Error{Errc::kBadArgument, "PRF"};
    }
    // An anonymous peer has no key of its own.
    if ((session->flags() & wire::kAnonymous) != 0) {
      return Error{Errc::kNotProtected, "PRF"};
    }
    TRY(OutputBuffer out,
        pseudo_random(*session, bytes_of(prf_in), static_cast<std::size_t>(desired_output_len)));
    std::move(out).give(prf_out);
    return {};
  });
}

}  // extern "C"
