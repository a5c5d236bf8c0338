// SPDX-License-Identifier: MIT
#include "protocol/session.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "support/vectors.h"

namespace ntlm::protocol {
namespace {

using test::derived;
using test::example;
using test::peers;
using test::to_hex;
using test::Vectors;
using wire::NegotiateFlags;

constexpr NegotiateFlags kProtect = wire::kSign | wire::kSeal;
constexpr NegotiateFlags kEss128 =
    kProtect | wire::kEss | wire::k128 | wire::k56 | wire::kKeyExchange;
constexpr NegotiateFlags kEssNoExchange = kProtect | wire::kEss | wire::k56;
constexpr NegotiateFlags kPlainV1 = kProtect | wire::kKeyExchange | wire::k128 | wire::k56;
constexpr NegotiateFlags kLegacy = 0xA0828205;  // neither SIGN, SEAL, ESS nor KEY_EXCH

crypto::ExportedSessionKey key_of(const Bytes& bytes) {
  crypto::ExportedSessionKey key;
  std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16), key.expose_mutable().begin());
  return key;
}
crypto::ExportedSessionKey example_key() {
  return key_of(example().bytes("inputs", "random_session_key"));
}
const Bytes& plaintext() { return example().bytes("inputs", "plaintext"); }

struct Message {
  Bytes body;
  std::array<std::uint8_t, Session::kSignatureSize> signature{};
};

Result<void> sign(Session& session, Message& message) {
  const ByteView view = message.body;
  return session.sign({&view, 1}, message.signature);
}
Result<void> verify(Session& session, const Message& message) {
  const ByteView view = message.body;
  return session.verify({&view, 1}, message.signature);
}
Piece in_place(Bytes& bytes, bool seal = true) {
  return {bytes.data(), seal ? bytes.data() : nullptr, bytes.size(), seal};
}
Message seal(Session& session, Bytes plain) {
  Message message{std::move(plain), {}};
  const Piece piece = in_place(message.body);
  EXPECT_TRUE(session.seal({&piece, 1}, message.signature));
  return message;
}
// The plaintext, or the error.
Result<Bytes> unseal(Session& session, Message message, bool* was_sealed = nullptr) {
  bool sealed = false;
  const Piece piece = in_place(message.body);
  TRY_VOID(session.unseal({&piece, 1}, message.signature, &sealed));
  if (was_sealed != nullptr) {
    *was_sealed = sealed;
  }
  return message.body;
}

struct Pair {
  explicit Pair(NegotiateFlags flags)
      : initiator(Role::kInitiator, flags, example_key()),
        acceptor(Role::kAcceptor, flags, example_key()) {}
  Session initiator, acceptor;
};

void expect_sealed(const Message& message, const Vectors& vectors, const char* section,
                   const std::string& prefix = "") {
  EXPECT_EQ(to_hex(message.body), to_hex(vectors.bytes(section, prefix + "sealed")));
  EXPECT_EQ(to_hex(message.signature), to_hex(vectors.bytes(section, prefix + "signature")));
}

// The exported form, and the place in it of what is sealed unagreed.
constexpr std::size_t kSealingAt = 5;
Bytes saved(const Session& session) {
  SecretWriter writer;
  EXPECT_TRUE(session.save(writer));
  const SecretBytes form = *std::move(writer).finish("session");
  return Bytes(form.begin(), form.end());
}
Result<Session> restored(ByteView form) {
  Reader reader(form);
  return Session::restore(reader);
}

// ---- Values of others ----------------------------------------------------------------

TEST(SessionVectors, NtlmV1WithoutEss) {
  Pair pair(kPlainV1);
  const Message first = seal(pair.initiator, plaintext());
  const Message second = seal(pair.initiator, plaintext());
  expect_sealed(first, example(), "ntlm-v1");
  expect_sealed(second, derived(), "ntlm-v1", "second_");
  EXPECT_EQ(*unseal(pair.acceptor, first), plaintext());
  EXPECT_EQ(*unseal(pair.acceptor, second), plaintext());
}

TEST(SessionVectors, NtlmV1WithEssButNoKeyExchange) {
  Session initiator(Role::kInitiator, kEssNoExchange,
                    key_of(example().bytes("ntlm-v1-ess", "kxkey")));
  expect_sealed(seal(initiator, plaintext()), example(), "ntlm-v1-ess");
}

TEST(SessionVectors, NtlmV2InBothDirections) {
  Pair pair(kEss128);
  expect_sealed(seal(pair.initiator, plaintext()), example(), "ntlm-v2");
  expect_sealed(seal(pair.initiator, plaintext()), derived(), "ntlm-v2", "second_");
  expect_sealed(seal(pair.acceptor, plaintext()), derived(), "ntlm-v2", "acceptor_");
}

TEST(SessionVectors, ChecksumIsEncipheredOnlyWithKeyExchange) {
  Session bare(Role::kInitiator, kEss128 & ~wire::kKeyExchange, example_key());
  const Message message = seal(bare, plaintext());
  EXPECT_EQ(to_hex(ByteView(message.signature).subspan(4, 8)),
            to_hex(example().bytes("ntlm-v2", "checksum")));
}

TEST(SessionVectors, SambasSelfCheck) {
  const auto flags = wire::kSign | wire::kUnicode | wire::k128 | wire::kKeyExchange;
  Session strong(Role::kInitiator, flags | wire::kEss, key_of(peers().bytes("samba", "key")));
  Message message{peers().bytes("samba", "data"), {}};
  ASSERT_TRUE(sign(strong, message));
  EXPECT_EQ(to_hex(message.signature), to_hex(peers().bytes("samba", "signature")));

  // Its eight-byte key is LM_KEY's form at 40 bit. Its pad is not zero; ours is, and theirs is
  // taken.
  const auto weak_flags = wire::kSign | wire::kUnicode | wire::kKeyExchange | wire::kLmKey;
  Session weak(Role::kInitiator, weak_flags, key_of(peers().bytes("samba", "weak_key")));
  const Bytes& expected = peers().bytes("samba", "weak_signature");
  ASSERT_TRUE(sign(weak, message));
  EXPECT_EQ(to_hex(ByteView(message.signature).first(8)), "0100000000000000");
  EXPECT_EQ(to_hex(ByteView(message.signature).subspan(8)), to_hex(ByteView(expected).subspan(8)));
  Session peer(Role::kAcceptor, weak_flags, key_of(peers().bytes("samba", "weak_key")));
  std::copy(expected.begin(), expected.end(), message.signature.begin());
  EXPECT_TRUE(verify(peer, message));
}

// One stream and one number for both directions: the third message follows what was received.
TEST(SessionVectors, WindowsLegacySealing) {
  const auto value = [](const char* name) -> const Bytes& {
    return peers().bytes("windows-legacy", name);
  };
  Session initiator(Role::kInitiator, kLegacy, key_of(value("key")));
  Session acceptor(Role::kAcceptor, kLegacy, key_of(value("key")));
  ASSERT_TRUE(initiator.allow_unagreed_sealing());
  ASSERT_TRUE(acceptor.allow_unagreed_sealing());
  const Message first = seal(initiator, value("message"));
  expect_sealed(first, peers(), "windows-legacy");
  EXPECT_EQ(*unseal(acceptor, first), value("message"));
  EXPECT_EQ(*unseal(initiator, seal(acceptor, value("message"))), value("message"));

  Message third{value("message"), {}};
  Bytes header = value("header");
  const std::array<Piece, 3> pieces{in_place(header, false), in_place(third.body),
                                    in_place(header, false)};
  ASSERT_TRUE(initiator.seal(pieces, third.signature));
  expect_sealed(third, peers(), "windows-legacy", "third_");
  EXPECT_EQ(header, value("header"));
  bool was_sealed = false;
  ASSERT_TRUE(acceptor.unseal(pieces, third.signature, &was_sealed));
  EXPECT_TRUE(was_sealed);
  EXPECT_EQ(third.body, value("message"));
}

// ---- What was agreed -----------------------------------------------------------------

TEST(Session, NothingWithoutAgreement) {
  for (const NegotiateFlags flags :
       {wire::kEss | wire::kAlwaysSign | wire::kKeyExchange, kEss128 | wire::kAnonymous, kLegacy}) {
    Pair pair(flags);
    Message message{Bytes{1, 2, 3}, {}};
    const Piece piece = in_place(message.body);
    bool was_sealed = false;
    EXPECT_FALSE(pair.initiator.can_sign());
    EXPECT_FALSE(pair.initiator.can_seal());
    EXPECT_EQ(pair.initiator.key_bits(), 0);
    EXPECT_EQ(sign(pair.initiator, message).error().code, Errc::kNotProtected);
    EXPECT_EQ(verify(pair.initiator, message).error().code, Errc::kNotProtected);
    EXPECT_EQ(pair.initiator.seal({&piece, 1}, message.signature).error().code,
              Errc::kNotProtected);
    EXPECT_EQ(pair.initiator.unseal({&piece, 1}, message.signature, &was_sealed).error().code,
              Errc::kNotProtected);
    EXPECT_EQ(message.body, (Bytes{1, 2, 3}));
  }
}

TEST(Session, SigningDoesNotGiveSealing) {
  Pair pair(kEss128 & ~wire::kSeal);
  Message message{Bytes{1, 2, 3}, {}};
  const Piece piece = in_place(message.body);
  bool was_sealed = false;
  EXPECT_TRUE(pair.initiator.can_sign());
  EXPECT_FALSE(pair.initiator.can_seal());
  EXPECT_EQ(pair.initiator.seal({&piece, 1}, message.signature).error().code, Errc::kNotProtected);
  ASSERT_TRUE(sign(pair.initiator, message));
  EXPECT_TRUE(verify(pair.acceptor, message));
  ASSERT_TRUE(sign(pair.initiator, message));
  EXPECT_TRUE(pair.acceptor.unseal({&piece, 1}, message.signature, &was_sealed));
  EXPECT_FALSE(was_sealed);
  EXPECT_EQ(pair.acceptor.seal({&piece, 1}, message.signature).error().code, Errc::kNotProtected);
}

// Active Directory's LDAP and its clients, where they agreed on signing.
TEST(Session, WhoIsSpokenToSealedAnswersSealed) {
  Pair pair(kEss128 & ~wire::kSeal);
  pair.initiator.seal_everything();
  EXPECT_FALSE(pair.initiator.can_seal());
  for (const std::size_t size : {3U, 100U, 0U}) {
    bool was_sealed = false;
    const Message message = seal(pair.initiator, Bytes(size, 7));
    EXPECT_EQ(unseal(pair.acceptor, message, &was_sealed).value(), Bytes(size, 7));
    EXPECT_TRUE(was_sealed);
    EXPECT_EQ(unseal(pair.initiator, seal(pair.acceptor, Bytes(size, 8))).value(), Bytes(size, 8));
    pair.acceptor = restored(saved(pair.acceptor)).value();
    EXPECT_TRUE(pair.acceptor.seals_everything());
  }
  Message bad = seal(pair.initiator, Bytes(3, 7));
  bad.body[0] ^= 1;
  EXPECT_EQ(unseal(pair.acceptor, bad).error().code, Errc::kBadSignature);
}

TEST(Session, NothingIsSealedWhereNothingWasAgreed) {
  for (const NegotiateFlags flags : {kLegacy, kEss128 | wire::kAnonymous}) {
    Pair pair(flags);
    pair.initiator.seal_everything();
    EXPECT_FALSE(pair.initiator.seals_everything());
    Bytes form = saved(pair.initiator);
    form[kSealingAt] = 2;
    EXPECT_EQ(restored(form).error().code, Errc::kDefectiveExport);
  }
}

TEST(Session, UnagreedSealingOnlyWhereNothingWasAgreed) {
  for (const NegotiateFlags flags : {kLegacy | wire::kSign, kLegacy | wire::kSeal,
                                     kLegacy | wire::kEss, kLegacy | wire::kAnonymous, kEss128}) {
    Pair pair(flags);
    EXPECT_EQ(pair.initiator.allow_unagreed_sealing().error().code, Errc::kNotProtected) << flags;
  }
  Pair pair(kLegacy);
  ASSERT_TRUE(pair.initiator.allow_unagreed_sealing());
  EXPECT_FALSE(pair.initiator.can_seal());
  EXPECT_FALSE(pair.initiator.can_sign());
  Message message;
  EXPECT_EQ(sign(pair.initiator, message).error().code, Errc::kNotProtected);
}

TEST(Session, KeyBits) {
  const auto bits = [](NegotiateFlags flags) { return Pair(flags).initiator.key_bits(); };
  EXPECT_EQ(bits(kEss128), 128);
  EXPECT_EQ(bits(kEss128 & ~wire::k128), 56);
  EXPECT_EQ(bits(kProtect | wire::kEss), 40);
  EXPECT_EQ(bits(kProtect), 128);
  EXPECT_EQ(bits(kProtect | wire::kLmKey | wire::k56), 56);
  EXPECT_EQ(bits(kProtect | wire::kLmKey), 40);
  EXPECT_EQ(bits(kProtect | wire::kDatagram), 40);
}

// ---- Messages that are not right -----------------------------------------------------

class EveryForm : public testing::TestWithParam<NegotiateFlags> {
 protected:
  bool ess() const { return (GetParam() & wire::kEss) != 0; }
  // Without ESS the pad in front of the checksum has no meaning.
  bool counts(std::size_t signature_bit) const {
    return ess() || signature_bit < 32 || signature_bit >= 64;
  }
};

TEST_P(EveryForm, MessagesPassBothWaysInTurn) {
  Pair pair(GetParam());
  std::mt19937 generator(3);
  for (int i = 0; i < 200; ++i) {
    const bool there = (generator() & 1) != 0;
    Session& sender = there ? pair.initiator : pair.acceptor;
    Session& receiver = there ? pair.acceptor : pair.initiator;
    Bytes plain(generator() % 300, static_cast<std::uint8_t>(i));
    if ((generator() & 1) != 0) {
      Message message{plain, {}};
      ASSERT_TRUE(sign(sender, message));
      ASSERT_TRUE(verify(receiver, message));
      continue;
    }
    bool was_sealed = false;
    ASSERT_EQ(*unseal(receiver, seal(sender, plain), &was_sealed), plain);
    EXPECT_TRUE(was_sealed);
  }
}

TEST_P(EveryForm, AnyFlippedBitOfASealedMessage) {
  Pair pair(GetParam());
  (void)unseal(pair.acceptor, seal(pair.initiator, Bytes(77)));
  const Bytes plain{'s', 'e', 'c', 'r', 'e', 't', 0};
  const Message right = seal(pair.initiator, plain);
  for (std::size_t bit = 0; bit < 8 * (plain.size() + Session::kSignatureSize); ++bit) {
    Message altered = right;
    const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
    const std::size_t signature_bit = bit - 8 * plain.size();
    if (bit < 8 * plain.size()) {
      altered.body[bit / 8] ^= mask;
    } else if (counts(signature_bit)) {
      altered.signature[signature_bit / 8] ^= mask;
    } else {
      continue;
    }
    const Piece piece = in_place(altered.body);
    bool was_sealed = false;
    const Result<void> answer = pair.acceptor.unseal({&piece, 1}, altered.signature, &was_sealed);
    ASSERT_FALSE(answer) << bit;
    EXPECT_TRUE(
        answer.error().code == Errc::kBadSignature ||
        (ess() && bit >= 8 * plain.size() + 96 && answer.error().code == Errc::kOutOfSequence));
    EXPECT_NE(altered.body, plain) << "plaintext of a message that is not right";
  }
  EXPECT_EQ(*unseal(pair.acceptor, right), plain);
  EXPECT_EQ(*unseal(pair.acceptor, seal(pair.initiator, plain)), plain);
}

TEST_P(EveryForm, AnyFlippedBitOfASignedMessage) {
  Pair pair(GetParam());
  Message right{Bytes{'p', 'l', 'a', 'i', 'n'}, {}};
  ASSERT_TRUE(sign(pair.acceptor, right));
  for (std::size_t bit = 0; bit < 8 * right.body.size(); ++bit) {
    Message altered = right;
    altered.body[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(verify(pair.initiator, altered).error().code, Errc::kBadSignature);
  }
  for (std::size_t bit = 0; bit < 8 * Session::kSignatureSize; ++bit) {
    Message altered = right;
    altered.signature[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (counts(bit)) {
      EXPECT_FALSE(verify(pair.initiator, altered)) << bit;
    }
  }
  EXPECT_TRUE(verify(pair.initiator, right));
  ASSERT_TRUE(sign(pair.acceptor, right));
  EXPECT_TRUE(verify(pair.initiator, right));
}

TEST_P(EveryForm, SignatureOfAnotherSize) {
  Pair pair(GetParam());
  Message message = seal(pair.initiator, Bytes(5));
  Bytes long_signature(17);
  std::copy(message.signature.begin(), message.signature.end(), long_signature.begin());
  const ByteView body = message.body;
  const Piece piece = in_place(message.body);
  bool was_sealed = false;
  for (const std::size_t size : {0U, 1U, 15U, 17U}) {
    const ByteView signature = ByteView(long_signature).first(size);
    EXPECT_EQ(pair.acceptor.verify({&body, 1}, signature).error().code, Errc::kDefectiveMessage);
    EXPECT_EQ(pair.acceptor.unseal({&piece, 1}, signature, &was_sealed).error().code,
              Errc::kDefectiveMessage);
  }
  EXPECT_TRUE(unseal(pair.acceptor, message));
}

TEST_P(EveryForm, ReplayedSkippedAndReorderedMessages) {
  Pair pair(GetParam());
  const Message first = seal(pair.initiator, Bytes{1});
  const Message second = seal(pair.initiator, Bytes{2});
  const Message third = seal(pair.initiator, Bytes{3});
  EXPECT_FALSE(unseal(pair.acceptor, second));
  EXPECT_TRUE(unseal(pair.acceptor, first));
  EXPECT_FALSE(unseal(pair.acceptor, first));
  EXPECT_FALSE(unseal(pair.acceptor, third));
  EXPECT_TRUE(unseal(pair.acceptor, second));
  EXPECT_TRUE(unseal(pair.acceptor, third));
}

TEST_P(EveryForm, DummySignature) {
  Pair pair(GetParam());
  Message message{Bytes{1, 2, 3}, {1}};
  EXPECT_EQ(verify(pair.acceptor, message).error().code, Errc::kBadSignature);
  ASSERT_TRUE(sign(pair.initiator, message));
  EXPECT_TRUE(verify(pair.acceptor, message));
}

TEST_P(EveryForm, SignedPlaintextIsTakenAndToldApart) {
  Pair pair(GetParam());
  (void)unseal(pair.acceptor, seal(pair.initiator, Bytes(9)));
  const Bytes plain(100, 0x42);
  Message message{plain, {}};
  ASSERT_TRUE(sign(pair.initiator, message));
  bool was_sealed = true;
  EXPECT_EQ(*unseal(pair.acceptor, message, &was_sealed), plain);
  EXPECT_FALSE(was_sealed);

  // Into memory of its own, among pieces that are only signed.
  Message second{Bytes(33, 0x17), {}};
  Bytes header{7, 7};
  const std::array<ByteView, 2> views{header, second.body};
  ASSERT_TRUE(pair.initiator.sign(views, second.signature));
  Bytes out(second.body.size());
  const std::array<Piece, 2> pieces{in_place(header, false),
                                    Piece{second.body.data(), out.data(), out.size(), true}};
  was_sealed = true;
  ASSERT_TRUE(pair.acceptor.unseal(pieces, second.signature, &was_sealed));
  EXPECT_FALSE(was_sealed);
  EXPECT_EQ(out, second.body);
  EXPECT_EQ(*unseal(pair.acceptor, seal(pair.initiator, plain)), plain);
}

TEST_P(EveryForm, PiecesInAnyOrderAreOneMessage) {
  Pair pair(GetParam());
  std::mt19937 generator(4);
  for (int round = 0; round < 100; ++round) {
    std::vector<Bytes> plain(generator() % 6);
    std::vector<bool> sealed;
    for (Bytes& bytes : plain) {
      bytes.assign(generator() % 200, static_cast<std::uint8_t>(generator()));
      sealed.push_back((generator() & 1) != 0);
    }
    std::vector<Bytes> body = plain;
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < body.size(); ++i) {
      pieces.push_back(in_place(body[i], sealed[i]));
    }
    std::array<std::uint8_t, Session::kSignatureSize> signature{};
    ASSERT_TRUE(pair.initiator.seal(pieces, signature));
    for (std::size_t i = 0; i < body.size(); ++i) {
      if (!sealed[i]) {
        EXPECT_EQ(body[i], plain[i]);
      } else if (plain[i].size() >= 16) {
        EXPECT_NE(body[i], plain[i]);
      }
    }
    bool was_sealed = false;
    ASSERT_TRUE(pair.acceptor.unseal(pieces, signature, &was_sealed));
    EXPECT_EQ(body, plain);
  }
}

TEST_P(EveryForm, OutputIsWipedWhenTheMessageIsNotRight) {
  Pair pair(GetParam());
  const Message message = seal(pair.initiator, Bytes(50, 'x'));
  Message altered = message;
  altered.signature[9] ^= 1;
  Bytes out(50, 0xEE);
  const Piece piece{altered.body.data(), out.data(), out.size(), true};
  bool was_sealed = false;
  EXPECT_FALSE(pair.acceptor.unseal({&piece, 1}, altered.signature, &was_sealed));
  EXPECT_EQ(out, Bytes(50));
  EXPECT_EQ(altered.body, message.body);
}

// ---- Export --------------------------------------------------------------------------

TEST_P(EveryForm, GoesOnAfterExport) {
  Pair pair(GetParam());
  for (int round = 0; round < 4; ++round) {
    Result<Session> initiator = restored(saved(pair.initiator));
    Result<Session> acceptor = restored(saved(pair.acceptor));
    ASSERT_TRUE(initiator && acceptor);
    pair.initiator = std::move(*initiator);
    pair.acceptor = std::move(*acceptor);
    EXPECT_EQ(*unseal(pair.acceptor, seal(pair.initiator, Bytes(300, 1))), Bytes(300, 1));
    if (round > 1) {
      EXPECT_EQ(*unseal(pair.initiator, seal(pair.acceptor, Bytes(70, 2))), Bytes(70, 2));
    }
  }
}

TEST_P(EveryForm, ExportCutAtEveryLength) {
  Pair pair(GetParam());
  (void)unseal(pair.acceptor, seal(pair.initiator, Bytes(3)));
  (void)seal(pair.acceptor, Bytes(3));
  const Bytes form = saved(pair.acceptor);
  for (std::size_t size = 0; size < form.size(); ++size) {
    const Result<Session> answer = restored(ByteView(form).first(size));
    ASSERT_FALSE(answer) << size;
    EXPECT_EQ(answer.error().code, Errc::kDefectiveExport);
  }
}

constexpr std::size_t kSendingAt = 22;
constexpr std::size_t kSequenceAt = 23;

TEST_P(EveryForm, ExportWithValuesThatCannotBe) {
  Pair pair(GetParam());
  (void)seal(pair.initiator, Bytes(3));
  const Bytes form = saved(pair.initiator);
  ASSERT_EQ(form[kSendingAt], 1);
  for (const std::size_t at : {std::size_t{0}, kSealingAt, kSendingAt}) {
    Bytes altered = form;
    altered[at] = 3;
    EXPECT_EQ(restored(altered).error().code, Errc::kDefectiveExport) << at;
  }
  Bytes unagreed = form;
  unagreed[kSealingAt] = 1;
  EXPECT_EQ(restored(unagreed).error().code, Errc::kDefectiveExport);
}

// R44: the last number is never used.
TEST_P(EveryForm, SequenceNumbersEnd) {
  Pair pair(GetParam());
  const Message first = seal(pair.initiator, Bytes(3));
  (void)unseal(pair.acceptor, first);
  const auto at_the_end = [](Session& session, std::size_t position) {
    Bytes form = saved(session);
    ASSERT_EQ(form[position - 1], 1);
    form[position] = 0xFE;
    form[position + 1] = form[position + 2] = form[position + 3] = 0xFF;
    session = *restored(form);
  };
  at_the_end(pair.initiator, kSequenceAt);
  at_the_end(pair.acceptor, ess() ? kSequenceAt + 1 : kSequenceAt);
  const Message last = seal(pair.initiator, Bytes(3));
  EXPECT_TRUE(unseal(pair.acceptor, last));
  Message beyond{Bytes(3), {}};
  const Piece piece = in_place(beyond.body);
  EXPECT_EQ(sign(pair.initiator, beyond).error().code, Errc::kSequenceExhausted);
  EXPECT_EQ(pair.initiator.seal({&piece, 1}, beyond.signature).error().code,
            Errc::kSequenceExhausted);
  EXPECT_EQ(verify(pair.acceptor, last).error().code, Errc::kSequenceExhausted);
  EXPECT_EQ(unseal(pair.acceptor, last).error().code, Errc::kSequenceExhausted);
}

// SPNEGO's reset, on both sides at once: the stream begins anew, the numbers go on.
TEST_P(EveryForm, ResetOfTheStreamKeepsTheNumbers) {
  Pair pair(GetParam());
  Message mic{Bytes{1, 2, 3}, {}};
  ASSERT_TRUE(sign(pair.initiator, mic));
  pair.initiator.reset_rc4(false);
  ASSERT_TRUE(verify(pair.acceptor, mic));
  pair.acceptor.reset_rc4(true);
  const Bytes plain(40, 'x');
  EXPECT_EQ(*unseal(pair.acceptor, seal(pair.initiator, plain)), plain);
  EXPECT_FALSE(verify(pair.acceptor, mic));
}

INSTANTIATE_TEST_SUITE_P(Session, EveryForm,
                         testing::Values(kEss128, kEss128 & ~wire::k128, kEssNoExchange,
                                         kProtect | wire::kEss | wire::kKeyExchange, kPlainV1,
                                         kProtect, kProtect | wire::kLmKey,
                                         kProtect | wire::kLmKey | wire::k56));

// R42
TEST(Session, AMessageSentBackToItsSender) {
  Pair pair(kEss128);
  Message message{Bytes{1, 2, 3}, {}};
  ASSERT_TRUE(sign(pair.initiator, message));
  EXPECT_EQ(verify(pair.initiator, message).error().code, Errc::kBadSignature);
  EXPECT_TRUE(verify(pair.acceptor, message));
  EXPECT_EQ(unseal(pair.initiator, seal(pair.initiator, Bytes(9))).error().code,
            Errc::kOutOfSequence);
}

// One thread sends while another receives on the same session (the preset tsan watches).
TEST(Session, SendsAndReceivesAtOnce) {
  Pair pair(kEss128);
  Pair peers_side(kEss128);
  std::vector<Message> arriving;
  for (int i = 0; i < 200; ++i) {
    arriving.push_back(seal(peers_side.acceptor, Bytes(100, 'a')));
  }
  std::thread receiver([&] {
    for (const Message& message : arriving) {
      EXPECT_EQ(*unseal(pair.initiator, message), Bytes(100, 'a'));
    }
  });
  std::vector<Message> sent;
  for (int i = 0; i < 200; ++i) {
    sent.push_back(seal(pair.initiator, Bytes(100, 'i')));
  }
  receiver.join();
  for (const Message& message : sent) {
    EXPECT_EQ(*unseal(pair.acceptor, message), Bytes(100, 'i'));
  }
}

// security.md P4: the record of everything sent has no keystream twice, whoever of the two goes on.
TEST(Session, OnlyOneSideOfAForkSends) {
  Pair pair(kEss128);
  (void)seal(pair.initiator, Bytes(3));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Message message{Bytes(3), {}};
    const bool sound = sign(pair.initiator, message) && sign(pair.initiator, message);
    _exit(sound ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  Message message{Bytes(3), {}};
  const Piece piece = in_place(message.body);
  EXPECT_EQ(sign(pair.initiator, message).error().code, Errc::kDeadContext);
  EXPECT_EQ(pair.initiator.seal({&piece, 1}, message.signature).error().code, Errc::kDeadContext);
  EXPECT_EQ(message.body, Bytes(3));
  EXPECT_EQ(*unseal(pair.initiator, seal(pair.acceptor, Bytes(9))),
            Bytes(9));  // it may still listen
}

// security.md P4: there is no keystream to use twice, so every worker may hand the context on.
TEST(Session, WhereNothingIsProtectedEverySideOfAForkClaims) {
  Session session(Role::kAcceptor, wire::kEss, crypto::ExportedSessionKey());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    _exit(session.claim() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(session.claim());
}

TEST(Session, OnlyOneSideOfAForkSendsWhatWasNotAgreed) {
  Session session(Role::kAcceptor, 0, crypto::ExportedSessionKey());
  const auto seals = [&session] {
    Message message{Bytes(3), {}};
    const Piece piece = in_place(message.body);
    return session.allow_unagreed_sealing() && session.seal({&piece, 1}, message.signature);
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    _exit(seals() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(seals());
}

// ---- Datagrams -----------------------------------------------------------------------

constexpr NegotiateFlags kDatagramEss = kEss128 | wire::kDatagram;

class Datagrams : public testing::TestWithParam<NegotiateFlags> {};

TEST_P(Datagrams, PassInAnyOrderUnderTheirNumbers) {
  Pair pair(GetParam());
  const Bytes plain(20, 'd');
  std::vector<Message> sent;
  for (int i = 0; i < 5; ++i) {
    sent.push_back(seal(pair.initiator, plain));
  }
  EXPECT_NE(sent[0].body, sent[1].body);
  for (const std::uint32_t number : {3U, 0U, 4U}) {
    ASSERT_TRUE(pair.acceptor.set_sequence(number));
    EXPECT_EQ(*unseal(pair.acceptor, sent[number]), plain);
  }
  ASSERT_TRUE(pair.acceptor.set_sequence(2));
  EXPECT_FALSE(unseal(pair.acceptor, sent[1]));
  EXPECT_EQ(*unseal(pair.acceptor, sent[2]), plain);
}

TEST_P(Datagrams, ANumberIsSentOnce) {
  Pair pair(GetParam());
  ASSERT_TRUE(pair.initiator.set_sequence(7));
  (void)seal(pair.initiator, Bytes(3));
  ASSERT_TRUE(pair.initiator.set_sequence(7));
  Message again{Bytes(3), {}};
  EXPECT_EQ(sign(pair.initiator, again).error().code, Errc::kOutOfSequence);
  pair.initiator = *restored(saved(pair.initiator));
  EXPECT_EQ(sign(pair.initiator, again).error().code, Errc::kOutOfSequence);
  ASSERT_TRUE(pair.initiator.set_sequence(8));
  EXPECT_TRUE(sign(pair.initiator, again));
}

INSTANTIATE_TEST_SUITE_P(Session, Datagrams,
                         testing::Values(kDatagramEss, kPlainV1 | wire::kDatagram));

TEST(Session, AConnectionsNumbersAreItsOwn) {
  Pair pair(kEss128);
  EXPECT_EQ(pair.initiator.set_sequence(1).error().code, Errc::kBadArgument);
}

}  // namespace
}  // namespace ntlm::protocol
