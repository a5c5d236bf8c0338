// SPDX-License-Identifier: MIT
#include "support/vectors.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ntlm::test {
namespace {

TEST(Vectors, ReadsSectionsHexTextAndContinuedLines) {
  const auto vectors = Vectors::parse(
      "# from nowhere\n[one]\nkey = 01 23\n   ab\n   CD\nuser = \"User\"\n\n[two]\nempty =\n", "t");
  EXPECT_EQ(vectors.sections(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(to_hex(vectors.bytes("one", "key")), "0123abcd");
  EXPECT_EQ(vectors.text("one", "user"), "User");
  EXPECT_TRUE(vectors.bytes("two", "empty").empty());
  EXPECT_FALSE(vectors.has("two", "key"));
}

TEST(Vectors, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"[a]\nx = 0\n", "[a]\nx = 0g\n", "x = 00\n", "[a]\nx\n", "[a]\n= 00\n",
                           "[a]\nx = 00\nx = 01\n", "[a]\n[a]\n", "[a]\nx = 00\n  0\n"}) {
    EXPECT_THROW(Vectors::parse(text, "t"), std::runtime_error) << text;
  }
}

TEST(Vectors, MissingFileSectionOrNameIsNoEmptyValue) {
  EXPECT_THROW(Vectors::load("no-such-file.vec"), std::runtime_error);
  const auto vectors = Vectors::parse("[a]\nx = 00\n", "t");
  EXPECT_THROW(vectors.bytes("a", "y"), std::runtime_error);
  EXPECT_THROW(vectors.bytes("b", "x"), std::runtime_error);
}

}  // namespace
}  // namespace ntlm::test
