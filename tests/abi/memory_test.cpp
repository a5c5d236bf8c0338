// SPDX-License-Identifier: MIT
// Memory runs out at the n-th allocation that the module makes, for each n: the call fails with
// ENOMEM and leaves every output empty, or it did without and has them all; nothing leaks either
// way. This executable's malloc stands in for the process's; the C library's own is behind it.
#include <gtest/gtest.h>
#include <link.h>

#include <cerrno>
#include <functional>
#include <string>

#include "abi/module.h"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace {

constinit std::uintptr_t g_begin = 0,
                         g_end = 0;  // the module, with the C++ runtime that is linked into it
constinit long g_left = 0;           // allocations of the module until one fails; 0: none will
constinit bool g_fired = false;
constinit long g_live = 0;

bool refuse(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  if (g_left == 0 || address < g_begin || address >= g_end || --g_left != 0) {
    return false;
  }
  g_fired = true;
  errno = ENOMEM;
  return true;
}

void* counted(void* memory) {
  if (memory != nullptr) {
    ++g_live;
  }
  return memory;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void* malloc(size_t size) {
  return refuse(__builtin_return_address(0)) ? nullptr : counted(__libc_malloc(size));
}
extern "C" __attribute__((visibility("default"))) void* calloc(size_t count, size_t size) {
  return refuse(__builtin_return_address(0)) ? nullptr : counted(__libc_calloc(count, size));
}
extern "C" __attribute__((visibility("default"))) void* realloc(void* old, size_t size) {
  if (refuse(__builtin_return_address(0))) {
    return nullptr;
  }
  void* const memory = __libc_realloc(old, size);
  return old == nullptr ? counted(memory) : memory;
}
extern "C" __attribute__((visibility("default"))) void* aligned_alloc(size_t alignment,
                                                                      size_t size) {
  return refuse(__builtin_return_address(0)) ? nullptr : counted(__libc_memalign(alignment, size));
}
extern "C" __attribute__((visibility("default"))) int posix_memalign(void** out, size_t alignment,
                                                                     size_t size) {
  *out = counted(__libc_memalign(alignment, size));
  return *out == nullptr ? ENOMEM : 0;
}
extern "C" __attribute__((visibility("default"))) void free(void* memory) {
  if (memory != nullptr) {
    --g_live;
  }
  __libc_free(memory);
}

namespace ntlm::test {
namespace {

void find_module() {
  module();
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void*) {
        if (std::string_view(info->dlpi_name).find("gss_ntlm.so") == std::string_view::npos) {
          return 0;
        }
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) {
            continue;
          }
          const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          g_begin = g_begin == 0 ? begin : std::min(g_begin, begin);
          g_end = std::max(g_end, begin + segment.p_memsz);
        }
        return 1;
      },
      nullptr);
  ASSERT_NE(g_begin, 0U);
}

// The handles and buffers that a case works with; clear() releases them by the module's own
// functions.
struct Handles {
  gss_name_t name = GSS_C_NO_NAME, source = GSS_C_NO_NAME;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  gss_ctx_id_t initiator = GSS_C_NO_CONTEXT, acceptor = GSS_C_NO_CONTEXT;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER, out = GSS_C_EMPTY_BUFFER;
  gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
  gss_OID_set mechanisms = GSS_C_NO_OID_SET;
  OM_uint32 minor = 0;

  void clear() {
    OM_uint32 ignored = 0;
    NTLM_ENTRY(gss_release_name)(&ignored, &name);
    NTLM_ENTRY(gss_release_name)(&ignored, &source);
    NTLM_ENTRY(gss_release_cred)(&ignored, &credential);
    NTLM_ENTRY(gss_delete_sec_context)(&ignored, &initiator, nullptr);
    NTLM_ENTRY(gss_delete_sec_context)(&ignored, &acceptor, nullptr);
    gss_release_buffer(&ignored, &token);
    gss_release_buffer(&ignored, &out);
    gss_release_buffer_set(&ignored, &set);
    gss_release_oid_set(&ignored, &mechanisms);
  }
  // What a call left in its outputs.
  bool nothing() const {
    return source == GSS_C_NO_NAME && out.value == nullptr && out.length == 0 &&
           set == GSS_C_NO_BUFFER_SET && mechanisms == GSS_C_NO_OID_SET;
  }
};

using Step = std::function<OM_uint32(Handles&)>;

// Runs `prepare`, then `call` with its n-th allocation failing, for n = 1, 2, … until none is left
// to fail.
void exhaust(const Step& prepare, const Step& call) {
  constexpr long kEnough = 5000;
  // What the process keeps for ever (the environment's strings, the unwinder's tables) is there
  // afterwards.
  for (const long fails : {0, 0, 1}) {
    Handles warm;
    ASSERT_FALSE(GSS_ERROR(prepare(warm)));
    g_left = fails;
    const OM_uint32 major = call(warm);
    g_left = 0;
    ASSERT_TRUE(fails != 0 || !GSS_ERROR(major)) << warm.minor;
    warm.clear();
  }
  for (long n = 1; n < kEnough; ++n) {
    const long live = g_live;
    Handles handles;
    const OM_uint32 prepared = prepare(handles);
    ASSERT_FALSE(GSS_ERROR(prepared)) << "preparing for allocation " << n << ": " << prepared;
    g_fired = false;
    g_left = n;
    const OM_uint32 major = call(handles);
    g_left = 0;
    if (GSS_ERROR(major)) {
      ASSERT_TRUE(g_fired) << "failed without a reason: " << major << "/" << handles.minor;
      EXPECT_EQ(handles.minor, OM_uint32{ENOMEM}) << "allocation " << n;
      EXPECT_EQ(GSS_ROUTINE_ERROR(major), GSS_S_FAILURE) << "allocation " << n;
      EXPECT_TRUE(handles.nothing()) << "allocation " << n;
    }
    handles.clear();
    EXPECT_EQ(g_live, live) << "allocation " << n << " leaks or loses";
    if (!g_fired) {
      EXPECT_GT(n, 1) << "this call allocates nothing: the test tests nothing";
      return;
    }
  }
  FAIL() << "no end of allocations";
}

OM_uint32 nothing(Handles&) { return GSS_S_COMPLETE; }

OM_uint32 import_alice(Handles& h) {
  gss_buffer_desc text = buffer("a-domain-of-some-length\\alice-of-some-length");
  return NTLM_ENTRY(gss_import_name)(&h.minor, &text, GSS_C_NT_USER_NAME, &h.name);
}
OM_uint32 acquire_both(Handles& h) {
  return NTLM_ENTRY(gss_acquire_cred)(&h.minor, GSS_C_NO_NAME, 0, nullptr, GSS_C_BOTH,
                                      &h.credential, &h.mechanisms, nullptr);
}
OM_uint32 initiate(Handles& h) {
  gss_buffer_desc in = std::exchange(h.token, gss_buffer_desc GSS_C_EMPTY_BUFFER);
  const OM_uint32 major = NTLM_ENTRY(gss_init_sec_context)(
      &h.minor, GSS_C_NO_CREDENTIAL, &h.initiator, GSS_C_NO_NAME, nullptr, kProtected, 0, nullptr,
      &in, nullptr, &h.out, nullptr, nullptr);
  std::swap(in, h.token);
  return major;
}
OM_uint32 accept(Handles& h) {
  return NTLM_ENTRY(gss_accept_sec_context)(&h.minor, &h.acceptor, GSS_C_NO_CREDENTIAL, &h.token,
                                            nullptr, &h.source, nullptr, &h.out, nullptr, nullptr,
                                            nullptr);
}
// What one side said last is what the other hears next.
OM_uint32 pass(Handles& h) {
  OM_uint32 ignored = 0;
  gss_release_buffer(&ignored, &h.token);
  h.token = std::exchange(h.out, gss_buffer_desc GSS_C_EMPTY_BUFFER);
  return GSS_S_COMPLETE;
}
Step steps(std::initializer_list<Step> all) {
  return [all = std::vector<Step>(all)](Handles& h) {
    for (const Step& step : all) {
      if (const OM_uint32 major = step(h); GSS_ERROR(major)) {
        return major;
      }
    }
    return OM_uint32{GSS_S_COMPLETE};
  };
}
OM_uint32 forget_source(Handles& h) { return NTLM_ENTRY(gss_release_name)(&h.minor, &h.source); }
const Step kEstablished =
    steps({initiate, pass, accept, pass, initiate, pass, accept, forget_source});
OM_uint32 wrap(Handles& h) {
  gss_buffer_desc message =
      buffer("a message that is not short enough for anything to keep within itself");
  return NTLM_ENTRY(gss_wrap)(&h.minor, h.initiator, 1, 0, &message, nullptr, &h.out);
}
OM_uint32 export_context(Handles& h) {
  return NTLM_ENTRY(gss_export_sec_context)(&h.minor, &h.acceptor, &h.out);
}
OM_uint32 export_credential(Handles& h) {
  return NTLM_ENTRY(gss_export_cred)(&h.minor, h.credential, &h.out);
}
OM_uint32 forget_credential(Handles& h) {
  OM_uint32 ignored = 0;
  gss_release_oid_set(&ignored, &h.mechanisms);
  return NTLM_ENTRY(gss_release_cred)(&h.minor, &h.credential);
}
OM_uint32 forget_mechanisms(Handles& h) { return gss_release_oid_set(&h.minor, &h.mechanisms); }

class MemoryRunsOut : public testing::Test {
 protected:
  void SetUp() override { find_module(); }
  Accounts accounts_;
};

TEST_F(MemoryRunsOut, ImportName) { exhaust(nothing, import_alice); }

TEST_F(MemoryRunsOut, ExportName) {
  exhaust(import_alice,
          [](Handles& h) { return NTLM_ENTRY(gss_export_name)(&h.minor, h.name, &h.out); });
}

TEST_F(MemoryRunsOut, DisplayDuplicateAndInquireName) {
  exhaust(import_alice, [](Handles& h) {
    return NTLM_ENTRY(gss_display_name)(&h.minor, h.name, &h.out, nullptr);
  });
  exhaust(import_alice,
          [](Handles& h) { return NTLM_ENTRY(gss_duplicate_name)(&h.minor, h.name, &h.source); });
  exhaust(import_alice, [](Handles& h) {
    return NTLM_ENTRY(gss_inquire_name)(&h.minor, h.name, nullptr, nullptr, &h.set);
  });
}

TEST_F(MemoryRunsOut, AttributeOfAName) {
  exhaust(import_alice, [](Handles& h) {
    gss_buffer_desc attribute = buffer(GSS_NTLM_ATTR_DOMAIN);
    int more = -1;
    return NTLM_ENTRY(gss_get_name_attribute)(&h.minor, h.name, &attribute, nullptr, nullptr,
                                              &h.out, nullptr, &more);
  });
}

TEST_F(MemoryRunsOut, AcquireCredential) { exhaust(nothing, acquire_both); }

TEST_F(MemoryRunsOut, AcquireCredentialWithPassword) {
  exhaust(import_alice, [](Handles& h) {
    gss_buffer_desc password = buffer("a password that is longer than any small-string room");
    return entry<decltype(gss_acquire_cred_with_password)>("gssspi_acquire_cred_with_password")(
        &h.minor, h.name, &password, 0, nullptr, GSS_C_INITIATE, &h.credential, nullptr, nullptr);
  });
}

TEST_F(MemoryRunsOut, InquireCredential) {
  exhaust(steps({acquire_both, forget_mechanisms}), [](Handles& h) {
    return NTLM_ENTRY(gss_inquire_cred)(&h.minor, h.credential, &h.source, nullptr, nullptr,
                                        &h.mechanisms);
  });
}

// The configuration is read again in each call, since it is another one each time.
TEST_F(MemoryRunsOut, ReadingTheConfiguration) {
  int count = 0;
  exhaust(
      [&](Handles&) {
        accounts_.configure(++count % 2 == 0 ? "even.conf" : "odd.conf",
                            "[policy]\n challenge_max_age = 100\n");
        return OM_uint32{GSS_S_COMPLETE};
      },
      [](Handles& h) {
        const OM_uint32 major = acquire_both(h);
        // Memory that ran out in the middle of a file may look like a fault of the file.
        if (h.minor == GSS_NTLM_MINOR_CONFIGURATION) {
          h.minor = ENOMEM;
        }
        return major;
      });
}

// What a composite name of alice's says of her, as a domain's with many groups does.
std::string with_groups(std::uint32_t count) {
  const auto number = [](std::uint32_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) {
      bytes.push_back(static_cast<char>(value >> 8 * i));
    }
    return bytes;
  };
  const auto block = [&](const std::string& text) {
    return number(static_cast<std::uint32_t>(text.size())) + text;
  };
  std::string token(
      "\x04\x02\x00\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
      "\x00\x00\x00\x12\x00\x04\x00\x00\x00TEST\x05\x00\x00\x00"
      "alice",
      38);
  token += number(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    token += block(GSS_NTLM_ATTR_GROUP_SID) + block("S-1-5-21-1-2-3-" + std::to_string(1000 + i));
  }
  return token;
}

// A login reads them all, one by one.
TEST_F(MemoryRunsOut, AValueTakesAsMuchAmongManyAsAlone) {
  const auto allocations_for_the_last_of = [](std::uint32_t count) {
    constexpr long kEnough = 1'000'000;
    Handles handles;
    const std::string token = with_groups(count);
    gss_buffer_desc in = buffer(token), wanted = buffer(GSS_NTLM_ATTR_GROUP_SID);
    gss_buffer_desc display = GSS_C_EMPTY_BUFFER;
    EXPECT_EQ(
        NTLM_ENTRY(gss_import_name)(&handles.minor, &in, GSS_C_NT_COMPOSITE_EXPORT, &handles.name),
        OM_uint32{GSS_S_COMPLETE});
    int more = count == 1 ? -1 : static_cast<int>(count) - 1;
    const auto get_name_attribute = &NTLM_ENTRY(gss_get_name_attribute);
    g_left = kEnough;
    const OM_uint32 major = get_name_attribute(&handles.minor, handles.name, &wanted, nullptr,
                                               nullptr, &handles.out, &display, &more);
    const long made = kEnough - std::exchange(g_left, 0);
    EXPECT_EQ(major, OM_uint32{GSS_S_COMPLETE});
    EXPECT_EQ(more, 0) << "the last";
    EXPECT_EQ(std::string(static_cast<char*>(handles.out.value), handles.out.length),
              "S-1-5-21-1-2-3-" + std::to_string(999 + count));
    OM_uint32 ignored = 0;
    gss_release_buffer(&ignored, &display);
    handles.clear();
    return made;
  };
  const long alone = allocations_for_the_last_of(1);
  EXPECT_GT(alone, 0);
  EXPECT_EQ(allocations_for_the_last_of(2000), alone);
}

TEST_F(MemoryRunsOut, EachLegOfAnExchange) {
  exhaust(nothing, initiate);
  exhaust(steps({initiate, pass}), accept);
  exhaust(steps({initiate, pass, accept, pass}), initiate);
  exhaust(steps({initiate, pass, accept, pass, initiate, pass}), accept);
}

// A leg of which the caller hears that it failed leaves no session behind.
TEST_F(MemoryRunsOut, AFailedLegLeavesADeadContext) {
  const auto check = [](gss_ctx_id_t context, OM_uint32 major) {
    g_left = 0;
    if (GSS_ERROR(major) && context != GSS_C_NO_CONTEXT) {
      gss_buffer_desc message = buffer("message"), out = GSS_C_EMPTY_BUFFER;
      OM_uint32 minor = 0;
      EXPECT_EQ(NTLM_ENTRY(gss_wrap)(&minor, context, 1, 0, &message, nullptr, &out),
                OM_uint32{GSS_S_NO_CONTEXT});
      EXPECT_EQ(minor, OM_uint32{GSS_NTLM_MINOR_DEAD_CONTEXT});
    }
    return major;
  };
  exhaust(steps({initiate, pass, accept, pass}),
          [&](Handles& h) { return check(h.initiator, initiate(h)); });
  exhaust(steps({initiate, pass, accept, pass, initiate, pass}),
          [&](Handles& h) { return check(h.acceptor, accept(h)); });
}

TEST_F(MemoryRunsOut, WrapAndUnwrap) {
  exhaust(kEstablished, wrap);
  exhaust(steps({kEstablished, wrap, pass}), [](Handles& h) {
    return NTLM_ENTRY(gss_unwrap)(&h.minor, h.acceptor, &h.token, &h.out, nullptr, nullptr);
  });
}

TEST_F(MemoryRunsOut, WrapApart) {
  exhaust(kEstablished, [](Handles& h) {
    std::array<char, 100> data{};
    std::array<gss_iov_buffer_desc, 2> iov = {
        {{GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE, {}},
         {GSS_IOV_BUFFER_TYPE_DATA, {data.size(), data.data()}}}};
    const OM_uint32 major =
        NTLM_ENTRY(gss_wrap_iov)(&h.minor, h.initiator, 1, 0, nullptr, iov.data(), 2);
    h.out = iov[0].buffer;
    return major;
  });
}

TEST_F(MemoryRunsOut, InquireContext) {
  exhaust(kEstablished, [](Handles& h) {
    return NTLM_ENTRY(gss_inquire_context)(&h.minor, h.acceptor, &h.source, nullptr, nullptr,
                                           nullptr, nullptr, nullptr, nullptr);
  });
}

TEST_F(MemoryRunsOut, ContextOnItsWay) {
  exhaust(kEstablished, export_context);
  exhaust(steps({kEstablished, export_context, pass}), [](Handles& h) {
    return NTLM_ENTRY(gss_import_sec_context)(&h.minor, &h.token, &h.acceptor);
  });
}

TEST_F(MemoryRunsOut, CredentialOnItsWay) {
  exhaust(steps({acquire_both, forget_mechanisms}), export_credential);
  exhaust(steps({acquire_both, export_credential, pass, forget_credential}), [](Handles& h) {
    return NTLM_ENTRY(gss_import_cred)(&h.minor, &h.token, &h.credential);
  });
}

TEST_F(MemoryRunsOut, DisplayStatus) {
  exhaust(nothing, [](Handles& h) {
    return NTLM_ENTRY(gss_display_status)(&h.minor, GSS_NTLM_MINOR_LOGON_DENIED, GSS_C_MECH_CODE,
                                          nullptr, nullptr, &h.out);
  });
}

}  // namespace
}  // namespace ntlm::test
