// SPDX-License-Identifier: MIT
// Messages in every layout that programs use: sspi.md 2.3's table and the facts 64 to 78.
#include <string.h>

#include <algorithm>
#include <thread>

#include "support.h"

namespace sspi_test {
namespace {

constexpr ULONG kChecksum = SECBUFFER_DATA | SECBUFFER_READONLY_WITH_CHECKSUM;
constexpr ULONG kReadonly = SECBUFFER_DATA | SECBUFFER_READONLY;

// A message made of (type, bytes); the bytes are the message's own.
class Message {
 public:
  explicit Message(std::vector<std::pair<ULONG, std::string>> parts) : parts_(std::move(parts)) {
    for (auto& [type, bytes] : parts_) {
      buffers_.push_back({static_cast<ULONG>(bytes.size()), type, bytes.data()});
    }
    desc_ = {SECBUFFER_VERSION, static_cast<ULONG>(buffers_.size()), buffers_.data()};
  }
  Message(const Message& other) : Message(other.parts_) {}
  Message& operator=(const Message&) = delete;
  PSecBufferDesc desc() { return &desc_; }
  SecBuffer& operator[](std::size_t i) { return buffers_[i]; }
  std::string& bytes(std::size_t i) { return parts_[i].second; }

 private:
  std::vector<std::pair<ULONG, std::string>> parts_;
  std::vector<SecBuffer> buffers_;
  SecBufferDesc desc_{};
};

const std::string kRoom(16, '\0');
const std::string kText = "Hello, world!";

struct Layout {
  const char* name;
  std::vector<std::pair<ULONG, std::string>> parts;
};
class Layouts : public testing::TestWithParam<Layout> {
 protected:
  Pair pair_;
};

TEST_P(Layouts, EncryptInPlaceAndDecryptAgain) {
  for (int round = 0; round < 3; ++round) {
    Message message(GetParam().parts);
    ASSERT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_OK)
        << SspiCompatGetLastText();
    for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
      const auto& [type, before] = GetParam().parts[i];
      EXPECT_EQ(message.bytes(i) == before, type != SECBUFFER_DATA && type != SECBUFFER_TOKEN) << i;
      if (type == SECBUFFER_TOKEN) {
        EXPECT_EQ(message[i].cbBuffer, 16u);
        EXPECT_EQ(message.bytes(i).substr(0, 4), std::string("\1\0\0\0", 4));
      }
      if (type == SECBUFFER_PADDING) {
        EXPECT_EQ(message[i].cbBuffer, 0u);
      }
    }
    ULONG qop = 0xDEADBEEF;
    ASSERT_EQ(DecryptMessage(&pair_.server.context, message.desc(), 0, &qop), SEC_E_OK)
        << SspiCompatGetLastText();
    EXPECT_EQ(qop, 0xDEADBEEF);  // NTLM does not write it
    for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
      if (GetParam().parts[i].first != SECBUFFER_TOKEN) {
        EXPECT_EQ(message.bytes(i), GetParam().parts[i].second) << i;
      }
    }
  }
}

TEST_P(Layouts, AFlippedBitAnywhereIsFoundAndLeavesNoPlaintext) {
  for (std::size_t part = 0; part < GetParam().parts.size(); ++part) {
    const ULONG type = GetParam().parts[part].first;
    if (type == kReadonly || type == SECBUFFER_PADDING || type == SECBUFFER_EMPTY) {
      continue;  // not under the signature
    }
    Pair pair;
    Message message(GetParam().parts);
    ASSERT_EQ(EncryptMessage(&pair.client.context, 0, message.desc(), 0), SEC_E_OK);
    message.bytes(part)[5] ^= 1;
    EXPECT_EQ(DecryptMessage(&pair.server.context, message.desc(), 0, nullptr),
              SEC_E_MESSAGE_ALTERED);
    for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
      if (GetParam().parts[i].first == SECBUFFER_DATA) {
        EXPECT_NE(message.bytes(i), GetParam().parts[i].second) << i;
      }
    }
  }
}

TEST_P(Layouts, SignAndVerify) {
  Message message(GetParam().parts);
  ASSERT_EQ(MakeSignature(&pair_.server.context, 0, message.desc(), 0), SEC_E_OK)
      << SspiCompatGetLastText();
  for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
    EXPECT_EQ(message.bytes(i) == GetParam().parts[i].second,
              GetParam().parts[i].first != SECBUFFER_TOKEN);
  }
  Message altered(message);
  ULONG qop = 0xDEADBEEF;
  EXPECT_EQ(VerifySignature(&pair_.client.context, message.desc(), 0, &qop), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_EQ(qop, 0xDEADBEEF);
  Message next(GetParam().parts);
  ASSERT_EQ(MakeSignature(&pair_.server.context, 0, next.desc(), 0), SEC_E_OK);
  for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
    if (GetParam().parts[i].first == SECBUFFER_DATA || GetParam().parts[i].first == kChecksum) {
      next.bytes(i)[0] ^= 1;
      EXPECT_EQ(VerifySignature(&pair_.client.context, next.desc(), 0, nullptr),
                SEC_E_MESSAGE_ALTERED);
      next.bytes(i)[0] ^= 1;
    }
  }
  EXPECT_EQ(VerifySignature(&pair_.client.context, next.desc(), 0, nullptr),
            SEC_E_OK);  // none the worse
}

TEST_P(Layouts, NoEncryptLeavesTheDataInTheClear) {
  Message message(GetParam().parts);
  ASSERT_EQ(EncryptMessage(&pair_.client.context, SECQOP_WRAP_NO_ENCRYPT, message.desc(), 0),
            SEC_E_OK);
  for (std::size_t i = 0; i < GetParam().parts.size(); ++i) {
    if (GetParam().parts[i].first == SECBUFFER_DATA) {
      EXPECT_EQ(message.bytes(i), GetParam().parts[i].second);
    }
  }
  EXPECT_EQ(DecryptMessage(&pair_.server.context, message.desc(), 0, nullptr), SEC_E_OK)
      << SspiCompatGetLastText();
}

INSTANTIATE_TEST_SUITE_P(
    Message, Layouts,
    testing::Values(
        Layout{"TokenData", {{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}}},
        Layout{"DataToken", {{SECBUFFER_DATA, kText}, {SECBUFFER_TOKEN, kRoom}}},
        Layout{"TokenDataPadding",
               {{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}, {SECBUFFER_PADDING, ""}}},
        Layout{"Rpc",
               {{kChecksum, "header"},
                {SECBUFFER_DATA, kText},
                {kChecksum, "trailer"},
                {SECBUFFER_TOKEN, kRoom}}},
        Layout{"ReadonlyHeader",
               {{kReadonly, "header"}, {SECBUFFER_DATA, kText}, {SECBUFFER_TOKEN, kRoom}}},
        Layout{"TwoData",
               {{SECBUFFER_TOKEN, kRoom},
                {SECBUFFER_DATA, kText},
                {SECBUFFER_DATA, "and the second"}}},
        Layout{"EmptyBetween",
               {{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_EMPTY, ""}, {SECBUFFER_DATA, kText}}}),
    [](const auto& one) { return std::string(one.param.name); });

class Messages : public testing::Test {
 protected:
  // One encrypted message as its token followed by its data, as GSS peers send it.
  std::string encrypted(const std::string& text) {
    Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, text}});
    EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_OK);
    return message.bytes(0) + message.bytes(1);
  }
  Pair pair_;
};

TEST_F(Messages, AStreamIsDecryptedWhereItLies) {
  std::string stream = encrypted(kText);
  char own[64];
  for (void* given : {static_cast<void*>(nullptr), static_cast<void*>(own)}) {
    std::string bytes = given == nullptr ? stream : encrypted(kText);
    SecBuffer buffers[] = {{static_cast<ULONG>(bytes.size()), SECBUFFER_STREAM, bytes.data()},
                           {0, SECBUFFER_DATA, given}};
    SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
    ASSERT_EQ(DecryptMessage(&pair_.server.context, &message, 0, nullptr), SEC_E_OK)
        << SspiCompatGetLastText();
    EXPECT_EQ(buffers[1].pvBuffer, bytes.data() + 16);
    EXPECT_EQ(std::string(static_cast<char*>(buffers[1].pvBuffer), buffers[1].cbBuffer), kText);
  }
}

TEST_F(Messages, AStreamShorterThanASignatureIsIncomplete) {
  std::string bytes(15, 'x');
  SecBuffer buffers[] = {{15, SECBUFFER_STREAM, bytes.data()}, {0, SECBUFFER_DATA, nullptr}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  EXPECT_EQ(DecryptMessage(&pair_.server.context, &message, 0, nullptr), SEC_E_INCOMPLETE_MESSAGE);
}

TEST_F(Messages, WrongShapesAreInvalid) {
  using Parts = std::vector<std::pair<ULONG, std::string>>;
  const std::vector<Parts> wrong = {
      {},
      {{SECBUFFER_DATA, kText}},
      {{SECBUFFER_TOKEN, kRoom}},
      {{SECBUFFER_DATA, kText}, {SECBUFFER_DATA, kText}},
      {{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}},
      {{SECBUFFER_STREAM, kText + kRoom}, {SECBUFFER_TOKEN, kRoom}},
      {{SECBUFFER_STREAM, kText + kRoom}},
      {{SECBUFFER_STREAM, kText + kRoom}, {SECBUFFER_STREAM, kText + kRoom}, {SECBUFFER_DATA, ""}},
  };
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    Message message(wrong[i]);
    EXPECT_EQ(MakeSignature(&pair_.client.context, 0, message.desc(), 0), SEC_E_INVALID_TOKEN) << i;
    EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_INVALID_TOKEN)
        << i;
    EXPECT_EQ(VerifySignature(&pair_.client.context, message.desc(), 0, nullptr),
              SEC_E_INVALID_TOKEN)
        << i;
    EXPECT_EQ(DecryptMessage(&pair_.client.context, message.desc(), 0, nullptr),
              SEC_E_INVALID_TOKEN)
        << i;
  }
  EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, nullptr, 0), SEC_E_INVALID_TOKEN);
  SecBufferDesc no_array{SECBUFFER_VERSION, 2, nullptr};
  EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, &no_array, 0), SEC_E_INVALID_TOKEN);
  SecBuffer no_memory[] = {{16, SECBUFFER_TOKEN, nullptr}, {13, SECBUFFER_DATA, nullptr}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, no_memory};
  EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, &message, 0), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(VerifySignature(&pair_.client.context, &message, 0, nullptr), SEC_E_INVALID_TOKEN);
}

TEST_F(Messages, ATokenWithoutRoomIsTooSmall) {
  Message message({{SECBUFFER_TOKEN, std::string(15, '\0')}, {SECBUFFER_DATA, kText}});
  EXPECT_EQ(MakeSignature(&pair_.client.context, 0, message.desc(), 0), SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(message.bytes(1), kText);
}

TEST_F(Messages, AnEmptyMessageIsAMessage) {
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, ""}});
  ASSERT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_OK);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, message.desc(), 0, nullptr), SEC_E_OK);
}

TEST_F(Messages, AReplayAndASkippedMessageAreOutOfSequence) {
  Message first({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  ASSERT_EQ(EncryptMessage(&pair_.client.context, 0, first.desc(), 0), SEC_E_OK);
  Message replay(first);
  Message second({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  ASSERT_EQ(EncryptMessage(&pair_.client.context, 0, second.desc(), 0), SEC_E_OK);
  Message early(second);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, early.desc(), 0, nullptr), SEC_E_OUT_OF_SEQUENCE);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, first.desc(), 0, nullptr), SEC_E_OK);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, replay.desc(), 0, nullptr),
            SEC_E_OUT_OF_SEQUENCE);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, second.desc(), 0, nullptr), SEC_E_OK);
}

TEST_F(Messages, OtherQualitiesAreRefused) {
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  EXPECT_EQ(EncryptMessage(&pair_.client.context, 7, message.desc(), 0), SEC_E_QOP_NOT_SUPPORTED);
  EXPECT_EQ(MakeSignature(&pair_.client.context, 7, message.desc(), 0), SEC_E_QOP_NOT_SUPPORTED);
  EXPECT_EQ(MakeSignature(&pair_.client.context, SECQOP_WRAP_NO_ENCRYPT, message.desc(), 0),
            SEC_E_INVALID_TOKEN);
  EXPECT_EQ(EncryptMessage(&pair_.client.context, SECQOP_WRAP_OOB_DATA, message.desc(), 0),
            SEC_E_OK);
}

// Who tests *pfQOP alone must not take for encrypted what came in clear.
TEST_F(Messages, WhatCameInClearIsSaidSo) {
  for (const bool wrapped : {true, false}) {
    Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
    ASSERT_EQ(wrapped
                  ? EncryptMessage(&pair_.client.context, SECQOP_WRAP_NO_ENCRYPT, message.desc(), 0)
                  : MakeSignature(&pair_.client.context, 0, message.desc(), 0),
              SEC_E_OK);
    EXPECT_EQ(message.bytes(1), kText);
    ULONG qop = 0;
    ASSERT_EQ(DecryptMessage(&pair_.server.context, message.desc(), 0, &qop), SEC_E_OK)
        << SspiCompatGetLastText();
    EXPECT_EQ(qop, SECQOP_WRAP_NO_ENCRYPT) << wrapped;
  }
}

TEST_F(Messages, TheSequenceNumberOfTheCallIsIgnored) {
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  ASSERT_EQ(EncryptMessage(&pair_.client.context, 0, message.desc(), 77), SEC_E_OK);
  EXPECT_EQ(DecryptMessage(&pair_.server.context, message.desc(), 5, nullptr), SEC_E_OK);
}

TEST_F(Messages, TheOldNamesAreTheSame) {
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  ASSERT_EQ(SealMessage(&pair_.client.context, 0, message.desc(), 0), SEC_E_OK);
  ASSERT_EQ(UnsealMessage(&pair_.server.context, message.desc(), 0, nullptr), SEC_E_OK);
  EXPECT_EQ(message.bytes(1), kText);
}

TEST(MessagesEarly, AContextThatIsNotCompleteHasNone) {
  Client client;
  std::string negotiate;
  ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  EXPECT_EQ(MakeSignature(&client.context, 0, message.desc(), 0), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(VerifySignature(&client.context, message.desc(), 0, nullptr), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(EncryptMessage(&client.context, 0, message.desc(), 0), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(DecryptMessage(&client.context, message.desc(), 0, nullptr), SEC_E_INVALID_HANDLE);
}

TEST(MessagesUnprotected, SignaturesAreTheConstantAndNothingIsEncrypted) {
  Pair pair(0);  // neither SIGN nor SEAL, but ALWAYS_SIGN
  Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
  ASSERT_EQ(MakeSignature(&pair.client.context, 0, message.desc(), 0), SEC_E_OK);
  EXPECT_EQ(message.bytes(0), std::string("\1", 1) + std::string(15, '\0'));
  EXPECT_EQ(VerifySignature(&pair.client.context, message.desc(), 0, nullptr),
            SEC_E_OK);  // its own, even
  EXPECT_EQ(VerifySignature(&pair.server.context, message.desc(), 0, nullptr), SEC_E_OK);
  message.bytes(0)[4] = 1;
  EXPECT_EQ(VerifySignature(&pair.server.context, message.desc(), 0, nullptr),
            SEC_E_MESSAGE_ALTERED);
  EXPECT_EQ(EncryptMessage(&pair.client.context, 0, message.desc(), 0), SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(DecryptMessage(&pair.client.context, message.desc(), 0, nullptr),
            SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(message.bytes(1), kText);
}

TEST(MessagesThreads, OneThreadEncryptsWhileAnotherDecrypts) {
  Pair pair;
  constexpr int kMessages = 2000;
  std::vector<std::string> to_server(kMessages), to_client(kMessages);
  const auto encrypt = [](Side& side, std::vector<std::string>& out) {
    for (std::string& wire : out) {
      Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
      ASSERT_EQ(EncryptMessage(&side.context, 0, message.desc(), 0), SEC_E_OK);
      wire = message.bytes(0) + message.bytes(1);
    }
  };
  const auto decrypt = [](Side& side, const std::vector<std::string>& in) {
    for (const std::string& wire : in) {
      Message message({{SECBUFFER_TOKEN, wire.substr(0, 16)}, {SECBUFFER_DATA, wire.substr(16)}});
      ASSERT_EQ(DecryptMessage(&side.context, message.desc(), 0, nullptr), SEC_E_OK);
      ASSERT_EQ(message.bytes(1), kText);
    }
  };
  encrypt(pair.server, to_client);
  std::thread sender([&] { encrypt(pair.client, to_server); });
  std::thread receiver([&] { decrypt(pair.client, to_client); });
  sender.join();
  receiver.join();
  decrypt(pair.server, to_server);
}

TEST(MessagesThreads, SeveralSendersTakeTurns) {
  Pair pair;
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kMessages = 400;
  std::vector<std::string> wires(kThreads * kMessages);
  std::vector<std::thread> senders;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    senders.emplace_back([&, thread] {
      for (std::size_t i = 0; i < kMessages; ++i) {
        Message message({{SECBUFFER_TOKEN, kRoom}, {SECBUFFER_DATA, kText}});
        ASSERT_EQ(EncryptMessage(&pair.client.context, 0, message.desc(), 0), SEC_E_OK);
        wires[thread * kMessages + i] = message.bytes(0) + message.bytes(1);
      }
    });
  }
  for (std::thread& sender : senders) {
    sender.join();
  }
  const auto number = [](const std::string& wire) {  // [12-15] of the signature
    std::uint32_t value = 0;
    memcpy(&value, wire.data() + 12, sizeof value);
    return value;
  };
  std::ranges::sort(wires, {}, number);
  for (const std::string& wire : wires) {
    Message message({{SECBUFFER_TOKEN, wire.substr(0, 16)}, {SECBUFFER_DATA, wire.substr(16)}});
    ASSERT_EQ(DecryptMessage(&pair.server.context, message.desc(), 0, nullptr), SEC_E_OK);
  }
}

}  // namespace
}  // namespace sspi_test
