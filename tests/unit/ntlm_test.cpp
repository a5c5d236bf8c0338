// SPDX-License-Identifier: MIT
#include "crypto/ntlm.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/vectors.h"

namespace ntlm::crypto {
namespace {

using test::derived;
using test::example;
using test::peers;
using test::to_hex;

template <typename Key>
Key key_of(const Bytes& bytes) {
  EXPECT_EQ(bytes.size(), Key::kSize);
  return Key(std::span<const std::uint8_t, Key::kSize>(bytes.data(), Key::kSize));
}

std::array<std::uint8_t, 8> eight(const Bytes& bytes) {
  EXPECT_EQ(bytes.size(), 8U);
  std::array<std::uint8_t, 8> out{};
  std::copy_n(bytes.begin(), 8, out.begin());
  return out;
}

std::span<const std::uint8_t, 16> sixteen(const Bytes& bytes) {
  EXPECT_EQ(bytes.size(), 16U);
  return std::span<const std::uint8_t, 16>(bytes.data(), 16);
}

const Bytes& input(const char* name) { return example().bytes("inputs", name); }
std::string v1(const char* name) { return to_hex(example().bytes("ntlm-v1", name)); }
std::string v1_ess(const char* name) { return to_hex(example().bytes("ntlm-v1-ess", name)); }
std::string v2(const char* name) { return to_hex(example().bytes("ntlm-v2", name)); }
std::string more(const char* name) { return to_hex(derived().bytes("ntlm-v2", name)); }

NtHash nt_hash() { return ntowf_v1(input("password")); }
LmHash lm_hash() { return *lmowf_v1(input("password_oem")); }
ServerChallenge server() { return eight(input("server_challenge")); }
ClientChallenge client() { return eight(input("client_challenge")); }
ExportedSessionKey exported() { return key_of<ExportedSessionKey>(input("random_session_key")); }
std::string under(const KeyExchangeKey& key, std::span<const std::uint8_t, 16> data) {
  std::array<std::uint8_t, 16> out;
  rc4k(key, data, out);
  return to_hex(out);
}
std::string encrypted(const KeyExchangeKey& key) {
  return under(key, sixteen(input("random_session_key")));
}

// ---- NTLMv1, [MS-NLMP] 4.2.2 ---------------------------------------------------------

TEST(NtlmV1, Hashes) {
  EXPECT_EQ(to_hex(nt_hash().expose()), v1("ntowf_v1"));
  EXPECT_EQ(to_hex(lm_hash().expose()), v1("lmowf_v1"));
  EXPECT_EQ(to_hex(session_base_key_v1(nt_hash()).expose()), v1("session_base_key"));
}

TEST(NtlmV1, LmHashIgnoresCaseAndWhatIsBehindFourteenBytes) {
  const auto hash = [](std::string_view text) {
    return to_hex(lmowf_v1(Bytes(text.begin(), text.end()))->expose());
  };
  EXPECT_EQ(hash("pAsSwOrD"), v1("lmowf_v1"));
  EXPECT_EQ(hash(""), "aad3b435b51404eeaad3b435b51404ee");
  EXPECT_EQ(hash("0123456789abcdXY"), hash("0123456789ABCD"));
}

TEST(NtlmV1, LmHashOfAPasswordBeyondAscii) {
  EXPECT_EQ(lmowf_v1(Bytes{'a', 0xE9}).error().code, Errc::kBadArgument);
  EXPECT_EQ(lmowf_v1(Bytes(20, 0x80)).error().code, Errc::kBadArgument);
}

TEST(NtlmV1, Responses) {
  EXPECT_EQ(to_hex(desl(nt_hash().expose(), server())), v1("nt_response"));
  EXPECT_EQ(to_hex(desl(lm_hash().expose(), server())), v1("lm_response"));
}

TEST(NtlmV1, KeyExchangeKeys) {
  const SessionBaseKey base = session_base_key_v1(nt_hash());
  const LmHash hash = lm_hash();
  const Response24 response = desl(hash.expose(), server());
  const ServerChallenge challenge = server();
  KxkeyV1Input given{.base = base,
                     .lm_hash = &hash,
                     .lm_response = response,
                     .server = challenge,
                     .ess = false,
                     .lm_key = false,
                     .non_nt = false};
  EXPECT_EQ(to_hex(kxkey_v1(given)->expose()), v1("session_base_key"));
  EXPECT_EQ(encrypted(*kxkey_v1(given)), v1("encrypted_key"));
  given.non_nt = true;
  EXPECT_EQ(to_hex(kxkey_v1(given)->expose()), v1("kxkey_non_nt"));
  EXPECT_EQ(encrypted(*kxkey_v1(given)), v1("encrypted_key_non_nt"));
  given.lm_key = true;
  EXPECT_EQ(to_hex(kxkey_v1(given)->expose()), v1("kxkey_lm_key"));
  EXPECT_EQ(encrypted(*kxkey_v1(given)), v1("encrypted_key_lm_key"));
}

TEST(NtlmV1, KeyExchangeKeyWithoutWhatItIsMadeOf) {
  const SessionBaseKey base = session_base_key_v1(nt_hash());
  const LmHash hash = lm_hash();
  const ServerChallenge challenge = server();
  KxkeyV1Input given{.base = base,
                     .lm_hash = nullptr,
                     .lm_response = {},
                     .server = challenge,
                     .ess = true,
                     .lm_key = false,
                     .non_nt = false};
  EXPECT_EQ(kxkey_v1(given).error().code, Errc::kBadArgument);  // ESS without the response
  given.ess = false;
  given.non_nt = true;
  EXPECT_EQ(kxkey_v1(given).error().code, Errc::kBadArgument);  // no LM hash
  given.lm_hash = &hash;
  given.lm_key = true;
  EXPECT_EQ(kxkey_v1(given).error().code, Errc::kBadArgument);  // LM_KEY without the response
}

// ---- NTLM2 session, [MS-NLMP] 4.2.3 --------------------------------------------------

TEST(NtlmV1Ess, ResponseAndKeys) {
  const auto answered = session_challenge(server(), client());
  EXPECT_EQ(to_hex(desl(nt_hash().expose(), answered)), v1_ess("nt_response"));
  const SessionBaseKey base = session_base_key_v1(nt_hash());
  const ServerChallenge challenge = server();
  const Result<KeyExchangeKey> key =
      kxkey_v1({.base = base,
                .lm_hash = nullptr,
                .lm_response = example().bytes("ntlm-v1-ess", "lm_response"),
                .server = challenge,
                .ess = true,
                .lm_key = true,  // ESS wins
                .non_nt = false});
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->expose()), v1_ess("kxkey"));
  const ExportedSessionKey session_key(key->expose());
  const auto direction = Direction::kInitiatorToAcceptor;
  EXPECT_EQ(to_hex(sign_key(session_key, direction).expose()), v1_ess("sign_key"));
  const SealStrength strength{
      .ess = true, .key128 = false, .key56 = true, .lm_key = false, .datagram = false};
  EXPECT_EQ(to_hex(seal_key(session_key, strength, direction).view()), v1_ess("seal_key"));
}

// ---- NTLMv2, [MS-NLMP] 4.2.4 ---------------------------------------------------------

TEST(NtlmV2, Responses) {
  const ResponseKeyNt key = ntowf_v2(nt_hash(), input("user"), input("domain"));
  EXPECT_EQ(to_hex(key.expose()), v2("ntowf_v2"));
  EXPECT_EQ(to_hex(ntowf_v2(nt_hash(), input("user_upper"), input("domain")).expose()),
            v2("ntowf_v2"));
  const NtProofStr proof = nt_proof_str(key, server(), example().bytes("ntlm-v2", "temp"));
  EXPECT_EQ(to_hex(proof), v2("nt_proof_str"));
  EXPECT_EQ(to_hex(lm_response_v2(key, server(), client())), v2("lm_response"));
  const SessionBaseKey base = session_base_key_v2(key, proof);
  EXPECT_EQ(to_hex(base.expose()), v2("session_base_key"));
  EXPECT_EQ(to_hex(kxkey_v2(base).expose()), v2("session_base_key"));
  EXPECT_EQ(encrypted(kxkey_v2(base)), v2("encrypted_key"));
}

TEST(NtlmV2, TheDomainsCaseCountsAndItMayBeEmpty) {
  EXPECT_EQ(
      to_hex(
          ntowf_v2(nt_hash(), input("user"), derived().bytes("ntlm-v2", "domain_upper")).expose()),
      more("ntowf_v2_upper_domain"));
  EXPECT_EQ(to_hex(ntowf_v2(nt_hash(), input("user"), {}).expose()), more("ntowf_v2_no_domain"));
}

TEST(NtlmV2, SignKeys) {
  EXPECT_EQ(to_hex(sign_key(exported(), Direction::kInitiatorToAcceptor).expose()), v2("sign_key"));
  EXPECT_EQ(to_hex(sign_key(exported(), Direction::kAcceptorToInitiator).expose()),
            more("acceptor_sign_key"));
}

TEST(NtlmV2, SealKeysByStrength) {
  const auto key = [](bool key128, bool key56, Direction direction) {
    return to_hex(seal_key(exported(), {true, key128, key56, false, false}, direction).view());
  };
  const auto there = Direction::kInitiatorToAcceptor;
  const auto back = Direction::kAcceptorToInitiator;
  EXPECT_EQ(key(true, true, there), v2("seal_key"));
  EXPECT_EQ(key(true, false, back), more("acceptor_seal_key"));
  EXPECT_EQ(key(false, true, there), more("seal_key_56"));
  EXPECT_EQ(key(false, true, back), more("acceptor_seal_key_56"));
  EXPECT_EQ(key(false, false, there), more("seal_key_40"));
  EXPECT_EQ(key(false, false, back), more("acceptor_seal_key_40"));
}

TEST(SealKey, WithoutEssIsTheSessionKeyOrItsWeakenedHalf) {
  const auto key = [](SealStrength strength) {
    return to_hex(seal_key(exported(), strength, Direction::kInitiatorToAcceptor).view());
  };
  const auto weakened = [](const char* name) { return to_hex(derived().bytes("ntlm-v1", name)); };
  EXPECT_EQ(key({false, false, false, false, false}), to_hex(exported().expose()));
  EXPECT_EQ(key({false, true, true, true, false}), weakened("seal_key_lm_56"));
  EXPECT_EQ(key({false, true, false, true, false}), weakened("seal_key_lm_40"));
  EXPECT_EQ(key({false, false, false, false, true}), weakened("seal_key_lm_40"));
}

TEST(SealKey, OfADatagramHasItsNumber) {
  const SealKeyBytes key =
      seal_key(exported(), {true, true, true, false, true}, Direction::kInitiatorToAcceptor);
  EXPECT_EQ(to_hex(datagram_seal_key(key, 0).view()), more("datagram_seal_key_0"));
  EXPECT_EQ(to_hex(datagram_seal_key(key, 1).view()), more("datagram_seal_key_1"));
}

// ---- A whole handshake, a capture, bindings ------------------------------------------

TEST(Handshake, ProofKeysAndMicOfAWholeExchange) {
  const auto value = [](const char* name) -> const Bytes& {
    return derived().bytes("handshake", name);
  };
  const Bytes& authenticate = value("authenticate");
  ASSERT_EQ(authenticate.size(), 404U);
  const ByteView response = ByteView(authenticate).subspan(148, 240);
  const ResponseKeyNt key = ntowf_v2(nt_hash(), input("user"), input("domain"));
  const NtProofStr proof = nt_proof_str(key, server(), response.subspan(16));
  EXPECT_EQ(to_hex(proof), to_hex(value("nt_proof_str")));
  EXPECT_EQ(to_hex(response.first(16)), to_hex(proof));
  const SessionBaseKey base = session_base_key_v2(key, proof);
  EXPECT_EQ(to_hex(base.expose()), to_hex(value("session_base_key")));
  EXPECT_EQ(under(kxkey_v2(base), sixteen(value("encrypted_key"))), to_hex(value("exported_key")));
  Bytes without_mic = authenticate;
  std::fill_n(without_mic.begin() + 72, 16, std::uint8_t{0});
  EXPECT_EQ(to_hex(mic(exported(), {value("negotiate"), value("challenge"), without_mic})),
            to_hex(value("mic")));
  EXPECT_EQ(to_hex(ByteView(authenticate).subspan(72, 16)), to_hex(value("mic")));
}

TEST(Handshake, KeysOfAWindowsCapture) {
  const auto value = [](const char* name) -> const Bytes& {
    return peers().bytes("windows-capture", name);
  };
  const NtHash hash = ntowf_v1(value("password"));
  EXPECT_EQ(to_hex(hash.expose()), to_hex(value("nt_hash")));
  const ResponseKeyNt key = ntowf_v2(hash, value("user"), value("domain"));
  Digest16 proof{};
  std::copy_n(value("nt_proof_str").begin(), proof.size(), proof.begin());
  EXPECT_EQ(to_hex(session_base_key_v2(key, proof).expose()), to_hex(value("session_base_key")));
}

TEST(ChannelBindings, HashOfTlsServerEndPoint) {
  Bytes application = {'t', 'l', 's', '-', 's', 'e', 'r', 'v', 'e', 'r', '-',
                       'e', 'n', 'd', '-', 'p', 'o', 'i', 'n', 't', ':'};
  const Bytes& certificate = peers().bytes("windows-capture", "binding_hash");
  application.insert(application.end(), certificate.begin(), certificate.end());
  ChannelBindings bindings;
  bindings.application = application;
  EXPECT_EQ(to_hex(channel_binding_hash(bindings)),
            to_hex(peers().bytes("windows-capture", "channel_bindings")));
}

// security.md R30, R32: every integer and buffer is under the hash.
TEST(ChannelBindings, EveryPartCounts) {
  const Bytes part{1, 2, 3};
  const Digest16 empty = channel_binding_hash({});
  EXPECT_EQ(to_hex(empty), "441018525208457705bf09a8ee3c1093");
  std::vector<ChannelBindings> all(6);
  all[1].initiator_type = 2;
  all[2].acceptor_type = 2;
  all[3].initiator = part;
  all[4].acceptor = part;
  all[5].application = part;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NE(channel_binding_hash(all[i]), channel_binding_hash(all[j])) << i << " " << j;
    }
  }
}

// ---- What is left behind -------------------------------------------------------------

// Runs a computation on a stack of its own; whether that holds the secret afterwards. The secret
// itself is made elsewhere.
template <typename Compute>
bool stays_on_the_stack(Compute compute) {
  constexpr std::size_t kSize = 1u << 18;
  using Key = decltype(compute());
  struct Work {
    Compute compute;
    std::unique_ptr<Key> key;
  } work{compute, nullptr};
  const std::unique_ptr<void, decltype(&std::free)> stack(std::aligned_alloc(4096, kSize),
                                                          &std::free);
  std::memset(stack.get(), 0, kSize);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack.get(), kSize);
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    auto* const its = static_cast<Work*>(argument);
    its->key.reset(new Key(its->compute()));
    return nullptr;
  };
  EXPECT_EQ(pthread_create(&thread, &attributes, run, &work), 0);
  EXPECT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
  // Half of it: the last word of a digest may be a coincidence of registers, eight bytes are not.
  return memmem(stack.get(), kSize, work.key->expose().data(), 8) != nullptr;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Keys, NoneIsLeftOnTheStack) {
  const Bytes data(24, 0x42);
  const ServerChallenge challenge{1, 2, 3};
  const NtHash hash = nt_hash();
  const ResponseKeyNt owf = ntowf_v2(hash, data, data);
  const SessionBaseKey base = session_base_key_v1(hash);
  const KeyExchangeKey kxkey = kxkey_v2(base);
  const ExportedSessionKey whole = exported();
  const KxkeyV1Input v1{base, nullptr, data, challenge, true, false, false};
  EXPECT_FALSE(stays_on_the_stack([&] { return ntowf_v1(data); }));
  EXPECT_FALSE(stays_on_the_stack([&] { return ntowf_v2(hash, data, data); }));
  EXPECT_FALSE(stays_on_the_stack([&] { return session_base_key_v1(hash); }));
  EXPECT_FALSE(stays_on_the_stack([&] { return session_base_key_v2(owf, {}); }));
  EXPECT_FALSE(stays_on_the_stack([&] { return *kxkey_v1(v1); }));
  EXPECT_FALSE(stays_on_the_stack([&] {
    ExportedSessionKey key;
    rc4k(kxkey, ByteView(data).first<16>(), key.expose_mutable());
    return key;
  }));
  for (const Direction way : {Direction::kInitiatorToAcceptor, Direction::kAcceptorToInitiator}) {
    EXPECT_FALSE(stays_on_the_stack([&] { return sign_key(whole, way); }));
  }
}
#endif

}  // namespace
}  // namespace ntlm::crypto
