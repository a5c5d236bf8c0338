// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <gtest/gtest.h>

#include "support/vectors.h"

namespace ntlm::test {
namespace {

TEST(Reader, NumbersAreLittleEndian) {
  const Bytes bytes = from_hex("01 0203 04050607 08090a0b0c0d0e0f");
  Reader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0302);
  EXPECT_EQ(reader.u32(), 0x07060504u);
  EXPECT_EQ(reader.u64(), 0x0f0e0d0c0b0a0908u);
  EXPECT_TRUE(reader.at_end());
  EXPECT_TRUE(reader.finish("test"));
}

TEST(Reader, FirstReadPastTheEndIsTheLastThatYieldsAnything) {
  const Bytes bytes = from_hex("ffffff");
  Reader reader(bytes);
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0u) << "one byte is there, but a read has failed";
  EXPECT_TRUE(reader.take(1).empty());
  EXPECT_EQ(reader.finish("test").error().code, Errc::kDefectiveMessage);
}

TEST(Reader, TakeOfAHugeSize) {
  const Bytes bytes(4);
  Reader reader(bytes);
  EXPECT_TRUE(reader.take(static_cast<std::size_t>(-1)).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, PayloadThatDoesNotFit) {
  const Bytes bytes(100);
  struct Row {
    std::uint16_t length;
    std::uint32_t offset;
    bool fits;
  };
  for (const Row& row :
       {Row{1, 99, true}, Row{2, 99, false}, Row{1, 100, false}, Row{36, 64, true},
        Row{36, 63, false}, Row{0xf0, 0xffffff10, false}, Row{1, 0xffffffff, false},
        Row{0xffff, 64, false}, Row{0, 0xffffffff, true}}) {
    Reader reader(bytes);
    const ByteView found = reader.payload({row.length, row.offset}, 64);
    EXPECT_EQ(reader.ok(), row.fits) << row.length << "@" << row.offset;
    EXPECT_EQ(found.size(), row.fits ? row.length : 0u);
  }
}

TEST(Reader, AnotherThanTheExpectedBytes) {
  const Bytes bytes = from_hex("4e54");
  Reader right(bytes);
  right.expect(bytes);
  EXPECT_TRUE(right.ok());
  Reader wrong(bytes);
  wrong.expect(from_hex("4e55"));
  EXPECT_FALSE(wrong.ok());
  Reader longer(bytes);
  longer.expect(from_hex("4e5400"));
  EXPECT_FALSE(longer.ok());
}

TEST(Writer, FieldsPointAtTheirPayload) {
  Writer writer;
  writer.u16(0x0201);
  const std::size_t field = writer.field();
  writer.payload(field, from_hex("aabbcc"));
  EXPECT_EQ(to_hex(std::move(writer).finish("test").value()), "0102030003000a000000aabbcc");
}

TEST(Writer, LimitIsKept) {
  Writer writer(0, 4);
  writer.u32(1);
  writer.u8(1);
  EXPECT_EQ(std::move(writer).finish("test").error().code, Errc::kInternal);
  Writer zeros(0, 4);
  zeros.zeros(5);
  EXPECT_FALSE(std::move(zeros).finish("test"));
}

TEST(Writer, PayloadLongerThanItsLengthField) {
  Writer writer(0, 1u << 20);
  const std::size_t field = writer.field();
  writer.payload(field, Bytes(0x10000));
  EXPECT_FALSE(std::move(writer).finish("test"));
}

TEST(Writer, PatchOutside) {
  Writer writer;
  writer.u32(0);
  writer.patch(2, from_hex("aaaa"));
  Writer outside;
  outside.u32(0);
  outside.patch(3, from_hex("aaaa"));
  EXPECT_EQ(to_hex(std::move(writer).finish("test").value()), "0000aaaa");
  EXPECT_FALSE(std::move(outside).finish("test"));
}

}  // namespace
}  // namespace ntlm::test
