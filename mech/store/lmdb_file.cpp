// SPDX-License-Identifier: MIT
#include "store/lmdb_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace ntlm::store {
namespace {

// LMDB's file is made of its C structures: words of the machine's size, in its byte order.
struct PageHeader {
  std::size_t number;
  std::uint16_t padding, flags;
  std::uint16_t lower, upper;  // offsets in the page: behind the node pointers, and the first node
};
struct Tree {
  std::uint32_t page_size;  // in the first of a meta page's two trees
  std::uint16_t flags, depth;
  std::size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};
struct Meta {
  std::uint32_t magic, version;
  std::size_t address, map_size;
  Tree free_pages, main;
  std::size_t last_page, transaction;
};
struct NodeHeader {
  std::uint16_t low, high;  // of the value's size, or of a child's page number
  std::uint16_t flags;      // of a leaf's node; a child's page number goes on here
  std::uint16_t key_size;
};

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
constexpr std::uint16_t kBigValue = 0x01;
constexpr std::size_t kMinPage = 512, kMaxPage = 32768;
constexpr unsigned kMaxDepth = 32;
constexpr std::size_t kNoRoot = ~std::size_t{0};

template <typename T>
T load(ByteView bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof value).data(), sizeof value);
  return value;
}

tl::unexpected<Error> damaged() { return fail(Errc::kStore, "store.page"); }

std::uint32_t low_half(const NodeHeader& node) {
  constexpr bool little = std::endian::native == std::endian::little;
  return little ? node.low | std::uint32_t{node.high} << 16
                : node.high | std::uint32_t{node.low} << 16;
}

// As memcmp, the shorter first when one begins with the other.
int compare(ByteView a, ByteView b) {
  const std::size_t size = std::min(a.size(), b.size());
  const int order = size == 0 ? 0 : std::memcmp(a.data(), b.data(), size);
  return order != 0 ? order : (a.size() > b.size()) - (a.size() < b.size());
}

}  // namespace

// A page whose header was checked; node() checks the node.
class LmdbFile::Page {
 public:
  Page(ByteView bytes, std::size_t nodes, std::size_t upper)
      : bytes_(bytes), nodes_(nodes), upper_(upper) {}

  struct Node {
    NodeHeader header;
    ByteView key;
    ByteView rest;  // of the page, behind the key
  };
  Result<Node> node(std::size_t index) const {
    const std::size_t offset = load<std::uint16_t>(bytes_, sizeof(PageHeader) + 2 * index);
    if (offset < upper_ || offset + sizeof(NodeHeader) > bytes_.size()) {
      return damaged();
    }
    const auto header = load<NodeHeader>(bytes_, offset);
    const ByteView rest = bytes_.subspan(offset + sizeof header);
    if (header.key_size > rest.size()) {
      return damaged();
    }
    return Node{header, rest.first(header.key_size), rest.subspan(header.key_size)};
  }
  Result<std::size_t> child(std::size_t index) const {
    TRY(const Node found, node(index));
    std::size_t number = low_half(found.header);
    if constexpr (sizeof number > 4) {
      number |= std::size_t{found.header.flags} << 32;
    }
    return number;
  }

  // The first node from `first` on whose key is not before `key`; nodes() when there is none.
  Result<std::size_t> lower_bound(ByteView key, std::size_t first) const {
    std::size_t end = nodes_;
    while (first < end) {
      const std::size_t middle = first + (end - first) / 2;
      TRY(const Node found, node(middle));
      if (compare(found.key, key) < 0) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    return first;
  }
  // The child of a branch that a key belongs below: the last one whose key is not behind it. The
  // first node of a branch has no key.
  Result<std::size_t> choose(ByteView key) const {
    TRY(const std::size_t at, lower_bound(key, 1));
    if (at == nodes_) {
      return at - 1;
    }
    TRY(const Node found, node(at));
    return compare(found.key, key) == 0 ? at : at - 1;
  }

  std::size_t nodes() const { return nodes_; }

 private:
  ByteView bytes_;
  std::size_t nodes_;
  std::size_t upper_;
};

tl::expected<LmdbFile, std::string> LmdbFile::map(const TrustedFile& file) {
  const auto size = static_cast<std::size_t>(file.status.st_size);
  if (size < 2 * kMinPage) {
    return tl::unexpected<std::string>("not an LMDB file, or cut off");
  }
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd.get(), 0);
  if (memory == MAP_FAILED) {
    return tl::unexpected<std::string>(std::error_code(errno, std::generic_category()).message());
  }
  // Where the process has its dumps include mapped files (core(5), coredump_filter).
  (void)::madvise(memory, size, MADV_DONTDUMP);
  LmdbFile lmdb(ByteView(static_cast<const std::uint8_t*>(memory), size));
  if (auto chosen = lmdb.choose_meta(); !chosen) {
    return tl::unexpected<std::string>(chosen.error());
  }
  return lmdb;
}

LmdbFile::LmdbFile(LmdbFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, ByteView())),
      page_size_(other.page_size_),
      root_(other.root_),
      depth_(other.depth_),
      entries_(other.entries_) {}

LmdbFile::~LmdbFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
  }
}

// Two meta pages stand at the front; that of the later transaction counts.
tl::expected<void, std::string> LmdbFile::choose_meta() {
  Meta newest{};
  const std::size_t size = load<Meta>(bytes_, sizeof(PageHeader)).free_pages.page_size;
  if (size < kMinPage || size > kMaxPage || !std::has_single_bit(size) ||
      bytes_.size() < 2 * size) {
    return tl::unexpected<std::string>("not an LMDB file, or damaged");
  }
  for (std::size_t number = 0; number < 2; ++number) {
    const auto header = load<PageHeader>(bytes_, number * size);
    const auto meta = load<Meta>(bytes_, number * size + sizeof header);
    if (header.number != number || header.flags != kMeta || meta.magic != kMagic ||
        meta.free_pages.page_size != size) {
      return tl::unexpected<std::string>("not an LMDB file, or damaged");
    }
    if (meta.version != kVersion) {
      return tl::unexpected<std::string>("an LMDB file of data version " +
                                         std::to_string(meta.version) +
                                         "; this program reads version 1");
    }
    if (number == 0 || meta.transaction > newest.transaction) {
      newest = meta;
    }
  }
  if (newest.last_page >= bytes_.size() / size) {
    return tl::unexpected<std::string>("cut off: it has " + std::to_string(bytes_.size()) +
                                       " bytes where " + std::to_string(newest.last_page) +
                                       " pages of " + std::to_string(size) + " bytes should stand");
  }
  if (newest.main.flags != 0 || newest.main.depth > kMaxDepth ||
      (newest.main.depth == 0) != (newest.main.root == kNoRoot)) {
    return tl::unexpected<std::string>("not a store of accounts, or damaged");
  }
  page_size_ = size;
  root_ = newest.main.root;
  depth_ = newest.main.depth;
  entries_ = newest.main.entries;
  return {};
}

// level: 1 is a leaf. Since every step down has a smaller one, no ring of pages can hold a reader.
Result<LmdbFile::Page> LmdbFile::page(std::size_t number, unsigned level) const {
  if (number < 2 || number >= bytes_.size() / page_size_) {
    return damaged();
  }
  const ByteView bytes = bytes_.subspan(number * page_size_, page_size_);
  const auto header = load<PageHeader>(bytes, 0);
  if (header.number != number || header.flags != (level == 1 ? kLeaf : kBranch) ||
      header.lower <= sizeof header || header.lower % 2 != 0 || header.lower > header.upper ||
      header.upper > page_size_) {
    return damaged();
  }
  return Page(bytes, (header.lower - sizeof header) / 2, header.upper);
}

Result<LmdbFile::Entry> LmdbFile::entry(const Page& leaf, std::size_t index) const {
  TRY(const Page::Node node, leaf.node(index));
  const std::size_t size = low_half(node.header);
  if (node.header.flags == 0 && size <= node.rest.size()) {
    return Entry{node.key, node.rest.first(size)};
  }
  // A large value stands in pages of its own.
  if (node.header.flags != kBigValue || node.rest.size() < sizeof(std::size_t)) {
    return damaged();
  }
  const auto number = load<std::size_t>(node.rest, 0);
  if (number < 2 || number >= bytes_.size() / page_size_) {
    return damaged();
  }
  const ByteView big = bytes_.subspan(number * page_size_);
  const auto header = load<PageHeader>(big, 0);
  if (header.number != number || header.flags != kOverflow || size > big.size() - sizeof header) {
    return damaged();
  }
  return Entry{node.key, big.subspan(sizeof header, size)};
}

Result<std::optional<LmdbFile::Entry>> LmdbFile::nearest(ByteView key) const {
  if (depth_ == 0) {
    return std::nullopt;
  }
  std::size_t number = root_;
  for (unsigned level = depth_; level > 1; --level) {
    TRY(const Page branch, page(number, level));
    TRY(const std::size_t index, branch.choose(key));
    TRY(number, branch.child(index));
  }
  TRY(const Page leaf, page(number, 1));
  TRY(const std::size_t index, leaf.lower_bound(key, 0));
  if (leaf.nodes() == 0) {
    return damaged();
  }
  return entry(leaf, std::min(index, leaf.nodes() - 1));
}

Result<std::optional<LmdbFile::Entry>> LmdbFile::lower_bound(ByteView key) const {
  std::size_t number = root_;
  std::size_t right = 0;  // the subtree that follows the one chosen, nearest first
  unsigned right_level = 0;
  for (unsigned level = depth_; level > 1; --level) {
    TRY(const Page branch, page(number, level));
    TRY(const std::size_t index, branch.choose(key));
    TRY(number, branch.child(index));
    if (index + 1 < branch.nodes()) {
      TRY(right, branch.child(index + 1));
      right_level = level - 1;
    }
  }
  if (depth_ != 0) {
    TRY(const Page leaf, page(number, 1));
    TRY(const std::size_t index, leaf.lower_bound(key, 0));
    if (index < leaf.nodes()) {
      return entry(leaf, index);
    }
  }
  if (right_level == 0) {
    return std::nullopt;
  }
  for (; right_level > 1; --right_level) {
    TRY(const Page branch, page(right, right_level));
    TRY(right, branch.child(0));
  }
  TRY(const Page leaf, page(right, 1));
  return entry(leaf, 0);
}

Result<void> LmdbFile::for_each(const std::function<Result<void>(const Entry&)>& visit) const {
  // The number of entries ends a walk through pages that lead to each other, and tells when some
  // are lost.
  std::size_t seen = 0;
  const auto counted = [&](const Entry& entry) -> Result<void> {
    return ++seen > entries_ ? damaged() : visit(entry);
  };
  if (depth_ != 0) {
    TRY_VOID(walk(root_, depth_, counted));
  }
  return seen == entries_ ? Result<void>() : damaged();
}

Result<void> LmdbFile::walk(std::size_t number, unsigned level,
                            const std::function<Result<void>(const Entry&)>& visit) const {
  TRY(const Page here, page(number, level));
  for (std::size_t index = 0; index < here.nodes(); ++index) {
    if (level == 1) {
      TRY(const Entry found, entry(here, index));
      TRY_VOID(visit(found));
    } else {
      TRY(const std::size_t child, here.child(index));
      TRY_VOID(walk(child, level - 1, visit));
    }
  }
  return {};
}

}  // namespace ntlm::store
