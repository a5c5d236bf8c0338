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

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "sspi_compat/inquiry.h"

namespace sspi {
namespace {

constexpr std::size_t kSignatureSize = 16;
using Signature = std::array<unsigned char, kSignatureSize>;
// [MS-NLMP] 3.4.4: where nothing was agreed but ALWAYS_SIGN, Windows writes this and counts
// nothing.
constexpr Signature kDummySignature = {1};

// A message's buffers as IOVs. Small messages, which all are, need no memory from the heap.
class Message {
 public:
  // signing: TOKEN is a MIC_TOKEN.
  Message(PSecBufferDesc buffers, bool signing) : buffers_(buffers) {
    if (buffers == nullptr || buffers->pBuffers == nullptr || buffers->cBuffers > kMost) {
      return;  // nothing is found in it
    }
    if (buffers->cBuffers > few_.size()) {
      many_ = std::make_unique_for_overwrite<gss_iov_buffer_desc[]>(buffers->cBuffers);
      iov_ = many_.get();
    }
    for (; count_ < buffers->cBuffers; ++count_) {
      const SecBuffer& buffer = buffers->pBuffers[count_];
      const OM_uint32 type = type_of(buffer, signing);
      iov_[count_] = {type, {buffer.cbBuffer, buffer.pvBuffer}};
      const bool has_memory = buffer.pvBuffer != nullptr || buffer.cbBuffer == 0;
      sound_ = sound_ && (has_memory || type == GSS_IOV_BUFFER_TYPE_EMPTY);
    }
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // One TOKEN and at least one DATA.
  bool is_detached() const { return sound_ && tokens_ == 1 && datas_ > 0 && streams_ == 0; }
  bool is_stream() const { return sound_ && streams_ == 1 && tokens_ == 0 && plain_ == 1; }
  SecBuffer& token() const { return buffers_->pBuffers[token_]; }
  std::size_t token_index() const { return token_; }
  const SecBuffer& stream() const { return buffers_->pBuffers[stream_]; }

  gss_iov_buffer_desc* iov() { return iov_; }
  int count() const { return static_cast<int>(count_); }

  // Lengths and places that GSS has changed go back to the caller.
  void give_back() {
    for (std::size_t i = 0; i < count_; ++i) {
      SecBuffer& buffer = buffers_->pBuffers[i];
      if (iov_[i].type == GSS_IOV_BUFFER_TYPE_EMPTY) {
        continue;
      }
      buffer.cbBuffer = static_cast<ULONG>(iov_[i].buffer.length);
      buffer.pvBuffer = iov_[i].buffer.value;
    }
  }

  // What a failed unsealing must not leave behind.
  void wipe_data() {
    for (const gss_iov_buffer_desc& piece : std::span(iov_, count_)) {
      if (piece.type == GSS_IOV_BUFFER_TYPE_DATA && piece.buffer.value != nullptr &&
          streams_ == 0) {
        std::memset(piece.buffer.value, 0, piece.buffer.length);
      }
    }
  }

 private:
  static constexpr std::size_t kMost = 1024;

  OM_uint32 type_of(const SecBuffer& buffer, bool signing) {
    switch (buffer_type(buffer)) {
      case SECBUFFER_TOKEN:
        ++tokens_;
        token_ = count_;
        return signing ? GSS_IOV_BUFFER_TYPE_MIC_TOKEN : GSS_IOV_BUFFER_TYPE_HEADER;
      case SECBUFFER_DATA:
        ++datas_;
        if ((buffer.BufferType & SECBUFFER_READONLY) != 0) {
          return GSS_IOV_BUFFER_TYPE_EMPTY;
        }
        if ((buffer.BufferType & SECBUFFER_READONLY_WITH_CHECKSUM) != 0) {
          return GSS_IOV_BUFFER_TYPE_SIGN_ONLY;
        }
        ++plain_;
        return GSS_IOV_BUFFER_TYPE_DATA;
      case SECBUFFER_PADDING:
        return signing ? GSS_IOV_BUFFER_TYPE_EMPTY : GSS_IOV_BUFFER_TYPE_PADDING;
      case SECBUFFER_STREAM:
        ++streams_;
        stream_ = count_;
        return GSS_IOV_BUFFER_TYPE_STREAM;
      default:
        return GSS_IOV_BUFFER_TYPE_EMPTY;
    }
  }

  PSecBufferDesc buffers_;
  std::array<gss_iov_buffer_desc, 16> few_;
  std::unique_ptr<gss_iov_buffer_desc[]> many_;
  gss_iov_buffer_desc* iov_ = few_.data();
  std::size_t count_ = 0;
  bool sound_ = true;
  int tokens_ = 0;
  int datas_ = 0;
  int plain_ = 0;
  int streams_ = 0;
  std::size_t token_ = 0;
  std::size_t stream_ = 0;
};

SECURITY_STATUS bad_buffers() {
  return failure(SEC_E_INVALID_TOKEN,
                 "pMessage does not have one TOKEN (or one STREAM) and its DATA");
}

// Room for the signature or header. NTLM's size is known; other mechanisms tell theirs.
SECURITY_STATUS check_room(const Context& context, Message& message, bool signing, int conf) {
  std::size_t needed = kSignatureSize;
  if (!context.is_ntlm()) {
    std::vector<gss_iov_buffer_desc> lengths(message.iov(), message.iov() + message.count());
    OM_uint32 minor = 0;
    int conf_state = 0;
    const OM_uint32 major = signing
                                ? gss_get_mic_iov_length(&minor, context.gss, GSS_C_QOP_DEFAULT,
                                                         lengths.data(), message.count())
                                : gss_wrap_iov_length(&minor, context.gss, conf, GSS_C_QOP_DEFAULT,
                                                      &conf_state, lengths.data(), message.count());
    if (GSS_ERROR(major)) {
      return status_of(Call::kSeal, major, minor, context.mechanism);
    }
    needed = lengths[message.token_index()].buffer.length;
  }
  return message.token().cbBuffer >= needed
             ? SEC_E_OK
             : failure(SEC_E_BUFFER_TOO_SMALL, "the TOKEN buffer is too small");
}

// NTLM without SIGN and SEAL: the constant signature.
bool has_dummy_signature(const Context& context) {
  return context.is_ntlm() && !context.signs() && !context.seals();
}

SECURITY_STATUS make_signature(PCtxtHandle handle, ULONG qop, PSecBufferDesc buffers) {
  const auto context = contexts().find(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  const auto lock = context->lock_sending();
  if (context->state != Context::State::kOpen) {
    return SEC_E_INVALID_HANDLE;
  }
  if (qop == SECQOP_WRAP_NO_ENCRYPT) {
    return failure(SEC_E_INVALID_TOKEN, "SECQOP_WRAP_NO_ENCRYPT belongs to EncryptMessage");
  }
  if (qop != GSS_C_QOP_DEFAULT) {
    return SEC_E_QOP_NOT_SUPPORTED;
  }
  Message message(buffers, true);
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
  const OM_uint32 major =
      gss_get_mic_iov(&minor, context->gss, GSS_C_QOP_DEFAULT, message.iov(), message.count());
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kSeal, major, minor, context->mechanism);
  }
  message.give_back();
  return SEC_E_OK;
}

SECURITY_STATUS verify_signature(PCtxtHandle handle, PSecBufferDesc buffers, PULONG qop) {
  const auto context = contexts().find(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  const auto lock = context->lock_receiving();
  if (context->state != Context::State::kOpen) {
    return SEC_E_INVALID_HANDLE;
  }
  Message message(buffers, true);
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
  gss_qop_t state = 0;
  const OM_uint32 major =
      gss_verify_mic_iov(&minor, context->gss, &state, message.iov(), message.count());
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
  const auto context = contexts().find(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  const auto lock = context->lock_sending();
  if (context->state != Context::State::kOpen) {
    return SEC_E_INVALID_HANDLE;
  }
  const ULONG meaning = qop & ~ULONG{SECQOP_WRAP_OOB_DATA};
  const int conf = meaning == SECQOP_WRAP_NO_ENCRYPT ? 0 : 1;
  if (conf != 0 && meaning != GSS_C_QOP_DEFAULT) {
    return SEC_E_QOP_NOT_SUPPORTED;
  }
  Message message(buffers, false);
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
                                       message.iov(), message.count());
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kSeal, major, minor, context->mechanism);
  }
  message.give_back();
  // Plaintext under SEC_E_OK: never.
  return conf == 0 || conf_state != 0 ? SEC_E_OK : SEC_E_UNSUPPORTED_FUNCTION;
}

SECURITY_STATUS decrypt_message(PCtxtHandle handle, PSecBufferDesc buffers, PULONG qop) {
  const auto context = contexts().find(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  const auto lock = context->lock_receiving();
  if (context->state != Context::State::kOpen) {
    return SEC_E_INVALID_HANDLE;
  }
  Message message(buffers, false);
  if (message.is_stream() && message.stream().cbBuffer < kSignatureSize) {
    return SEC_E_INCOMPLETE_MESSAGE;
  }
  if (!message.is_detached() && !message.is_stream()) {
    return bad_buffers();
  }
  if (has_dummy_signature(*context) && !may_seal_as_2003(*context)) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "no protection was agreed in this context");
  }
  OM_uint32 minor = 0;
  int conf_state = 0;
  gss_qop_t state = 0;
  const OM_uint32 major =
      gss_unwrap_iov(&minor, context->gss, &conf_state, &state, message.iov(), message.count());
  if (major != GSS_S_COMPLETE) {
    message.wipe_data();  // a replayed or misplaced message was decrypted all the same
    return status_of(Call::kUnseal, major, minor, context->mechanism);
  }
  if (qop != nullptr && !context->is_ntlm()) {
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

SECURITY_STATUS SealMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG) {
  return guard([&] { return encrypt_message(phContext, fQOP, pMessage); });
}

SECURITY_STATUS UnsealMessage(PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG, PULONG pfQOP) {
  return guard([&] { return decrypt_message(phContext, pMessage, pfQOP); });
}

}  // extern "C"
