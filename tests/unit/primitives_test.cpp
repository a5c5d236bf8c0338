// SPDX-License-Identifier: MIT
#include "crypto/primitives.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "crypto/sealing.h"
#include "support/vectors.h"

namespace ntlm::crypto {
namespace {

using test::to_hex;
using test::Vectors;

const Vectors& vectors() {
  static const Vectors loaded = Vectors::load("primitives.vec");
  return loaded;
}

// Every example of a section: in1, in2, …
template <typename Check>
void for_each_example(const char* section, Check check) {
  int count = 0;
  for (;; ++count) {
    const std::string number = std::to_string(count + 1);
    if (!vectors().has(section, "key" + number) && !vectors().has(section, "in" + number)) {
      break;
    }
    SCOPED_TRACE(section + number);
    check(
        [&](const char* name) -> const Bytes& { return vectors().bytes(section, name + number); });
  }
  EXPECT_GT(count, 0) << section;
}

template <std::size_t N>
std::span<const std::uint8_t, N> exactly(const Bytes& bytes) {
  EXPECT_EQ(bytes.size(), N);
  return std::span<const std::uint8_t, N>(bytes.data(), N);
}

Bytes random_message(std::mt19937& generator, std::size_t size) {
  Bytes out(size);
  std::generate(out.begin(), out.end(), [&] { return static_cast<std::uint8_t>(generator()); });
  return out;
}

class Primitives : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Result<void> answer = available();
    ASSERT_TRUE(answer || answer.error().code == Errc::kFips) << answer.error().where;
  }
};

TEST_F(Primitives, FipsIsToldFromTheKernelsWord) {
  EXPECT_EQ(available().has_value(), !kernel_in_fips_mode());
}

TEST_F(Primitives, Md4OfRfc1320) {
  for_each_example("md4", [](auto value) {
    Digest16 out;
    md4(value("in"), out);
    EXPECT_EQ(to_hex(out), to_hex(value("out")));
  });
}

TEST_F(Primitives, Md5OfRfc1321InAnyParts) {
  for_each_example("md5", [](auto value) {
    const ByteView in = value("in");
    EXPECT_EQ(to_hex(md5({in})), to_hex(value("out")));
    for (std::size_t cut = 0; cut <= in.size(); ++cut) {
      EXPECT_EQ(md5({in.first(cut), {}, in.subspan(cut)}), md5({in}));
    }
  });
}

Digest16 mac(const HmacMd5Key& key, std::initializer_list<ByteView> parts) {
  Digest16 out;
  key.mac(parts, out);
  return out;
}

TEST_F(Primitives, HmacMd5OfRfc2202WithAKeyUsedTwice) {
  for_each_example("hmac-md5", [](auto value) {
    const HmacMd5Key key{ByteView(value("key"))};
    const ByteView in = value("in");
    EXPECT_EQ(to_hex(mac(key, {in})), to_hex(value("out")));
    EXPECT_EQ(to_hex(mac(key, {in.first(1), in.subspan(1)})), to_hex(value("out")));
    EXPECT_EQ(to_hex(hmac_md5(value("key"), {in})), to_hex(value("out")));
  });
}

TEST_F(Primitives, HmacMd5KeyGoesOnWhereItIsMovedTo) {
  const Bytes in(100, 7);
  HmacMd5Key first{ByteView(in).first(16)};
  const Digest16 before = mac(first, {in});
  HmacMd5Key second = std::move(first);
  EXPECT_EQ(mac(second, {in}), before);
  HmacMd5Key third{ByteView(in).first(5)};
  third = std::move(second);
  EXPECT_EQ(mac(third, {in}), before);
}

TEST_F(Primitives, HmacSha256OfRfc4231) {
  for_each_example("hmac-sha256", [](auto value) {
    EXPECT_EQ(to_hex(hmac_sha256(value("key"), {value("in")})), to_hex(value("out")));
  });
}

TEST_F(Primitives, Rc4OfRfc6229) {
  for (int number = 1; number <= 4; ++number) {
    const std::string suffix = std::to_string(number);
    Rc4 stream(vectors().bytes("rc4", "key" + suffix));
    Bytes zeros(4112);
    Bytes out(zeros.size());
    stream.apply(zeros, out);
    EXPECT_EQ(to_hex(ByteView(out).first(32)), to_hex(vectors().bytes("rc4", "first" + suffix)));
    if (vectors().has("rc4", "later" + suffix)) {
      EXPECT_EQ(to_hex(ByteView(out).last(16)), to_hex(vectors().bytes("rc4", "later" + suffix)));
    }
  }
}

// The next bytes of a stream, without an end to its use.
Bytes peek(Rc4& stream, std::size_t size) {
  Bytes out(size);
  stream.checkpoint();
  stream.apply(out, out);
  stream.rollback();
  return out;
}

TEST_F(Primitives, Rc4RollsBackToItsCheckpointAsOftenAsWanted) {
  std::mt19937 generator(1);
  Rc4 stream(Bytes{1, 2, 3, 4, 5, 6, 7, 8});
  for (const std::size_t size : {0U, 1U, 8U, 255U, 256U, 257U, 5000U}) {
    Bytes used = random_message(generator, size);
    const Bytes expected = peek(stream, 64);
    stream.checkpoint();
    for (int round = 0; round < 3; ++round) {
      stream.apply(used, used);
      stream.apply(used, used);
      stream.rollback();
    }
    EXPECT_EQ(peek(stream, 64), expected) << size;
    stream.apply(used, used);
  }
}

TEST_F(Primitives, Rc4ComesBackFromItsExport) {
  for (const std::size_t used : {0U, 1U, 300U, 70000U}) {
    Rc4 stream(Bytes{9, 8, 7, 6, 5});
    Bytes scratch(used);
    stream.apply(scratch, scratch);
    std::array<std::uint8_t, Rc4::kExportSize> form;
    ASSERT_TRUE(stream.save(form));
    Result<Rc4> back = Rc4::restore(form);
    ASSERT_TRUE(back);
    EXPECT_EQ(peek(*back, 1000), peek(stream, 1000));
    Rc4 moved = std::move(*back);
    EXPECT_EQ(peek(moved, 1000), peek(stream, 1000));
  }
}

// Whoever is given a form gives the stream up for it. A byte more than the EVP back end steps over.
TEST_F(Primitives, Rc4WhatIsSavedComesBackHoweverLongTheStream) {
  Rc4 stream(Bytes{9, 8, 7, 6, 5});
  Bytes scratch(1u << 20);
  for (int i = 0; i < 1024; ++i) {
    stream.apply(scratch, scratch);
  }
  stream.apply(ByteView(scratch).first(1), std::span(scratch).first(1));
  std::array<std::uint8_t, Rc4::kExportSize> form;
  const auto saved = stream.save(form);
  if (!saved) {
    EXPECT_EQ(saved.error().code, Errc::kNotExportable);
    return;
  }
  Result<Rc4> back = Rc4::restore(form);
  ASSERT_TRUE(back);
  EXPECT_EQ(peek(*back, 64), peek(stream, 64));
}

TEST_F(Primitives, Rc4ExportThatNoKeyGives) {
  std::array<std::uint8_t, Rc4::kExportSize> form{};
  EXPECT_EQ(Rc4::restore(form).error().code, Errc::kDefectiveExport);  // zeros
  form.fill(0xFF);
  EXPECT_EQ(Rc4::restore(form).error().code, Errc::kDefectiveExport);
  ASSERT_TRUE(Rc4(Bytes{9, 8, 7, 6, 5}).save(form));
  for (std::size_t i = 0; i < 256; ++i) {
    auto altered = form;
    altered[i] = altered[(i + 1) % 256] == altered[i] ? 1 : altered[(i + 1) % 256];
    if (Result<Rc4> back = Rc4::restore(altered)) {
      // The EVP form's key and position have no redundancy; the export's seal is what protects
      // them.
      EXPECT_LT(i, 25U);
    } else {
      EXPECT_EQ(back.error().code, Errc::kDefectiveExport);
    }
  }
}

TEST_F(Primitives, DesUnder56Bits) {
  for_each_example("des", [](auto value) {
    std::array<std::uint8_t, 8> out;
    des(exactly<7>(value("key")), exactly<8>(value("in")), out);
    EXPECT_EQ(to_hex(out), to_hex(value("out")));
  });
}

TEST_F(Primitives, Crc32GoesOn) {
  for_each_example("crc32", [](auto value) {
    const ByteView in = value("in");
    std::uint32_t expected = 0;
    for (std::size_t i = 4; i > 0; --i) {
      expected = expected << 8 | value("out")[i - 1];
    }
    EXPECT_EQ(crc32(in), expected);
    EXPECT_EQ(crc32(in.subspan(3), crc32(in.first(3))), expected);
    EXPECT_EQ(crc32({}, expected), expected);
  });
}

TEST_F(Primitives, ExportsOpenOnlyAsTheyWereSealed) {
  for_each_example("aes-256-gcm", [](auto value) {
    const auto key = exactly<32>(value("key"));
    const Result<SecretBytes> opened = open_export(key, value("associated"), value("sealed"));
    ASSERT_TRUE(opened);
    EXPECT_EQ(to_hex(*opened), to_hex(value("plain")));
    const Bytes sealed = *seal_export(key, value("associated"), value("plain"));
    EXPECT_NE(sealed, *seal_export(key, value("associated"), value("plain"))) << "one nonce twice";
    EXPECT_EQ(to_hex(*open_export(key, value("associated"), sealed)), to_hex(value("plain")));
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes altered = sealed;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_EQ(open_export(key, value("associated"), altered).error().code,
                Errc::kDefectiveExport);
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
      EXPECT_EQ(open_export(key, value("associated"), ByteView(sealed).first(size)).error().code,
                Errc::kDefectiveExport);
    }
    EXPECT_EQ(open_export(key, Bytes{1, 2, 3}, sealed).error().code, Errc::kDefectiveExport);
  });
}

TEST_F(Primitives, ErrorQueueStaysAsTheApplicationLeftIt) {
  ERR_clear_error();
  ERR_put_error(ERR_LIB_USER, 0, 42, __FILE__, __LINE__);
  const unsigned long before = ERR_peek_last_error();
  const std::array<std::uint8_t, 32> key{};
  EXPECT_FALSE(open_export(key, {}, Bytes(64)));
  Digest16 out;
  md4({}, out);
  (void)hmac_md5({}, {});
  EXPECT_EQ(ERR_peek_last_error(), before);
  EXPECT_EQ(ERR_get_error(), before);
  EXPECT_EQ(ERR_get_error(), 0UL);
  EXPECT_FALSE(open_export(key, {}, Bytes(64)));
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

// ---- Random bytes --------------------------------------------------------------------

TEST_F(Primitives, RandomBytesNeverComeTwice) {
  std::set<Bytes> seen;
  for (int i = 0; i < 1000; ++i) {
    Bytes out(8);
    random_bytes(out);
    EXPECT_TRUE(seen.insert(out).second);
  }
  Bytes large(1000);
  random_bytes(large);
  EXPECT_GT(std::set<std::uint8_t>(large.begin(), large.end()).size(), 200U);
}

TEST_F(Primitives, RandomBytesOfThreadsDiffer) {
  std::array<Bytes, 4> out;
  std::vector<std::thread> threads;
  for (Bytes& bytes : out) {
    bytes.resize(16);
    threads.emplace_back([&bytes] { random_bytes(bytes); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(std::set<Bytes>(out.begin(), out.end()).size(), out.size());
}

TEST_F(Primitives, RandomBytesOfAChildAreNotItsParents) {
  Bytes filled(8);
  random_bytes(filled);  // the pool has bytes left now
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Bytes out(16);
    random_bytes(out);
    _exit(write(pipe_ends[1], out.data(), out.size()) == 16 ? 0 : 1);
  }
  Bytes of_child(16);
  EXPECT_EQ(read(pipe_ends[0], of_child.data(), of_child.size()), 16);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  Bytes of_parent(16);
  random_bytes(of_parent);
  EXPECT_NE(of_child, of_parent);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

// ---- Sealing in one pass -------------------------------------------------------------

struct Streams {
  Rc4 rc4{Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  HmacMd5Key key{ByteView(Bytes{11, 12, 13})};
  HmacMd5 mac{key};
};

// One pass against two, over sizes around every block boundary, alignments, and what came before.
TEST_F(Primitives, OnePassGivesWhatTwoPassesGive) {
  std::mt19937 generator(2);
  for (int round = 0; round < 600; ++round) {
    const std::size_t before = generator() % 70;
    const std::size_t size = round < 400 ? static_cast<std::size_t>(round) : generator() % 9000;
    const std::size_t skew = generator() % 16;
    const Bytes first = random_message(generator, before);
    const Bytes plain = random_message(generator, size);
    SCOPED_TRACE(testing::Message() << before << " before " << size << " at " << skew);

    Streams two;
    Bytes sealed(size);
    two.mac.update(first);
    two.mac.update(plain);
    two.rc4.apply(plain, sealed);
    const Digest16 digest = two.mac.finish();

    Streams one;
    one.mac.update(first);
    Bytes room(size + skew);
    const std::span<std::uint8_t> out = std::span(room).subspan(skew);
    const bool in_place = round % 2 == 0;
    std::copy(plain.begin(), plain.end(), out.begin());
    seal_update(one.rc4, one.mac, in_place ? ByteView(out) : ByteView(plain), out);
    EXPECT_TRUE(std::equal(sealed.begin(), sealed.end(), out.begin(), out.end()));
    EXPECT_EQ(one.mac.finish(), digest);
    EXPECT_EQ(peek(one.rc4, 32), peek(two.rc4, 32));

    Streams back;
    back.mac.update(first);
    unseal_update(back.rc4, back.mac, in_place ? ByteView(out) : ByteView(sealed), out);
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), out.begin(), out.end()));
    EXPECT_EQ(back.mac.finish(), digest);
    EXPECT_EQ(peek(back.rc4, 32), peek(two.rc4, 32));
  }
}

TEST_F(Primitives, OnePassCanBeRolledBack) {
  Streams streams;
  const Bytes expected = peek(streams.rc4, 64);
  Bytes data(777);
  streams.rc4.checkpoint();
  seal_update(streams.rc4, streams.mac, data, data);
  unseal_update(streams.rc4, streams.mac, data, data);
  streams.rc4.rollback();
  EXPECT_EQ(peek(streams.rc4, 64), expected);
}

}  // namespace
}  // namespace ntlm::crypto
