// SPDX-License-Identifier: MIT
// Each byte of RC4 waits for the one before it, and so does each step of MD5: alone, either leaves
// most of a processor idle. A block of MD5 is 64 steps over 64 bytes, so one byte of RC4 goes
// beside each step, and the two chains fill each other's waits: both take little longer than the
// slower one.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "crypto/backend_lowlevel.h"
#include "crypto/sealing.h"

namespace ntlm::crypto {

namespace {

constexpr std::size_t kBlock = MD5_CBLOCK;

// ---- One step of each ----------------------------------------------------------------

// RFC 1321, 3.4: T, and the order of the message's words and the rotations of the four rounds.
constexpr std::array<std::uint32_t, kBlock> kAddend{
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

constexpr std::size_t word_of(std::size_t step) {
  constexpr std::array<std::size_t, 4> kFirst{0, 1, 5, 0};
  constexpr std::array<std::size_t, 4> kStride{1, 5, 3, 7};
  return (kFirst[step / 16] + kStride[step / 16] * step) % 16;
}

constexpr int rotation_of(std::size_t step) {
  constexpr std::array<std::array<int, 4>, 4> kRotations{
      {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};
  return kRotations[step / 16][step % 4];
}

using Words = std::array<std::uint32_t, 16>;
using Chain = std::array<std::uint32_t, 4>;

template <std::size_t step>
[[gnu::always_inline]] inline void md5_step(Chain& chain, const Words& words) {
  std::uint32_t& a = chain[(64 - step) % 4];
  const std::uint32_t b = chain[(65 - step) % 4];
  const std::uint32_t c = chain[(66 - step) % 4];
  const std::uint32_t d = chain[(67 - step) % 4];
  a += kAddend[step] + words[word_of(step)];
  if constexpr (step < 16) {
    a += d ^ (b & (c ^ d));
  } else if constexpr (step < 32) {
    a += c & ~d;  // apart from the other half of G, since it need not wait for b
    a += b & d;
  } else if constexpr (step < 48) {
    a += c ^ d ^ b;
  } else {
    a += c ^ (b | ~d);
  }
  a = std::rotl(a, rotation_of(step)) + b;
}

struct Rc4Position {
  std::uint32_t i, j;
};

[[gnu::always_inline]] inline std::uint8_t rc4_step(RC4_INT* box, Rc4Position& at) {
  at.i = (at.i + 1) & 0xFF;
  const RC4_INT x = box[at.i];
  at.j = (at.j + x) & 0xFF;
  const RC4_INT y = box[at.j];
  box[at.j] = x;
  box[at.i] = y;
  return static_cast<std::uint8_t>(box[(x + y) & 0xFF]);
}

// ---- Blocks --------------------------------------------------------------------------

Words load(const std::uint8_t* in) {
  Words out;
  std::memcpy(out.data(), in, sizeof out);
  if constexpr (std::endian::native == std::endian::big) {
    for (std::uint32_t& word : out) {
      word = __builtin_bswap32(word);
    }
  }
  return out;
}

void xor_block(const std::uint8_t* in, const std::uint8_t* keystream, std::uint8_t* out) {
  std::array<std::uint64_t, kBlock / 8> words, key;
  std::memcpy(words.data(), in, kBlock);
  std::memcpy(key.data(), keystream, kBlock);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] ^= key[i];
  }
  std::memcpy(out, words.data(), kBlock);
}

template <std::size_t... step>
[[gnu::always_inline]] inline void one_block(std::index_sequence<step...>, Chain& chain,
                                             const Words& words, RC4_INT* box, Rc4Position& at,
                                             std::uint8_t* keystream) {
  ((keystream[step] = rc4_step(box, at), md5_step<step>(chain, words)), ...);
}

struct Rc4Blocks {
  ByteView in;
  std::span<std::uint8_t> out;
};

// RC4 over whole blocks, and MD5 over as many from hashed, each of which is read before its round
// writes.
void run(Rc4::State& rc4, MD5_CTX& md5, const std::uint8_t* hashed, Rc4Blocks blocks) {
  alignas(16) std::array<std::uint8_t, kBlock> keystream;
  Rc4Position at{rc4.key.x, rc4.key.y};
  Chain sum{md5.A, md5.B, md5.C, md5.D};
  for (std::size_t done = 0; done < blocks.in.size(); done += kBlock) {
    const Words words = load(hashed + done);
    Chain chain = sum;
    one_block(std::make_index_sequence<kBlock>(), chain, words, rc4.key.data, at, keystream.data());
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += chain[i];
    }
    xor_block(blocks.in.data() + done, keystream.data(), blocks.out.data() + done);
  }
  wipe(keystream.data(), keystream.size());
  rc4.key.x = at.i;
  rc4.key.y = at.j;
  rc4.since_checkpoint += blocks.in.size();
  md5.A = sum[0];
  md5.B = sum[1];
  md5.C = sum[2];
  md5.D = sum[3];
  const std::uint64_t bits =
      (std::uint64_t{md5.Nh} << 32 | md5.Nl) + std::uint64_t{blocks.in.size()} * 8;
  md5.Nl = static_cast<MD5_LONG>(bits);
  md5.Nh = static_cast<MD5_LONG>(bits >> 32);
}

// How many bytes go one after the other before MD5 stands at a block's beginning; all of them where
// there is no block behind, or where the S-box is in bytes.
std::size_t head_size(Rc4& rc4, HmacMd5& mac, std::size_t size) {
  const std::size_t head = (kBlock - mac.state().context.num) % kBlock;
  const bool has_blocks = size >= head + 2 * kBlock && !as_bytes(rc4.state().key);
  return has_blocks ? head : size;
}

}  // namespace

void seal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out) {
  const auto in_turn = [&](std::size_t size) {
    mac.update(in.first(size));
    rc4.apply(in.first(size), out.first(size));
    in = in.subspan(size);
    out = out.subspan(size);
  };
  in_turn(head_size(rc4, mac, in.size()));
  const std::size_t size = in.size() - in.size() % kBlock;
  run(rc4.state(), mac.state().context, in.data(), {in.first(size), out.first(size)});
  in = in.subspan(size);
  out = out.subspan(size);
  in_turn(in.size());
}

// MD5 is one block behind: it reads what RC4 wrote.
void unseal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out) {
  std::span<const std::uint8_t> hashed = out;
  const auto decipher = [&](std::size_t size) {
    rc4.apply(in.first(size), out.first(size));
    in = in.subspan(size);
    out = out.subspan(size);
  };
  const auto hash = [&](std::size_t size) {
    mac.update(hashed.first(size));
    hashed = hashed.subspan(size);
  };
  const std::size_t head = head_size(rc4, mac, in.size());
  decipher(head);
  hash(head);
  if (in.size() >= kBlock) {
    decipher(kBlock);
    const std::size_t size = in.size() - in.size() % kBlock;
    run(rc4.state(), mac.state().context, hashed.data(), {in.first(size), out.first(size)});
    in = in.subspan(size);
    out = out.subspan(size);
    hashed = hashed.subspan(size);
  }
  decipher(in.size());
  hash(hashed.size());
}

}  // namespace ntlm::crypto
