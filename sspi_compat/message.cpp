// SPDX-License-Identifier: MIT
// Protection of messages: SSPI's buffers become GSS IOVs in the same order, nothing is copied.
//
//   SSPI                              GSS
//   TOKEN                             HEADER (seal), MIC_TOKEN (sign)
//   DATA                              DATA
//   DATA|READONLY_WITH_CHECKSUM       SIGN_ONLY
//   DATA|READONLY                     EMPTY: neither signed nor sealed
//   PADDING                           PADDING
//   STREAM                            STREAM (unseal)
//   any other                         EMPTY
#include <gssapi/gssapi_ext.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "sspi_compat/buffers.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

constexpr std::size_t kSignatureSize = 16;
using Signature = std::array<unsigned char, kSignatureSize>;
// [MS-NLMP] 3.4.4: where nothing was agreed but ALWAYS_SIGN, Windows writes this and counts
// nothing.
constexpr Signature kDummySignature = {1};

// What a type of buffer is in a sealed and in a signed message, and what it counts as: one of four
// counters in a word.
constexpr std::uint64_t kOneToken = 1;
constexpr std::uint64_t kOneStream = std::uint64_t{1} << 16;
constexpr std::uint64_t kOneData = std::uint64_t{1} << 32;
constexpr std::uint64_t kOnePlain = std::uint64_t{1} << 48;  // DATA without a READONLY
struct Kind {
  OM_uint32 sealed = GSS_IOV_BUFFER_TYPE_EMPTY;
  OM_uint32 in_signature = GSS_IOV_BUFFER_TYPE_EMPTY;
  std::uint64_t counts = 0;
};
constexpr auto kKinds = [] {
  std::array<Kind, 16> kinds{};
  kinds[SECBUFFER_TOKEN] = {GSS_IOV_BUFFER_TYPE_HEADER, GSS_IOV_BUFFER_TYPE_MIC_TOKEN, kOneToken};
  kinds[SECBUFFER_DATA] = {GSS_IOV_BUFFER_TYPE_DATA, GSS_IOV_BUFFER_TYPE_DATA,
                           kOneData | kOnePlain};
  kinds[SECBUFFER_PADDING].sealed = GSS_IOV_BUFFER_TYPE_PADDING;
  kinds[SECBUFFER_STREAM] = {GSS_IOV_BUFFER_TYPE_STREAM, GSS_IOV_BUFFER_TYPE_STREAM, kOneStream};
  return kinds;
}();
constexpr Kind kReadOnlyData = {GSS_IOV_BUFFER_TYPE_EMPTY, GSS_IOV_BUFFER_TYPE_EMPTY, kOneData};
constexpr Kind kChecksummedData = {GSS_IOV_BUFFER_TYPE_SIGN_ONLY, GSS_IOV_BUFFER_TYPE_SIGN_ONLY,
                                   kOneData};

const Kind& kind_of(const SecBuffer& buffer) {
  if (buffer.BufferType < kKinds.size()) {
    return kKinds[buffer.BufferType];
  }
  const ULONG type = buffer_type(buffer);
  if (type == SECBUFFER_DATA && (buffer.BufferType & SECBUFFER_READONLY) != 0) {
    return kReadOnlyData;
  }
  if (type == SECBUFFER_DATA && (buffer.BufferType & SECBUFFER_READONLY_WITH_CHECKSUM) != 0) {
    return kChecksummedData;
  }
  return kKinds[type < kKinds.size() ? type : SECBUFFER_EMPTY];
}

// More than any of the layouts has; few enough that a call's frame stays small.
using FewBuffers = std::array<gss_iov_buffer_desc, 6>;

// A message's buffers as IOVs. Small messages, which all are, need no memory from the heap.
class Message {
 public:
  // signing: TOKEN is a MIC_TOKEN. few: where the usual number of IOVs goes.
  Message(PSecBufferDesc buffers, bool signing, FewBuffers& few) : iov_(few.data()) {
    if (buffers == nullptr || buffers->pBuffers == nullptr) {
      return;  // nothing is found in it
    }
    if (buffers->cBuffers > few.size()) [[unlikely]] {
      if (buffers->cBuffers > kMost) {
        return;
      }
      many_ = std::make_unique_for_overwrite<gss_iov_buffer_desc[]>(buffers->cBuffers);
      iov_ = many_.get();
    }
    buffers_ = std::span(buffers->pBuffers, buffers->cBuffers);
    gss_iov_buffer_desc* next = iov_;
    for (SecBuffer& buffer : buffers_) {
      const Kind& kind = kind_of(buffer);
      const OM_uint32 type = signing ? kind.in_signature : kind.sealed;
      *next++ = {type, {buffer.cbBuffer, buffer.pvBuffer}};
      counts_ += kind.counts;
      if (kind.counts == kOneToken) {
        token_ = &buffer;
      }
      if (buffer.pvBuffer == nullptr) [[unlikely]] {
        sound_ = sound_ && (buffer.cbBuffer == 0 || type == GSS_IOV_BUFFER_TYPE_EMPTY);
      }
    }
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // One TOKEN and at least one DATA.
  bool is_detached() const {
    return sound_ && (counts_ & kTokensAndStreams) == kOneToken && counts_ >= kOneData;
  }
  bool is_stream() const {
    return sound_ && (counts_ & kTokensAndStreams) == kOneStream && counts_ / kOnePlain == 1;
  }
  SecBuffer& token() const { return *token_; }
  std::size_t token_index() const { return static_cast<std::size_t>(token_ - buffers_.data()); }
  ULONG stream_size() const {
    return std::ranges::find(buffers_, ULONG{SECBUFFER_STREAM}, &buffer_type)->cbBuffer;
  }

  std::span<gss_iov_buffer_desc> iov() const { return {iov_, buffers_.size()}; }
  int count() const { return static_cast<int>(buffers_.size()); }

  // Lengths and places that GSS has changed go back to the caller.
  void give_back() const {
    const gss_iov_buffer_desc* next = iov_;
    for (SecBuffer& buffer : buffers_) {
      const gss_iov_buffer_desc& piece = *next++;
      if (piece.type != GSS_IOV_BUFFER_TYPE_EMPTY) {
        buffer.cbBuffer = static_cast<ULONG>(piece.buffer.length);
        buffer.pvBuffer = piece.buffer.value;
      }
    }
  }

  // What a failed unsealing must not leave behind.
  void wipe_data() const {
    for (const gss_iov_buffer_desc& piece : iov()) {
      if (piece.type == GSS_IOV_BUFFER_TYPE_DATA && piece.buffer.value != nullptr &&
          (counts_ & kTokensAndStreams) < kOneStream) {
        std::memset(piece.buffer.value, 0, piece.buffer.length);
      }
    }
  }

 private:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::uint64_t kTokensAndStreams = kOneData - 1;

  std::span<SecBuffer> buffers_;
  gss_iov_buffer_desc* iov_;
  std::unique_ptr<gss_iov_buffer_desc[]> many_;
  std::uint64_t counts_ = 0;
  SecBuffer* token_ = nullptr;
  bool sound_ = true;
};

SECURITY_STATUS bad_buffers() {
  return failure(SEC_E_INVALID_TOKEN,
                 "pMessage does not have one TOKEN (or one STREAM) and its DATA");
}

// What the signature (signing) or header takes. NTLM's size is known; other mechanisms tell theirs.
struct Room {
  SECURITY_STATUS status = SEC_E_OK;
  std::size_t size = kSignatureSize;
};
[[gnu::noinline]] Room ask_room(const Context& context, std::span<const gss_iov_buffer_desc> iov,
                                std::size_t token, bool signing, int conf) {
  std::vector<gss_iov_buffer_desc> lengths(iov.begin(), iov.end());
  const int count = static_cast<int>(lengths.size());
  OM_uint32 minor = 0;
  int conf_state = 0;
  const OM_uint32 major =
      signing
          ? gss_get_mic_iov_length(&minor, context.gss, GSS_C_QOP_DEFAULT, lengths.data(), count)
          : gss_wrap_iov_length(&minor, context.gss, conf, GSS_C_QOP_DEFAULT, &conf_state,
                                lengths.data(), count);
  if (GSS_ERROR(major)) {
    return {status_of(Call::kSeal, major, minor, context.mechanism), 0};
  }
  return {SEC_E_OK, lengths[token].buffer.length};
}

SECURITY_STATUS check_room(const Context& context, const Message& message, bool signing, int conf) {
  const Room room = context.is_ntlm()
                        ? Room()
                        : ask_room(context, message.iov(), message.token_index(), signing, conf);
  if (room.status != SEC_E_OK || message.token().cbBuffer >= room.size) {
    return room.status;
  }
  return failure(SEC_E_BUFFER_TOO_SMALL, "the TOKEN buffer is too small");
}

// NTLM without SIGN and SEAL: the constant signature.
bool has_dummy_signature(const Context& context) {
  return context.is_ntlm() && !context.signs() && !context.seals();
}

SECURITY_STATUS make_signature(PCtxtHandle handle, ULONG qop, PSecBufferDesc buffers) {
  const auto context = open_context(handle, Hold::kSending);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  if (qop == SECQOP_WRAP_NO_ENCRYPT) {
    return failure(SEC_E_INVALID_TOKEN, "SECQOP_WRAP_NO_ENCRYPT belongs to EncryptMessage");
  }
  if (qop != GSS_C_QOP_DEFAULT) {
    return SEC_E_QOP_NOT_SUPPORTED;
  }
  FewBuffers few;
  Message message(buffers, true, few);
  if (!message.is_detached()) {
    return bad_buffers();
  }
  if (const SECURITY_STATUS status = check_room(*context, message, true, 0); status != SEC_E_OK) {
    return status;
  }
  if (has_dummy_signature(*context)) {
    std::memcpy(message.token().pvBuffer, kDummySignature.data(), kSignatureSize);
    message.token().cbBuffer = kSignatureSize;
    return SEC_E_OK;
  }
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_get_mic_iov(&minor, context->gss, GSS_C_QOP_DEFAULT,
                                          message.iov().data(), message.count());
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kSeal, major, minor, context->mechanism);
  }
  message.give_back();
  return SEC_E_OK;
}

SECURITY_STATUS verify_signature(PCtxtHandle handle, PSecBufferDesc buffers, PULONG qop) {
  const auto context = open_context(handle, Hold::kReceiving);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  FewBuffers few;
  Message message(buffers, true, few);
  if (!message.is_detached()) {
    return bad_buffers();
  }
  if (has_dummy_signature(*context)) {
    const bool right =
        message.token().cbBuffer == kSignatureSize &&
        std::memcmp(message.token().pvBuffer, kDummySignature.data(), kSignatureSize) == 0;
    return right ? SEC_E_OK : SEC_E_MESSAGE_ALTERED;
  }
  OM_uint32 minor = 0;
  const OM_uint32 major =
      gss_verify_mic_iov(&minor, context->gss, nullptr, message.iov().data(), message.count());
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kUnseal, major, minor, context->mechanism);
  }
  if (qop != nullptr && !context->is_ntlm()) {
    *qop = 0;
  }
  return SEC_E_OK;
}

// Windows up to 2003 encrypts without asking where nothing was agreed; the mechanism knows whether
// it may.
bool may_seal_as_2003(Context& context) {
  return has_dummy_signature(context) && !context.extended_security() &&
         allow_legacy_sealing(context);
}

SECURITY_STATUS check_may_seal(Context& context, bool encrypt) {
  if (!context.is_ntlm() || (encrypt ? context.seals() : context.signs())) {
    return SEC_E_OK;
  }
  return encrypt && may_seal_as_2003(context)
             ? SEC_E_OK
             : failure(SEC_E_UNSUPPORTED_FUNCTION, "the protection was not agreed in this context");
}

SECURITY_STATUS encrypt_message(PCtxtHandle handle, ULONG qop, PSecBufferDesc buffers) {
  const auto context = open_context(handle, Hold::kSending);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  int conf = 1;
  if (const ULONG meaning = qop & ~ULONG{SECQOP_WRAP_OOB_DATA}; meaning != GSS_C_QOP_DEFAULT) {
    if (meaning != SECQOP_WRAP_NO_ENCRYPT) {
      return SEC_E_QOP_NOT_SUPPORTED;
    }
    conf = 0;
  }
  FewBuffers few;
  Message message(buffers, false, few);
  if (!message.is_detached()) {
    return bad_buffers();
  }
  SECURITY_STATUS status = check_may_seal(*context, conf != 0);
  status = status == SEC_E_OK ? check_room(*context, message, false, conf) : status;
  if (status != SEC_E_OK) {
    return status;
  }
  OM_uint32 minor = 0;
  int conf_state = 0;
  const OM_uint32 major = gss_wrap_iov(&minor, context->gss, conf, GSS_C_QOP_DEFAULT, &conf_state,
                                       message.iov().data(), message.count());
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kSeal, major, minor, context->mechanism);
  }
  message.give_back();
  // Plaintext under SEC_E_OK: never.
  return conf_state != 0 || conf == 0 ? SEC_E_OK : SEC_E_UNSUPPORTED_FUNCTION;
}

SECURITY_STATUS decrypt_message(PCtxtHandle handle, PSecBufferDesc buffers, PULONG qop) {
  const auto context = open_context(handle, Hold::kReceiving);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  FewBuffers few;
  Message message(buffers, false, few);
  if (!message.is_detached()) {
    if (!message.is_stream()) {
      return bad_buffers();
    }
    if (message.stream_size() < kSignatureSize) {
      return SEC_E_INCOMPLETE_MESSAGE;
    }
  }
  if (has_dummy_signature(*context) && !may_seal_as_2003(*context)) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "no protection was agreed in this context");
  }
  OM_uint32 minor = 0;
  int conf_state = 0;
  const OM_uint32 major = gss_unwrap_iov(&minor, context->gss, &conf_state, nullptr,
                                         message.iov().data(), message.count());
  if (major != GSS_S_COMPLETE) {
    message.wipe_data();  // a replayed or misplaced message was decrypted all the same
    return status_of(Call::kUnseal, major, minor, context->mechanism);
  }
  // What came in clear is said so. Of what was encrypted NTLM says nothing, as on Windows.
  if (qop != nullptr && (conf_state == 0 || !context->is_ntlm())) {
    *qop = conf_state != 0 ? 0 : ULONG{SECQOP_WRAP_NO_ENCRYPT};
  }
  message.give_back();
  return SEC_E_OK;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS MakeSignature(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG) {
  return guard([&] { return make_signature(phContext, fQOP, pMessage); });
}

SECURITY_STATUS VerifySignature(PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG,
                                PULONG pfQOP) {
  return guard([&] { return verify_signature(phContext, pMessage, pfQOP); });
}

SECURITY_STATUS EncryptMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG) {
  return guard([&] { return encrypt_message(phContext, fQOP, pMessage); });
}

SECURITY_STATUS DecryptMessage(PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG,
                               PULONG pfQOP) {
  return guard([&] { return decrypt_message(phContext, pMessage, pfQOP); });
}

// The names that they had before Windows 2000.
SECURITY_STATUS SealMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage,
                            ULONG MessageSeqNo) {
  return EncryptMessage(phContext, fQOP, pMessage, MessageSeqNo);
}

SECURITY_STATUS UnsealMessage(PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo,
                              PULONG pfQOP) {
  return DecryptMessage(phContext, pMessage, MessageSeqNo, pfQOP);
}

}  // extern "C"
