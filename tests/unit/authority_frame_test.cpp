// SPDX-License-Identifier: MIT
// Frames between a worker and ntlm-authd. What a worker writes the daemon reads, whatever the size
// of its parts: a frame that it cannot read would end every exchange of the connection.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "authority/frame.h"

namespace ntlm::authority {
namespace {

const Bytes kLong(100'000, 1);
constexpr std::size_t kTooLong = 2889;  // R1: a token has 2888 bytes at most

ByteView part(std::size_t size) { return ByteView(kLong).first(size); }

TEST(AuthorityFrame, ATokenOfAnySizeIsReadAsOneThatIsTooLong) {
  for (const std::size_t size : {0u, 1u, 2888u, 2889u, 2890u, 8192u, 100'000u}) {
    const Request begin{1, Begin{{}, "service", part(size)}};
    const Request finish{2, Finish{{}, {}, {}, part(size)}};
    const auto first = write_request(begin), second = write_request(finish);
    ASSERT_TRUE(first && second) << size;
    const auto began = read_request(*first), finished = read_request(*second);
    ASSERT_TRUE(began && finished) << size;
    EXPECT_EQ(std::get<Begin>(began->body).negotiate.size(), std::min(size, kTooLong));
    EXPECT_EQ(std::get<Finish>(finished->body).authenticate.size(), std::min(size, kTooLong));
  }
}

// With the longest token; `right`: it is read, otherwise it was not written.
void expect_request(const decltype(Request::body)& body, bool right) {
  const auto frame = write_request({1, body});
  ASSERT_EQ(frame.has_value(), right);
  if (right) {
    EXPECT_TRUE(read_request(*frame));
  } else {
    EXPECT_EQ(frame.error().code, Errc::kBadArgument);
  }
}

TEST(AuthorityFrame, AServiceNameThatIsTooLong) {
  for (const std::size_t size : {0u, 2047u, 2048u, 2049u, 100'000u}) {
    const std::string name(size, 's');
    expect_request(Begin{{}, name, part(kTooLong)}, size <= 2048);
  }
}

TEST(AuthorityFrame, BindingsThatAreTooLongTogether) {
  constexpr std::array kParts = {&crypto::ChannelBindings::initiator,
                                 &crypto::ChannelBindings::acceptor,
                                 &crypto::ChannelBindings::application};
  for (const auto first : kParts) {
    for (const auto second : kParts) {
      for (const std::size_t size : {0u, 2047u, 2048u, 2049u, 4096u, 4097u, 100'000u}) {
        crypto::ChannelBindings bindings;
        bindings.*first = part(size);
        bindings.*second = part(size);
        const std::size_t all = first == second ? size : 2 * size;
        expect_request(Finish{{}, {}, bindings, part(kTooLong)}, all <= kMaxBindings);
      }
    }
  }
}

}  // namespace
}  // namespace ntlm::authority
