// SPDX-License-Identifier: MIT
// gcore of a worker after many logons: no password and no hash, and in its memory of no finished
// context a key. The worker is a process that only accepts, made before this one has chosen the
// password.
// NTLM_AUTHD_LOGONS: how many (otherwise as many as go into 8 seconds).
#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <unordered_map>

#include "authd/worker.h"
#include "base/text.h"
#include "crypto/ntlm.h"
#include "support/core_dump.h"

namespace ntlm::test {
namespace {

// A token there and back; datagrams keep them apart.
std::string receive(int fd) {
  std::string room(65536, 0);
  const ssize_t size = recv(fd, room.data(), room.size(), 0);
  room.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return room;
}
bool send(int fd, std::string_view message) {
  return ::send(fd, message.data(), message.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

// The worker: the first message is its configuration, each other a token; "in" answers the last.
[[noreturn]] void accept_all(int fd) {
  setenv("GSS_NTLM_CONF", receive(fd).c_str(), 1);
  Context context;
  while (true) {
    const std::string token = receive(fd);
    if (token.empty()) {
      _exit(0);
    }
    gss_buffer_desc in = buffer(token);
    Buffer out;
    OM_uint32 minor = 0;
    const OM_uint32 major =
        gss_accept_sec_context(&minor, &context.get(), GSS_C_NO_CREDENTIAL, &in, nullptr, nullptr,
                               nullptr, out.out(), nullptr, nullptr, nullptr);
    if (GSS_ERROR(major)) {
      _exit(1);
    }
    if (major == GSS_S_COMPLETE) {
      context.reset();
    }
    send(fd, major == GSS_S_COMPLETE ? "in" : text(out));
  }
}

using Key = std::array<std::uint8_t, 16>;

// What must not be found: any 16 bytes of these.
class Secrets {
 public:
  void add(ByteView key, const char* what) {
    Key whole{};
    std::copy_n(key.begin(), whole.size(), whole.begin());
    keys_.emplace(head(whole.data()), Secret{whole, what});
  }
  std::size_t size() const { return keys_.size(); }
  // How many places have one.
  std::size_t count_in(const std::string& core) const {
    std::size_t count = 0;
    for (std::size_t at = 0; at + 16 <= core.size(); ++at) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(core.data()) + at;
      const auto [first, last] = keys_.equal_range(head(bytes));
      for (auto one = first; one != last; ++one) {
        if (std::memcmp(bytes, one->second.key.data(), 16) == 0) {
          std::printf("at %zu: %s\n", at, one->second.what);
          ++count;
        }
      }
    }
    return count;
  }

 private:
  struct Secret {
    Key key;
    const char* what;
  };
  static std::uint64_t head(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  std::unordered_multimap<std::uint64_t, Secret> keys_;
};

ByteView bytes_of_buffer(const gss_buffer_desc& data) {
  return {static_cast<const std::uint8_t*>(data.value), data.length};
}

// The session key that the context works with, and the base key of its proof.
void remember(Secrets& finished, Context& context, const gss_buffer_desc& authenticate,
              const crypto::NtHash& hash) {
  OM_uint32 minor = 0;
  BufferSet keys;
  ASSERT_EQ(
      gss_inquire_sec_context_by_oid(&minor, context.get(), GSS_C_INQ_SSPI_SESSION_KEY, keys.out()),
      GSS_S_COMPLETE);
  finished.add(bytes_of_buffer(keys.get()->elements[0]), "the session key of a finished context");
  const ByteView token = bytes_of_buffer(authenticate);
  const std::size_t response = token[24] | static_cast<std::size_t>(token[25]) << 8;
  const auto user = utf16le_from_utf8("alice").value(), domain = utf16le_from_utf8("TEST").value();
  const auto owf = crypto::ntowf_v2(hash, user, domain);
  const auto base = crypto::hmac_md5(owf.expose(), {token.subspan(response, 16)});
  finished.add(base, "the session base key of a finished context");
}

std::string random_password() {
  std::random_device chance;
  std::string password = "Pw";
  for (int i = 0; i < 20; ++i) {
    password += static_cast<char>('a' + chance() % 26);
  }
  return password;
}

Secrets secrets_of(const std::string& password, const crypto::NtHash& hash) {
  Secrets secrets;
  secrets.add({reinterpret_cast<const std::uint8_t*>(password.data()), 16}, "the password");
  secrets.add(utf16le_from_utf8(password).value(), "the password in UTF-16");
  secrets.add(hash.expose(), "the NT hash");
  secrets.add(
      crypto::ntowf_v2(hash, utf16le_from_utf8("alice").value(), utf16le_from_utf8("TEST").value())
          .expose(),
      "NTOWFv2");
  return secrets;
}

// A logon through the worker at the other end. Its keys are secrets from then on.
void log_in(int worker, Credential& alice, const crypto::NtHash& hash, Secrets& keys) {
  Legs legs;
  ASSERT_EQ(legs.initiate(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  ASSERT_TRUE(send(worker, text(legs.to_acceptor)));
  const std::string challenge = receive(worker);
  // Through a buffer that the library releases.
  gss_buffer_desc in = buffer(challenge);
  Name target = import("HTTP@host.test.example", GSS_C_NT_HOSTBASED_SERVICE);
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_init_sec_context(&minor, alice.get(), &legs.initiator.get(), target.get(), &g_ntlm,
                                 kProtected, 0, nullptr, &in, nullptr, legs.to_acceptor.out(),
                                 nullptr, nullptr),
            GSS_S_COMPLETE);
  ASSERT_TRUE(send(worker, text(legs.to_acceptor)));
  ASSERT_EQ(receive(worker), "in");
  remember(keys, legs.initiator, legs.to_acceptor.get(), hash);
}

TEST(WorkersMemory, HasNoSecretAfterManyLogons) {
  if (!can_dump()) {
    ASSERT_STRNE(getenv("NTLM_REQUIRE_PEERS"), "1") << "gdb is not installed";
    GTEST_SKIP() << "needs gcore (gdb)";
  }
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const pid_t worker_process = fork();
  if (worker_process == 0) {
    close(ends[0]);
    accept_all(ends[1]);
  }
  close(ends[1]);
  const std::string password = random_password();
  Daemon daemon("[authd]\n rate = 0\n", "TEST:alice:" + password + "\n");
  const Worker worker(daemon);
  ASSERT_TRUE(send(ends[0], getenv("GSS_NTLM_CONF")));

  const crypto::NtHash hash = crypto::ntowf_v1(utf16le_from_utf8(password).value());
  const Secrets secrets = secrets_of(password, hash);
  Secrets keys;
  const char* wanted = getenv("NTLM_AUTHD_LOGONS");
  const long most = wanted != nullptr ? std::atol(wanted) : 20'000;
  const auto end = std::chrono::steady_clock::now() + 8s;
  Credential alice = initiator("TEST\\alice", password);
  long logons = 0;
  while (logons < most && (wanted != nullptr || std::chrono::steady_clock::now() < end)) {
    log_in(ends[0], alice, hash, keys);
    ASSERT_FALSE(HasFatalFailure()) << logons;
    ++logons;
  }
  const std::string dump = core_dump(worker_process);
  const std::string memory = memory_in(dump);
  EXPECT_GT(memory.size(), 1u << 20);
  EXPECT_EQ(secrets.count_in(dump), 0u);
  EXPECT_EQ(keys.count_in(memory), 0u);
  const std::string socket_path = daemon.socket();
  Secrets known;  // the search finds what is there
  known.add(bytes_of_buffer(buffer(socket_path)), "the socket's name");
  EXPECT_GT(known.count_in(memory), 0u);
  std::printf("%ld logons, %zu secrets, none in %zu MiB\n", logons, secrets.size() + keys.size(),
              memory.size() >> 20);
  close(ends[0]);
  waitpid(worker_process, nullptr, 0);
}

}  // namespace
}  // namespace ntlm::test
