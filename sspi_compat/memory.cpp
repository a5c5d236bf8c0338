// SPDX-License-Identifier: MIT
#include "sspi_compat/memory.h"

#include <string.h>  // explicit_bzero

#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

#include "sspi_compat/text.h"

namespace sspi {
namespace {

// Sharded by address, so that threads seldom meet.
struct Shard {
  std::mutex mutex;
  std::unordered_map<const void*, std::size_t> blocks;
};

// Never destroyed: a program may free a buffer in its own last destructors.
Shard& shard_of(const void* block) {
  constexpr std::size_t kShards = 16;
  static auto& shards = *new std::array<Shard, kShards>;
  return shards[(reinterpret_cast<std::uintptr_t>(block) >> 6) % kShards];
}

}  // namespace

void* hand_out(std::size_t size) {
  void* block = std::calloc(1, size == 0 ? 1 : size);
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  std::unique_ptr<void, decltype(&std::free)> owner(block, &std::free);
  Shard& shard = shard_of(block);
  const std::lock_guard lock(shard.mutex);
  shard.blocks.emplace(block, size);
  return owner.release();
}

bool take_back(void* block) noexcept {
  if (block == nullptr) {
    return true;
  }
  Shard& shard = shard_of(block);
  std::size_t size = 0;
  {
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.blocks.find(block);
    if (found == shard.blocks.end()) {
      return false;
    }
    size = found->second;
    shard.blocks.erase(found);
  }
  explicit_bzero(block, size);
  std::free(block);
  return true;
}

std::size_t handed_out_size(const void* block) noexcept {
  Shard& shard = shard_of(block);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.blocks.find(block);
  return found == shard.blocks.end() ? 0 : found->second;
}

void TakeBack::operator()(void* block) const noexcept { take_back(block); }

HandedOut<char> hand_out_bytes(std::string_view bytes) {
  HandedOut<char> block(static_cast<char*>(hand_out(bytes.size())));
  bytes.copy(block.get(), bytes.size());
  return block;
}

template <>
HandedOut<SEC_CHAR> hand_out_text<SEC_CHAR>(std::string_view utf8) {
  if (!is_utf8(utf8)) {
    return nullptr;
  }
  HandedOut<SEC_CHAR> block(static_cast<SEC_CHAR*>(hand_out(utf8.size() + 1)));
  utf8.copy(block.get(), utf8.size());
  return block;
}

template <>
HandedOut<SEC_WCHAR> hand_out_text<SEC_WCHAR>(std::string_view utf8) {
  auto wide = to_wide(utf8);
  if (!wide) {
    return nullptr;
  }
  HandedOut<SEC_WCHAR> block(
      static_cast<SEC_WCHAR*>(hand_out((wide->size() + 1) * sizeof(SEC_WCHAR))));
  wide->copy(block.get(), wide->size());
  explicit_bzero(wide->data(), wide->size() * sizeof(SEC_WCHAR));  // it may be a password
  return block;
}

}  // namespace sspi
