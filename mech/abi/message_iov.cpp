// SPDX-License-Identifier: MIT
// The forms of wrap and MIC over buffers that lie apart. What each buffer type means:
//   HEADER                the signature, 16 bytes; exactly one
//   DATA                  sealed (or only signed, when confidentiality is not asked or agreed),
//                         in place
//   SIGN_ONLY             signed, never changed
//   PADDING, TRAILER      NTLM has none: length 0
//   STREAM (unwrap only)  a whole wrap token; the one DATA becomes a view into it, or is allocated
//   MIC_TOKEN (MIC only)  the signature, 16 bytes; exactly one
//   EMPTY, MECH_PARAMS    passed over
// DATA of a message that fails its signature is wiped.
// ALLOCATE asks for memory in place of the caller's; nothing is allocated when a call fails. DATA
// and SIGN_ONLY are under the signature in the order of the array, however many there are.
#include "abi/boundary.h"
#include "abi/message.h"

namespace ntlm::abi {
namespace {

using protocol::Piece;
using protocol::Session;

constexpr std::size_t kSignatureSize = Session::kSignatureSize;
using Iov = std::span<gss_iov_buffer_desc>;

OM_uint32 type_of(const gss_iov_buffer_desc& buffer) { return GSS_IOV_BUFFER_TYPE(buffer.type); }
bool wants_memory(const gss_iov_buffer_desc& buffer) {
  return (buffer.type & GSS_IOV_BUFFER_FLAG_ALLOCATE) != 0;
}

std::uint8_t* data_of(const gss_iov_buffer_desc& buffer) {
  return static_cast<std::uint8_t*>(buffer.buffer.value);
}

Result<Iov> buffers_of(gss_iov_buffer_desc* iov, int count) {
  if (iov == nullptr || count < 0) {
    return fail(Errc::kBadArgument, "iov");
  }
  return Iov(iov, static_cast<std::size_t>(count));
}

// The only buffer of this type; null when there is none, an error when there are two.
Result<gss_iov_buffer_desc*> only(Iov iov, OM_uint32 type) {
  gss_iov_buffer_desc* found = nullptr;
  for (auto& buffer : iov) {
    if (type_of(buffer) != type) {
      continue;
    }
    if (found != nullptr) {
      return fail(Errc::kBadArgument, "iov");
    }
    found = &buffer;
  }
  return found;
}

Result<gss_iov_buffer_desc*> required(Iov iov, OM_uint32 type) {
  TRY(gss_iov_buffer_desc* const found, only(iov, type));
  if (found == nullptr) {
    return fail(Errc::kBadArgument, "iov");
  }
  return found;
}

// One buffer of the message; DATA is changed in place.
Result<Piece> piece_of(const gss_iov_buffer_desc& buffer, bool seal) {
  std::uint8_t* const bytes = data_of(buffer);
  if (bytes == nullptr && buffer.buffer.length != 0) {
    return fail(Errc::kBadArgument, "iov");
  }
  const bool data = type_of(buffer) == GSS_IOV_BUFFER_TYPE_DATA;
  return Piece{bytes, data ? bytes : nullptr, buffer.buffer.length, data && seal};
}

// The message in order.
class Pieces {
 public:
  explicit Pieces(std::size_t most) : room_(most) {}
  void add(const Piece& piece) { room_.get()[count_++] = piece; }
  // All DATA and SIGN_ONLY of the array.
  Result<void> add_from(Iov iov, bool seal) {
    for (const auto& buffer : iov) {
      const OM_uint32 type = type_of(buffer);
      if (type == GSS_IOV_BUFFER_TYPE_DATA || type == GSS_IOV_BUFFER_TYPE_SIGN_ONLY) {
        TRY(const Piece piece, piece_of(buffer, seal));
        add(piece);
      }
    }
    return {};
  }
  std::span<Piece> get() { return room_.get().first(count_); }

 private:
  Few<Piece> room_;
  std::size_t count_ = 0;
};

// Where a signature goes: the caller's memory, or memory on its way to the caller.
class SignatureRoom {
 public:
  static Result<SignatureRoom> in(gss_iov_buffer_desc& buffer) {
    SignatureRoom room(buffer);
    if (wants_memory(buffer)) {
      TRY(room.memory_, OutputBuffer::of_size(kSignatureSize));
    } else if (buffer.buffer.value == nullptr || buffer.buffer.length < kSignatureSize) {
      return fail(Errc::kBadArgument, "iov signature");
    }
    return room;
  }
  Session::Signature bytes() {
    return memory_.bytes().empty() ? Session::Signature(data_of(*buffer_), kSignatureSize)
                                   : memory_.bytes().first<kSignatureSize>();
  }
  void give() && {
    if (!memory_.bytes().empty()) {
      std::move(memory_).give(&buffer_->buffer);
      buffer_->type |= GSS_IOV_BUFFER_FLAG_ALLOCATED;
    }
    buffer_->buffer.length = kSignatureSize;
  }

 private:
  explicit SignatureRoom(gss_iov_buffer_desc& buffer) : buffer_(&buffer) {}
  gss_iov_buffer_desc* buffer_;
  OutputBuffer memory_;
};

// What NTLM does not have.
void empty_padding(Iov iov) {
  for (auto& buffer : iov) {
    const OM_uint32 type = type_of(buffer);
    if (type != GSS_IOV_BUFFER_TYPE_PADDING && type != GSS_IOV_BUFFER_TYPE_TRAILER) {
      continue;
    }
    buffer.buffer.length = 0;
    if (wants_memory(buffer)) {
      buffer.buffer.value = nullptr;
    }
  }
}

Status wrap(gss_ctx_id_t handle, int conf_req_flag, gss_qop_t qop, int* conf_state, Iov iov) {
  TRY(Session* const session, session_behind(handle));
  if (qop != GSS_C_QOP_DEFAULT) {
    return GSS_S_BAD_QOP;
  }
  TRY(gss_iov_buffer_desc* const header, required(iov, GSS_IOV_BUFFER_TYPE_HEADER));
  TRY(gss_iov_buffer_desc* const stream, only(iov, GSS_IOV_BUFFER_TYPE_STREAM));
  if (stream != nullptr) {
    return Error{Errc::kBadArgument, "iov"};
  }
  const bool sealed = will_seal(*session, conf_req_flag);
  Pieces pieces(iov.size());
  TRY_VOID(pieces.add_from(iov, sealed));
  TRY(SignatureRoom room, SignatureRoom::in(*header));
  TRY_VOID(protect(*session, pieces.get(), sealed, room.bytes()));
  std::move(room).give();
  empty_padding(iov);
  set(conf_state, sealed ? 1 : 0);
  return {};
}

// A whole token in one buffer. SIGN_ONLY buffers are signed beside it, in the order of the array.
Status unwrap_stream(Session& session, const gss_iov_buffer_desc& stream, int* conf_state,
                     Iov iov) {
  TRY(gss_iov_buffer_desc* const data, required(iov, GSS_IOV_BUFFER_TYPE_DATA));
  const std::size_t whole = stream.buffer.length;
  if (stream.buffer.value == nullptr || whole < kSignatureSize) {
    return Error{Errc::kDefectiveMessage, "wrap token"};
  }
  std::uint8_t* const message = data_of(stream) + kSignatureSize;
  const std::size_t size = whole - kSignatureSize;
  OutputBuffer memory;
  if (wants_memory(*data)) {
    TRY(memory, OutputBuffer::of_size(size));
  }
  std::uint8_t* const plain = memory.bytes().empty() ? message : memory.bytes().data();
  Pieces pieces(iov.size());
  for (const auto& buffer : iov) {
    if (&buffer == data) {
      pieces.add({message, plain, size, true});
    } else if (type_of(buffer) == GSS_IOV_BUFFER_TYPE_SIGN_ONLY) {
      TRY(const Piece piece, piece_of(buffer, false));
      pieces.add(piece);
    }
  }
  TRY(const bool sealed, unprotect(session, pieces.get(), {data_of(stream), kSignatureSize}));
  if (wants_memory(*data)) {
    std::move(memory).give(&data->buffer);
    data->type |= GSS_IOV_BUFFER_FLAG_ALLOCATED;
  } else {
    data->buffer = {size, message};
  }
  set(conf_state, sealed ? 1 : 0);
  return {};
}

Status unwrap(gss_ctx_id_t handle, int* conf_state, Iov iov) {
  TRY(Session* const session, session_behind(handle));
  TRY(gss_iov_buffer_desc* const header, only(iov, GSS_IOV_BUFFER_TYPE_HEADER));
  TRY(gss_iov_buffer_desc* const stream, only(iov, GSS_IOV_BUFFER_TYPE_STREAM));
  if ((header == nullptr) == (stream == nullptr)) {
    return Error{Errc::kBadArgument, "iov"};
  }
  if (stream != nullptr) {
    return unwrap_stream(*session, *stream, conf_state, iov);
  }
  Pieces pieces(iov.size());
  TRY_VOID(pieces.add_from(iov, true));
  TRY(const bool sealed, unprotect(*session, pieces.get(), bytes_of(&header->buffer)));
  empty_padding(iov);
  set(conf_state, sealed ? 1 : 0);
  return {};
}

}  // namespace
}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_wrap_iov(OM_uint32* minor_status, gss_ctx_id_t context_handle, int conf_req_flag,
                       gss_qop_t qop_req, int* conf_state, gss_iov_buffer_desc* iov,
                       int iov_count) {
  clear(conf_state);
  return guard(minor_status, [&]() -> Status {
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    return wrap(context_handle, conf_req_flag, qop_req, conf_state, buffers);
  });
}

OM_uint32 gss_wrap_iov_length(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                              int conf_req_flag, gss_qop_t qop_req, int* conf_state,
                              gss_iov_buffer_desc* iov, int iov_count) {
  clear(conf_state);
  return guard(minor_status, [&]() -> Status {
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    TRY(Session* const session, session_behind(context_handle));
    if (qop_req != GSS_C_QOP_DEFAULT) {
      return GSS_S_BAD_QOP;
    }
    TRY(gss_iov_buffer_desc* const header, required(buffers, GSS_IOV_BUFFER_TYPE_HEADER));
    header->buffer.length = kSignatureSize;
    empty_padding(buffers);
    set(conf_state, will_seal(*session, conf_req_flag) ? 1 : 0);
    return {};
  });
}

OM_uint32 gss_unwrap_iov(OM_uint32* minor_status, gss_ctx_id_t context_handle, int* conf_state,
                         gss_qop_t* qop_state, gss_iov_buffer_desc* iov, int iov_count) {
  clear(conf_state, qop_state);
  return guard(minor_status, [&]() -> Status {
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    return unwrap(context_handle, conf_state, buffers);
  });
}

OM_uint32 gss_get_mic_iov(OM_uint32* minor_status, gss_ctx_id_t context_handle, gss_qop_t qop_req,
                          gss_iov_buffer_desc* iov, int iov_count) {
  return guard(minor_status, [&]() -> Status {
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    TRY(Session* const session, session_behind(context_handle));
    if (qop_req != GSS_C_QOP_DEFAULT) {
      return GSS_S_BAD_QOP;
    }
    TRY(gss_iov_buffer_desc* const token, required(buffers, GSS_IOV_BUFFER_TYPE_MIC_TOKEN));
    TRY(SignatureRoom room, SignatureRoom::in(*token));
    Pieces pieces(buffers.size());
    TRY_VOID(pieces.add_from(buffers, false));
    TRY_VOID(session->sign(Views(pieces.get()).get(), room.bytes()));
    std::move(room).give();
    return {};
  });
}

OM_uint32 gss_get_mic_iov_length(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                                 gss_qop_t qop_req, gss_iov_buffer_desc* iov, int iov_count) {
  return guard(minor_status, [&]() -> Status {
    TRY_VOID(session_behind(context_handle));
    if (qop_req != GSS_C_QOP_DEFAULT) {
      return GSS_S_BAD_QOP;
    }
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    TRY(gss_iov_buffer_desc* const token, required(buffers, GSS_IOV_BUFFER_TYPE_MIC_TOKEN));
    token->buffer.length = kSignatureSize;
    return {};
  });
}

OM_uint32 gss_verify_mic_iov(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                             gss_qop_t* qop_state, gss_iov_buffer_desc* iov, int iov_count) {
  clear(qop_state);
  return guard(minor_status, [&]() -> Status {
    TRY(const Iov buffers, buffers_of(iov, iov_count));
    TRY(Session* const session, session_behind(context_handle));
    TRY(gss_iov_buffer_desc* const token, required(buffers, GSS_IOV_BUFFER_TYPE_MIC_TOKEN));
    Pieces pieces(buffers.size());
    TRY_VOID(pieces.add_from(buffers, false));
    TRY_VOID(session->verify(Views(pieces.get()).get(), bytes_of(&token->buffer)));
    return {};
  });
}

}  // extern "C"
