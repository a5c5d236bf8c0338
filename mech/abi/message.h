// SPDX-License-Identifier: MIT
// What gss_wrap and gss_wrap_iov have in common. A wrap token is the signature of 16 bytes, then
// the message, sealed or not ([MS-NLMP] 3.4.4, 3.4.5); a MIC token is the signature alone.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "abi/objects.h"
#include "abi/status.h"

namespace ntlm::abi {

// Room for a number of values: on the stack for the usual few.
template <typename T>
class Few {
 public:
  explicit Few(std::size_t count) : size_(count) {
    if (count > few_.size()) {
      many_ = std::make_unique_for_overwrite<T[]>(count);
    }
  }
  std::span<T> get() { return {many_ != nullptr ? many_.get() : few_.data(), size_}; }

 private:
  std::array<T, 4> few_;
  std::unique_ptr<T[]> many_;
  std::size_t size_;
};

// The session that a message call is for: kBadArgument with GSS_S_NO_CONTEXT for a foreign handle.
Result<protocol::Session*> session_behind(gss_ctx_id_t handle);

// The pieces as Session signs them.
class Views {
 public:
  explicit Views(std::span<const protocol::Piece> pieces) : views_(pieces.size()) {
    std::ranges::transform(pieces, views_.get().begin(), [](const protocol::Piece& piece) {
      return ByteView(piece.in, piece.size);
    });
  }
  std::span<const ByteView> get() { return views_.get(); }

 private:
  Few<ByteView> views_;
};

// Whether this message is sealed on its way out: as its sender asks, always towards LDAP. Where
// neither signing nor sealing was agreed, Session decides: it refuses, unless it was told to allow
// that (sspi_compat).
bool will_seal(const protocol::Session& session, int conf_req_flag);

// Protects the pieces in place or from in to out; those that seal does not apply to are only
// signed, and copied where they have another out.
Result<void> protect(protocol::Session& session, std::span<protocol::Piece> pieces, bool sealed,
                     protocol::Session::Signature signature);
// The reverse. Whether the message came sealed; the outputs hold plaintext only on success.
Result<bool> unprotect(protocol::Session& session, std::span<protocol::Piece> pieces,
                       ByteView signature);

}  // namespace ntlm::abi
