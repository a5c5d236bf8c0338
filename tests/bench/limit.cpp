// SPDX-License-Identifier: MIT
// The limit of bare cryptography, and how near protocol/session comes to it.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/bare_crypto.h"
#include "bench/rounds.h"
#include "protocol/session.h"

namespace {

using namespace ntlm;
using protocol::Piece;
using protocol::Session;
void print(const std::string& name, const bench::Comparison& figures) {
  std::printf("%-28s %12.0f %12.0f %9.1f %%\n", name.c_str(), figures.limit, figures.measured,
              100 * figures.of_limit);
}

constexpr wire::NegotiateFlags kFlags =
    wire::kSign | wire::kSeal | wire::kEss | wire::k128 | wire::kKeyExchange;

// Ends the process: a message that does not pass makes every figure void.
void must_pass(bool passed) {
  if (!passed) {
    std::fputs("a message did not pass\n", stderr);
    std::exit(1);
  }
}

void messages(const char* size_name, std::size_t size) {
  bench::BareMessages bare;
  Session initiator(protocol::Role::kInitiator, kFlags, crypto::ExportedSessionKey());
  Session acceptor(protocol::Role::kAcceptor, kFlags, crypto::ExportedSessionKey());
  Bytes message(size, 0x42);
  std::array<std::uint8_t, Session::kSignatureSize> signature{};
  const Piece piece{message.data(), message.data(), size, true};
  const ByteView view = message;
  print(std::string("seal + unseal ") + size_name,
        bench::compare([&] { bare.seal_and_unseal(message); },
                       [&] {
                         bool was_sealed = false;
                         must_pass(initiator.seal({&piece, 1}, signature) &&
                                   acceptor.unseal({&piece, 1}, signature, &was_sealed) &&
                                   was_sealed);
                       }));
  print(std::string("sign + verify ") + size_name,
        bench::compare([&] { bare.sign_and_verify(message); },
                       [&] {
                         must_pass(initiator.sign({&view, 1}, signature) &&
                                   acceptor.verify({&view, 1}, signature));
                       }));
}

}  // namespace

int main() {
  bench::BareHandshake handshake;
  std::printf("bare handshake, both sides: %.0f ns\n\n",
              bench::nanoseconds_each([&] { handshake.run(); }));
  std::printf("%-28s %12s %12s %11s\n", "nanoseconds each", "limit", "session", "of limit");
  messages("64 B", 64);
  messages("1 KiB", 1024);
  messages("1 MiB", std::size_t{1} << 20);
}
