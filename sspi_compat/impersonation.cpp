// SPDX-License-Identifier: MIT
#include "sspi_compat/impersonation.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "gssapi_ntlm.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/settings.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

// uid, gid and groups of a local user; false when there is no such user.
bool look_up(Token& token) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(token.local_user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return false;
  }
  token.uid = entry.pw_uid;
  token.gid = entry.pw_gid;
  int count = 64;
  token.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(token.local_user.c_str(), token.gid, token.groups.data(), &count) < 0) {
    token.groups.resize(static_cast<std::size_t>(count));  // it told how many there are
    if (getgrouplist(token.local_user.c_str(), token.gid, token.groups.data(), &count) < 0) {
      return false;
    }
  }
  token.groups.resize(static_cast<std::size_t>(count));
  return true;
}

// The thread's own call; the C library's would change every thread.
bool set_thread_groups(const std::vector<gid_t>& groups) {
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

bool set_thread_ids(uid_t uid, gid_t gid) {
  constexpr auto kAsk = static_cast<unsigned>(-1);  // changes nothing and answers what is
  setfsgid(gid);
  setfsuid(uid);
  return static_cast<gid_t>(setfsgid(kAsk)) == gid && static_cast<uid_t>(setfsuid(kAsk)) == uid;
}

// A process that is not root but has file capabilities would keep them through setfsuid: that is no
// impersonation.
bool keeps_file_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) {
    return true;
  }
  constexpr std::uint32_t kFile = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE |
                                  1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                                  1u << CAP_MKNOD;
  return (data[0].effective & kFile) != 0;
}

// What the calling thread was before, while it is somebody else.
class Impersonation {
 public:
  Impersonation() = default;
  Impersonation(const Impersonation&) = delete;
  Impersonation& operator=(const Impersonation&) = delete;
  ~Impersonation() { revert(); }

  bool active() const { return active_; }
  bool is_of(const SecHandle& context) const { return active_ && context_ == context.dwLower; }
  const std::string& name() const { return name_; }

  bool become(const Token& token, const SecHandle& context, bool change) {
    if (!revert() || (change && !take_on(token))) {
      return false;
    }
    active_ = true;
    context_ = context.dwLower;
    name_ = token.name;
    return true;
  }

  // false: the process's identity did not come back.
  bool revert() {
    const bool restored = !changed_ || restore();
    active_ = !restored;
    return restored;
  }

 private:
  bool take_on(const Token& token) {
    if (token.uid == geteuid() && token.gid == getegid()) {
      return true;  // the process is that user
    }
    const int count = getgroups(0, nullptr);
    groups_.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    if (count < 0 || getgroups(count, groups_.data()) != count ||
        !set_thread_groups(token.groups)) {
      return false;
    }
    changed_ = true;
    if (!set_thread_ids(token.uid, token.gid) || (token.uid != 0 && keeps_file_capabilities())) {
      restore();
      return false;
    }
    return true;
  }

  bool restore() {
    const bool ids = set_thread_ids(geteuid(), getegid());
    changed_ = !(set_thread_groups(groups_) && ids);
    return !changed_;
  }

  bool active_ = false;
  bool changed_ = false;
  std::uint64_t context_ = 0;
  std::string name_;
  std::vector<gid_t> groups_;
};
thread_local Impersonation impersonation;  // its destructor is the thread's end

SECURITY_STATUS impersonate(PCtxtHandle handle) {
  const auto context = live_context(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  if (const SECURITY_STATUS status = check_has_token(*context); status != SEC_E_OK) {
    return status;
  }
  if ((context->granted & GSS_C_IDENTIFY_FLAG) != 0) {
    return failure(SEC_E_NO_IMPERSONATION, "the client allowed identification only");
  }
  using How = Settings::Impersonation;
  const How how = settings().impersonation;
  if (!settings().error.empty() || how == How::kNone) {
    return failure(SEC_E_NO_IMPERSONATION, "[sspi] impersonation is off, or ntlm.conf is wrong");
  }
  const auto token = make_token(*context);
  if (how == How::kFsuid && token->local_user.empty()) {
    return failure(SEC_E_NO_IMPERSONATION, "the client's account maps to no local user");
  }
  return impersonation.become(*token, *handle, how == How::kFsuid)
             ? SEC_E_OK
             : failure(SEC_E_NO_IMPERSONATION, "the process may not take on another identity");
}

SECURITY_STATUS revert(PCtxtHandle handle) {
  if (!contexts().find(handle)) {
    return SEC_E_INVALID_HANDLE;
  }
  if (!impersonation.is_of(*handle)) {
    return failure(SEC_E_NO_IMPERSONATION,
                   "this thread does not impersonate this context's client");
  }
  return impersonation.revert()
             ? SEC_E_OK
             : failure(SEC_E_INTERNAL_ERROR, "the process's identity could not be taken back");
}

SecHandle token_handle(HANDLE handle) {
  return tokens().handle_with(reinterpret_cast<ULONG_PTR>(handle));
}

// One block: the structure, the groups, the texts.
HandedOut<char> describe(const Token& token) {
  const std::size_t groups_at = sizeof(SspiCompatTokenInfo);
  const std::size_t text_at = groups_at + token.groups.size() * sizeof(gid_t);
  HandedOut<char> block(static_cast<char*>(
      hand_out(text_at + token.name.size() + token.local_user.size() + token.sid.size() + 3)));
  char* end = block.get() + text_at;
  const auto put = [&](const std::string& text) {
    char* start = end;
    end += text.copy(start, text.size()) + 1;
    return start;
  };
  SspiCompatTokenInfo info{};
  info.UserName = put(token.name);
  info.LocalUser = token.local_user.empty() ? nullptr : put(token.local_user);
  info.Sid = token.sid.empty() ? nullptr : put(token.sid);
  info.Uid = token.uid;
  info.Gid = token.gid;
  info.GroupCount = static_cast<ULONG>(token.groups.size());
  info.Groups = static_cast<gid_t*>(static_cast<void*>(block.get() + groups_at));
  if (!token.groups.empty()) {
    std::memcpy(block.get() + groups_at, token.groups.data(), token.groups.size() * sizeof(gid_t));
  }
  std::memcpy(block.get(), &info, sizeof info);
  return block;
}

}  // namespace

Registry<Token>& tokens() {
  static constinit Registry<Token> registry;
  return registry;
}

HANDLE handle_of(const SecHandle& token) { return reinterpret_cast<HANDLE>(token.dwLower); }

std::unique_ptr<Token> make_token(const Context& context) {
  auto token = std::make_unique<Token>();
  const Name client = client_name(context);
  token->name = display(client.get());
  if (const auto sids = attribute_values(client.get(), GSS_NTLM_ATTR_SID); !sids.empty()) {
    token->sid = sids.front();
  }
  Buffer local;
  OM_uint32 minor = 0;
  if (client != nullptr &&
      gss_localname(&minor, client.get(), context.mechanism, local.out()) == GSS_S_COMPLETE) {
    token->local_user = local.view();
  }
  if (!token->local_user.empty() && !look_up(*token)) {
    token->local_user.clear();
  }
  return token;
}

SECURITY_STATUS check_has_token(const Context& context) {
  const bool has = context.state == Context::State::kOpen && !context.initiator &&
                   (context.required & ASC_REQ_NO_TOKEN) == 0;
  return has ? SEC_E_OK
             : failure(SEC_E_NO_IMPERSONATION,
                       "not a complete server context, or one without a token");
}

void forget_impersonation(const SecHandle& context) {
  if (impersonation.is_of(context)) {
    impersonation.revert();
  }
}

std::string impersonated_name() {
  return impersonation.active() ? impersonation.name() : std::string();
}

}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS ImpersonateSecurityContext(PCtxtHandle phContext) {
  return guard([&] { return impersonate(phContext); });
}

SECURITY_STATUS RevertSecurityContext(PCtxtHandle phContext) {
  return guard([&] { return revert(phContext); });
}

SECURITY_STATUS QuerySecurityContextToken(PCtxtHandle phContext, PHANDLE Token) {
  return guard([&] {
    const auto context = live_context(phContext);
    if (!context) {
      return SEC_E_INVALID_HANDLE;
    }
    if (Token == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    const SECURITY_STATUS status = check_has_token(*context);
    if (status == SEC_E_OK) {
      *Token = handle_of(tokens().open(make_token(*context)));
    }
    return status;
  });
}

HRESULT SspiCompatGetTokenInfo(HANDLE Token, PSspiCompatTokenInfo* Info) {
  return guard([&] {
    const SecHandle handle = token_handle(Token);
    const auto token = tokens().find(&handle);
    if (!token) {
      return SEC_E_INVALID_HANDLE;
    }
    if (Info == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    *Info = static_cast<PSspiCompatTokenInfo>(static_cast<void*>(describe(*token).release()));
    return SEC_E_OK;
  });
}

BOOL SspiCompatCloseHandle(HANDLE Object) {
  const SecHandle handle = token_handle(Object);
  return guard([&] { return tokens().close(&handle) ? SEC_E_OK : SEC_E_INVALID_HANDLE; }) ==
                 SEC_E_OK
             ? TRUE
             : FALSE;
}

}  // extern "C"
