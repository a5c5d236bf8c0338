// SPDX-License-Identifier: MIT
// What is handed out and comes back through FreeContextBuffer. Every block is known, so that a
// pointer which is not one, or comes twice, is an answer and not a crash. Blocks are wiped on their
// way back: some hold keys.
#pragma once

#include <memory>
#include <string_view>

#include "sspi/sspi.h"

namespace sspi {

struct TakeBack {
  void operator()(void* block) const noexcept;
};
// Owned until released to the caller.
template <typename T>
using HandedOut = std::unique_ptr<T, TakeBack>;

// size bytes of zeros; throws std::bad_alloc.
void* hand_out(std::size_t size);
// false when the block is not one of ours. NULL is fine.
bool take_back(void* block) noexcept;
// The size it was made with; 0 when it is not one of ours.
std::size_t handed_out_size(const void* block) noexcept;

HandedOut<char> hand_out_bytes(std::string_view bytes);
// NUL-terminated text, in the character type of the function's A or W form; null when it is not
// UTF-8.
template <typename Char>
HandedOut<Char> hand_out_text(std::string_view utf8);
template <>
HandedOut<SEC_CHAR> hand_out_text<SEC_CHAR>(std::string_view utf8);
template <>
HandedOut<SEC_WCHAR> hand_out_text<SEC_WCHAR>(std::string_view utf8);

}  // namespace sspi
