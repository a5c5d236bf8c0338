// SPDX-License-Identifier: MIT
// What is on the heap. Secrets are wiped before it has them back. S33: every allocation of an
// exchange that is this library's or the mechanism's fails once. Whatever answers then answers a
// failure, nothing is left behind, and the next try works. malloc and kin are this program's own:
// who calls them is told by the return address.
#include <errno.h>
#include <link.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>

#include "support.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void __libc_free(void* block);
}

namespace {

std::atomic<long> fails_at{0};  // counts down while armed; 0: never
std::atomic<long> live{0};
std::atomic<bool> failed{false};

// Where the two libraries lie.
struct Range {
  std::uintptr_t start = 0, end = 0;
};
Range ours[2];

bool is_ours(void* caller) {
  const auto at = reinterpret_cast<std::uintptr_t>(caller);
  for (const Range& range : ours) {
    if (at >= range.start && at < range.end) {
      return true;
    }
  }
  return false;
}

int note_range(dl_phdr_info* info, size_t, void*) {
  const std::string_view name = info->dlpi_name;
  Range* range = name.find("libsspi_compat.so") != name.npos ? &ours[0]
                 : name.find("gss_ntlm.so") != name.npos     ? &ours[1]
                                                             : nullptr;
  for (int i = 0; range != nullptr && i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      *range = {info->dlpi_addr + segment.p_vaddr,
                info->dlpi_addr + segment.p_vaddr + segment.p_memsz};
    }
  }
  return 0;
}

bool fails(void* caller) {
  if (fails_at.load(std::memory_order_relaxed) == 0 || !is_ours(caller) ||
      fails_at.fetch_sub(1) != 1) {
    return false;
  }
  failed = true;
  errno = ENOMEM;
  return true;
}

void* counted(void* block) {
  live += block != nullptr ? 1 : 0;
  return block;
}

}  // namespace

extern "C" {

void* malloc(size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : counted(__libc_malloc(size));
}
void* calloc(size_t count, size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : counted(__libc_calloc(count, size));
}
void* realloc(void* block, size_t size) {
  if (fails(__builtin_return_address(0))) {
    return nullptr;
  }
  void* moved = __libc_realloc(block, size);
  return block == nullptr ? counted(moved) : moved;
}
void free(void* block) {
  live -= block != nullptr ? 1 : 0;
  __libc_free(block);
}

}  // extern "C"

namespace sspi_test {
namespace {

const bool configured = add_configuration("");

using Opaque = PSEC_WINNT_AUTH_IDENTITY_OPAQUE;

// What a program does with a context, through the raw functions; SEC_E_OK when all went well, else
// the first failure.
class Scenario {
 public:
  explicit Scenario(const char* package) : package_(package) {
    SecInvalidateHandle(&outbound_);
    SecInvalidateHandle(&inbound_);
    SecInvalidateHandle(&client_);
    SecInvalidateHandle(&server_);
    SecInvalidateHandle(&imported_);
  }
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  ~Scenario() {
    for (CtxtHandle* context : {&client_, &server_, &imported_}) {
      if (SecIsValidHandle(context) != FALSE) {
        DeleteSecurityContext(context);
      }
    }
    FreeCredentialsHandle(&outbound_);
    FreeCredentialsHandle(&inbound_);
  }

  SECURITY_STATUS run() {
    SECURITY_STATUS status = acquire();
    status = status == SEC_E_OK ? exchange() : status;
    status = status == SEC_E_OK ? message() : status;
    status = status == SEC_E_OK ? query() : status;
    return status == SEC_E_OK ? transfer() : status;
  }

 private:
  SECURITY_STATUS acquire() {
    unsigned char user[] = "alice", domain[] = "DOM", password[] = "correct horse";
    SEC_WINNT_AUTH_IDENTITY_A identity{
        user, 5, domain, 3, password, 13, SEC_WINNT_AUTH_IDENTITY_ANSI};
    const SECURITY_STATUS status =
        AcquireCredentialsHandleA(nullptr, package_, SECPKG_CRED_OUTBOUND, nullptr, &identity,
                                  nullptr, nullptr, &outbound_, nullptr);
    return status == SEC_E_OK
               ? AcquireCredentialsHandleA(nullptr, package_, SECPKG_CRED_INBOUND, nullptr, nullptr,
                                           nullptr, nullptr, &inbound_, nullptr)
               : status;
  }

  SECURITY_STATUS exchange() {
    SecBuffer up{0, SECBUFFER_TOKEN, to_server_}, down{0, SECBUFFER_TOKEN, to_client_};
    SecBufferDesc up_desc{SECBUFFER_VERSION, 1, &up}, down_desc{SECBUFFER_VERSION, 1, &down};
    SECURITY_STATUS client = SEC_I_CONTINUE_NEEDED, server = SEC_I_CONTINUE_NEEDED;
    for (int leg = 0;
         leg < 10 && (client == SEC_I_CONTINUE_NEEDED || server == SEC_I_CONTINUE_NEEDED); ++leg) {
      up.cbBuffer = sizeof to_server_;
      client = InitializeSecurityContextA(
          &outbound_, leg == 0 ? nullptr : &client_, "HTTP/host", ISC_REQ_CONFIDENTIALITY, 0, 0,
          leg == 0 ? nullptr : &down_desc, 0, &client_, &up_desc, nullptr, nullptr);
      if (client < 0) {
        return client;
      }
      if (up.cbBuffer == 0) {
        break;
      }
      down.cbBuffer = sizeof to_client_;
      server = AcceptSecurityContext(&inbound_, leg == 0 ? nullptr : &server_, &up_desc, 0, 0,
                                     &server_, &down_desc, nullptr, nullptr);
      if (server < 0) {
        return server;
      }
    }
    return client == SEC_E_OK && server == SEC_E_OK ? SEC_E_OK : SEC_E_INTERNAL_ERROR;
  }

  SECURITY_STATUS message() {
    char token[16], data[] = "Hello, world!";
    SecBuffer buffers[] = {{16, SECBUFFER_TOKEN, token}, {13, SECBUFFER_DATA, data}};
    SecBufferDesc desc{SECBUFFER_VERSION, 2, buffers};
    SECURITY_STATUS status = EncryptMessage(&client_, 0, &desc, 0);
    status = status == SEC_E_OK ? DecryptMessage(&server_, &desc, 0, nullptr) : status;
    return status;
  }

  SECURITY_STATUS query() {
    SecPkgContext_NamesW names{};
    SecPkgContext_SessionKey key{};
    SecPkgContext_NegotiationInfoA info{};
    SECURITY_STATUS status = QueryContextAttributesW(&server_, SECPKG_ATTR_NAMES, &names);
    if (status == SEC_E_OK) {
      // A name that could not be read comes back empty, or not at all.
      status = names.sUserName[0] != 0 ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
      FreeContextBuffer(names.sUserName);
    }
    status = status == SEC_E_OK ? QueryContextAttributesA(&server_, SECPKG_ATTR_SESSION_KEY, &key)
                                : status;
    FreeContextBuffer(key.SessionKey);
    status = status == SEC_E_OK
                 ? QueryContextAttributesA(&server_, SECPKG_ATTR_NEGOTIATION_INFO, &info)
                 : status;
    FreeContextBuffer(info.PackageInfo);
    return status;
  }

  SECURITY_STATUS transfer() {
    SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
    SECURITY_STATUS status = ExportSecurityContext(&server_, 0, &packed, nullptr);
    status = status == SEC_E_OK ? ImportSecurityContextA(package_, &packed, nullptr, &imported_)
                                : status;
    FreeContextBuffer(packed.pvBuffer);
    return status;
  }

  const char* package_;
  CredHandle outbound_, inbound_;
  CtxtHandle client_, server_, imported_;
  char to_server_[8192], to_client_[8192];
};

class Memory : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Packages, Memory, testing::Values("NTLM", "Negotiate"),
                         [](const auto& one) { return std::string(one.param); });

// Tables that only grow once are made before anything is counted: those of what is handed out here,
// and (by two sweeps: it enters some numbers late) the mechglue's of minor statuses.
void fill_tables() {
  std::vector<PSecPkgInfoA> blocks(1000);
  for (PSecPkgInfoA& block : blocks) {
    ASSERT_EQ(QuerySecurityPackageInfoA("NTLM", &block), SEC_E_OK);
  }
  for (const PSecPkgInfoA block : blocks) {
    ASSERT_EQ(FreeContextBuffer(block), SEC_E_OK);
  }
}

// Fails each allocation in turn; answers how many there were.
long sweep(const char* package, int* insufficient) {
  for (long at = 1; at < 100000; ++at) {
    SECURITY_STATUS status;
    {
      Scenario scenario(package);
      failed = false;
      fails_at = at;
      status = scenario.run();
      fails_at = 0;
    }
    if (!failed) {
      EXPECT_EQ(status, SEC_E_OK);
      return at;
    }
    // It may be OK: some allocations are only for speed, or are tried in another way. What is not
    // OK says so.
    *insufficient += status == SEC_E_INSUFFICIENT_MEMORY ? 1 : 0;
    EXPECT_TRUE(status == SEC_E_OK || status < 0) << at;
  }
  return 0;
}

TEST_P(Memory, S33_EveryAllocationMayFail) {
  {
    Scenario scenario(GetParam());
    ASSERT_EQ(scenario.run(), SEC_E_OK) << SspiCompatGetLastText();
  }
  fill_tables();
  dl_iterate_phdr(&note_range, nullptr);
  ASSERT_TRUE(ours[0].start != 0 && ours[1].start != 0);
  int insufficient = 0;
  const long allocations = sweep(GetParam(), &insufficient);
  EXPECT_GT(allocations, 50);
  EXPECT_GT(insufficient, allocations / 4);
  sweep(GetParam(), &insufficient);
  ASSERT_EQ(Scenario(GetParam()).run(), SEC_E_OK);
  const long before = live;
  sweep(GetParam(), &insufficient);
  EXPECT_EQ(live - before, 0) << "of " << allocations << " allocations";
}

// ---- secrets ----

// A secret of which this process has no other copy in clear: kept exclusive-or'ed, and looked for
// so.
class Hidden {
 public:
  void hide(const void* bytes, std::size_t size) {
    size_ = std::min(size, sizeof coded_);
    for (std::size_t i = 0; i < size_; ++i) {
      coded_[i] = static_cast<unsigned char>(static_cast<const unsigned char*>(bytes)[i] ^ kMask);
    }
  }
  // How often it is on the heap, freed blocks included.
  int copies() const {
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    static char line[512];
    int found = 0;
    while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
      unsigned long start = 0, end = 0;
      if (std::strstr(line, "[heap]") != nullptr &&
          std::sscanf(line, "%lx-%lx rw", &start, &end) == 2) {
        found += copies_in({reinterpret_cast<const unsigned char*>(start), end - start});
      }
    }
    std::fclose(maps);
    return found;
  }

  int copies_in(std::span<const unsigned char> memory) const {
    int found = 0;
    for (std::size_t at = 0; at + size_ <= memory.size(); ++at) {
      std::size_t same = 0;
      while (same < size_ && (memory[at + same] ^ kMask) == coded_[same]) {
        ++same;
      }
      found += same == size_ ? 1 : 0;
    }
    return found;
  }

 private:
  static constexpr unsigned char kMask = 0xA5;
  unsigned char coded_[64];
  std::size_t size_ = 0;
};

// A call on a stack of its own, which keeps the frames of all that returned.
class OwnStack {
 public:
  void run(void (*call)()) {
    ucontext_t there;
    getcontext(&there);
    there.uc_stack.ss_sp = memory_.data();
    there.uc_stack.ss_size = memory_.size();
    there.uc_link = &here_;
    makecontext(&there, call, 0);
    swapcontext(&here_, &there);
  }
  std::span<const unsigned char> memory() const { return memory_; }

 private:
  ucontext_t here_{};
  std::vector<unsigned char> memory_ = std::vector<unsigned char>(std::size_t{1} << 20);
};

constexpr std::size_t kPasswordSize = 32;
template <typename Char, std::size_t kSize = kPasswordSize>
struct Password {
  Char text[kSize + 1] = {};
  Hidden hidden;  // the middle: malloc writes over the ends of what is freed, a move over the first
  Hidden narrow;  // the same in UTF-8
  Password() {
    std::random_device random;
    for (std::size_t i = 0; i < kSize; ++i) {
      text[i] = static_cast<Char>('!' + random() % ('~' - '!'));
    }
    constexpr std::size_t kFirst = kSize < kPasswordSize ? 1 : 8;
    constexpr std::size_t kCount = kSize < kPasswordSize ? kSize - kFirst : 16;
    hidden.hide(text + kFirst, kCount * sizeof(Char));
    char bytes[kCount];
    std::copy_n(text + kFirst, kCount, bytes);
    narrow.hide(bytes, kCount);
    explicit_bzero(bytes, sizeof bytes);
  }
  void forget() { explicit_bzero(text, sizeof text); }
};

TEST(Secrets, AFreedIdentityLeavesNoPassword) {
  static Password<WCHAR> password;
  Opaque id = nullptr, copy = nullptr;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"alice", u"DOM", password.text, &id), SEC_E_OK);
  password.forget();
  EXPECT_GE(password.hidden.copies(), 1);
  PCWSTR user, domain, shown, target;
  ASSERT_EQ(SspiEncodeAuthIdentityAsStrings(id, &user, &domain, &shown), SEC_E_OK);
  for (PCWSTR text : {user, domain, shown}) {
    SspiLocalFree(const_cast<WCHAR*>(text));
  }
  ULONG type = 0, size = 0;
  UCHAR* blob = nullptr;
  ASSERT_EQ(SspiPrepareForCredWrite(id, nullptr, &type, &target, &user, &blob, &size), SEC_E_OK);
  SspiLocalFree(blob);
  SspiLocalFree(const_cast<WCHAR*>(user));
  SspiLocalFree(const_cast<WCHAR*>(target));
  ASSERT_EQ(SspiCopyAuthIdentity(id, &copy), SEC_E_OK);
  SspiFreeAuthIdentity(copy);
  SspiFreeAuthIdentity(id);
  EXPECT_EQ(password.hidden.copies(), 0);
}

// A short text lies inside its string, where a move leaves it.
template <std::size_t kSize, typename Char>
void expect_no_copy_of_a_short_password(ULONG flags) {
  static Password<Char, kSize> password;
  static SEC_WINNT_AUTH_IDENTITY_INFO identity;
  static SECURITY_STATUS status;
  identity.AuthId_a.Password = reinterpret_cast<unsigned char*>(password.text);
  identity.AuthId_a.PasswordLength = kSize;
  identity.AuthId_a.Flags = flags;
  OwnStack stack;
  stack.run([] { status = SspiValidateAuthIdentity(&identity); });
  EXPECT_EQ(status, SEC_E_OK);
  EXPECT_EQ(password.hidden.copies_in(stack.memory()), 0) << kSize;
  EXPECT_EQ(password.narrow.copies_in(stack.memory()), 0) << kSize;
}

TEST(Secrets, AShortPasswordLeavesNoCopyOnTheStack) {
  expect_no_copy_of_a_short_password<9, char>(SEC_WINNT_AUTH_IDENTITY_ANSI);
  expect_no_copy_of_a_short_password<15, char>(SEC_WINNT_AUTH_IDENTITY_ANSI);
  expect_no_copy_of_a_short_password<5, WCHAR>(SEC_WINNT_AUTH_IDENTITY_UNICODE);
}

TEST(Secrets, AShortPasswordOfABlockLeavesNoCopyOnTheStack) {
  static Password<WCHAR, 5> password;
  static Opaque id = nullptr;
  static SECURITY_STATUS status;
  OwnStack stack;
  stack.run([] { status = SspiEncodeStringsAsAuthIdentity(u"alice", u"DOM", password.text, &id); });
  EXPECT_EQ(status, SEC_E_OK);
  EXPECT_EQ(password.hidden.copies_in(stack.memory()), 0);
  EXPECT_EQ(password.narrow.copies_in(stack.memory()), 0);
  SspiFreeAuthIdentity(id);
}

TEST(Secrets, AnOpenContextDoesNotKeepThePasswordOfAFreedCredential) {
  static Password<char> password;
  unsigned char user[] = "alice", domain[] = "DOM";
  SEC_WINNT_AUTH_IDENTITY_A identity{user,
                                     5,
                                     domain,
                                     3,
                                     reinterpret_cast<unsigned char*>(password.text),
                                     kPasswordSize,
                                     SEC_WINNT_AUTH_IDENTITY_ANSI};
  Client client;
  FreeCredentialsHandle(&client.credential);
  ASSERT_EQ(AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, &identity,
                                      nullptr, nullptr, &client.credential, nullptr),
            SEC_E_OK);
  password.forget();
  Server server;
  EXPECT_EQ(exchange(client, server).client, SEC_E_OK);
  EXPECT_GE(password.hidden.copies(), 1);  // another exchange may begin with it
  ASSERT_EQ(FreeCredentialsHandle(&client.credential), SEC_E_OK);
  SecInvalidateHandle(&client.credential);
  EXPECT_EQ(password.hidden.copies(), 0);
}

TEST(Secrets, AnExportedAndDeletedContextLeavesNoKey) {
  static Hidden key;
  {
    Pair pair;
    SecPkgContext_SessionKey shown{};
    ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_SESSION_KEY, &shown),
              SEC_E_OK);
    key.hide(shown.SessionKey, shown.SessionKeyLength);
    FreeContextBuffer(shown.SessionKey);
    SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
    ASSERT_EQ(ExportSecurityContext(&pair.server.context, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed,
                                    nullptr),
              SEC_E_OK);
    EXPECT_GE(key.copies(), 2);
    FreeContextBuffer(packed.pvBuffer);
  }
  // MIT's mechglue frees the mechanism's own token as it is.
  EXPECT_LE(key.copies(), 1);
}

}  // namespace
}  // namespace sspi_test
