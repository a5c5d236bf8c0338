// SPDX-License-Identifier: MIT
// SecPkgInfo as it is handed out: structures first, then their texts, all in one block.
#pragma once

#include <cstring>
#include <span>
#include <type_traits>

#include "sspi_compat/mechanism.h"
#include "sspi_compat/memory.h"

namespace sspi {

template <typename Char>
using PackageInfo = std::conditional_t<sizeof(Char) == 1, SecPkgInfoA, SecPkgInfoW>;

// Names and comments are ASCII.
template <typename Char>
HandedOut<PackageInfo<Char>> make_package_info(std::span<const Package* const> packages) {
  using Info = PackageInfo<Char>;
  std::size_t size = packages.size() * sizeof(Info);
  for (const Package* package : packages) {
    size += (std::strlen(package->name) + std::strlen(package->comment) + 2) * sizeof(Char);
  }
  HandedOut<Info> block(static_cast<Info*>(hand_out(size)));
  auto* text = static_cast<Char*>(static_cast<void*>(block.get() + packages.size()));
  const auto put = [&](const char* from) {
    Char* start = text;
    for (; *from != '\0'; ++from) {
      *text++ = static_cast<Char>(*from);
    }
    ++text;  // the block is zeros already
    return start;
  };
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const Package& package = *packages[i];
    block.get()[i] = {package.capabilities, 1, package.rpc_id, package.max_token, put(package.name),
                      put(package.comment)};
  }
  return block;
}

}  // namespace sspi
