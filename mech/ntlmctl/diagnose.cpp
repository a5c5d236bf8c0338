// SPDX-License-Identifier: MIT
// ntlmctl diagnose: why a login would not work here, in plain words; then a login with itself
// through the mechglue.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <gssapi/gssapi_ext.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "authority/client.h"
#include "base/reason.h"
#include "base/text.h"
#include "base/trusted_file.h"
#include "crypto/primitives.h"
#include "gssapi_ntlm.h"
#include "ntlmctl/command.h"
#include "ntlmctl/findings.h"
#include "protocol/host.h"
#include "protocol/policy.h"
#include "store/faults.h"
#include "store/open.h"
#include "store/text_file.h"
#include "wire/messages.h"

namespace ntlm::ntlmctl {
namespace {

void diagnose_crypto(Findings& findings) {
  if (crypto::available()) {
    findings.fine("OpenSSL has what NTLM needs (MD4, MD5, RC4)");
  } else {
    findings.problem("OpenSSL has no MD4 or RC4: install or allow its legacy provider");
  }
  if (crypto::kernel_in_fips_mode())
    findings.note("the kernel is in FIPS mode; see [policy] ntlm_in_fips in ntlm.conf(5)");
}

void diagnose_names(Findings& findings) {
  const std::string host = protocol::node_name();
  if (host.empty()) {
    findings.problem("this host has no name");
    return;
  }
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    findings.note("this host's name {} does not resolve: {}", escaped(host),
                  ::gai_strerror(status));
    return;
  }
  findings.fine(
      "this host is {} ({})", escaped(host),
      found->ai_canonname != nullptr ? escaped(found->ai_canonname) : "no canonical name");
  ::freeaddrinfo(found);
}

void diagnose_store(Findings& findings, const std::string& spec, const std::string& fault) {
  if (fault.empty()) {
    findings.fine("{}: this user can ask it", spec);
  } else {
    findings.problem("{}: {}", spec, fault);
  }
}

// Begins an exchange and gives it up: one that listens and lets this user ask answers.
void diagnose_authd(Findings& findings, const std::string& spec, authority::ClientSettings client) {
  const std::string socket = client.socket;
  const auto negotiate =
      wire::write_negotiate({wire::kUnicode | wire::kNtlm | wire::kEss | wire::k128, {}, {}, {}});
  const auto begun = negotiate
                         ? authority::make_client(std::move(client))->begin(*negotiate, {}, "")
                         : tl::unexpected<Error>(negotiate.error());
  if (begun) {
    findings.fine("{}: ntlm-authd answers this user at {}", spec, socket);
  } else if (begun.error().where == protocol::kVerdict) {
    findings.problem("{}: ntlm-authd at {} refuses: {}", spec, socket,
                     audit_reason(begun.error().code));
  } else {
    const std::string fault = store::last_store_fault();
    findings.problem("{}: {}", spec, fault.empty() ? "ntlm-authd gives no answer" : fault);
  }
}

void diagnose_stores(Findings& findings, const Config& config) {
  const char* user_file = ::secure_getenv("NTLM_USER_FILE");
  if (user_file != nullptr && *user_file != '\0') {
    findings.note("NTLM_USER_FILE is set: it stands in place of the configured stores");
    const auto file = std::make_shared<const store::TextFile>(user_file);
    const bool readable = file->find({"nobody", "NOWHERE"}, "").has_value();
    diagnose_store(findings, "NTLM_USER_FILE",
                   readable ? std::string() : store::last_store_fault());
    const auto responder = store::responder_from_file(*file, {}, false);
    if (responder) {
      findings.fine("whoever logs in from here is {} unless they say otherwise",
                    escaped((*responder)->account().user));
    } else {
      findings.problem("NTLM_USER_FILE has no account to log in with");
    }
    return;
  }
  const store::StoreSettings all = store::settings_from(config);
  auto daemon = authority::settings_from(config);
  if (!daemon) {
    return findings.problem("{}", daemon.error());
  }
  if (*daemon) {
    (*daemon)->report = store::record_store_fault;
    return diagnose_authd(findings, all.stores.front(), std::move(**daemon));
  }
  for (const std::string& spec : all.stores) {
    store::StoreSettings one = all;
    one.stores = {spec};
    const auto verifier = store::open_verifier(one);
    if (const auto* names = verifier ? (*verifier)->host_names() : nullptr) {
      findings.fine("{}: winbindd answers; this host is {} in {}", spec,
                    escaped(names->nb_computer), escaped(names->nb_domain));
    } else {
      diagnose_store(findings, spec, store::store_fault(spec, all));
    }
  }
}

// --- a login with itself
// -------------------------------------------------------------------------------------------

std::string status_text(OM_uint32 major, OM_uint32 minor) {
  OM_uint32 ignored;
  OM_uint32 more = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  const bool mechanism = minor != 0;
  gss_display_status(&ignored, mechanism ? minor : major,
                     mechanism ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &text);
  std::string_view words(static_cast<const char*>(text.value), text.length);
  while (!words.empty() && (words.back() == '\0' || words.back() == ' '))
    words.remove_suffix(1);  // SPNEGO's have both
  std::string printable = escaped(words, 300);
  gss_release_buffer(&ignored, &text);
  return printable;
}

// What one exchange holds; released in any case.
struct Exchange {
  gss_name_t target = GSS_C_NO_NAME;
  gss_name_t source = GSS_C_NO_NAME;
  gss_cred_id_t initiator = GSS_C_NO_CREDENTIAL;
  gss_cred_id_t acceptor = GSS_C_NO_CREDENTIAL;
  gss_ctx_id_t ours = GSS_C_NO_CONTEXT;
  gss_ctx_id_t theirs = GSS_C_NO_CONTEXT;
  gss_buffer_desc forth = GSS_C_EMPTY_BUFFER;
  gss_buffer_desc back = GSS_C_EMPTY_BUFFER;
  gss_OID used = GSS_C_NO_OID;
  OM_uint32 major = GSS_S_COMPLETE;
  OM_uint32 minor = 0;

  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    OM_uint32 ignored;
    gss_release_name(&ignored, &target);
    gss_release_name(&ignored, &source);
    gss_release_cred(&ignored, &initiator);
    gss_release_cred(&ignored, &acceptor);
    gss_delete_sec_context(&ignored, &ours, GSS_C_NO_BUFFER);
    gss_delete_sec_context(&ignored, &theirs, GSS_C_NO_BUFFER);
    gss_release_buffer(&ignored, &forth);
    gss_release_buffer(&ignored, &back);
  }
  bool did(OM_uint32 status) {
    major = status;
    return !GSS_ERROR(status);
  }
};

// Both credentials from one account file that only this process knows.
bool acquire(Exchange& it, gss_OID mechanism, const std::string& file) {
  gss_key_value_element_desc element{GSS_NTLMSSP_CS_KEYFILE, file.c_str()};
  const gss_key_value_set_desc store{1, &element};
  gss_OID_set_desc mechanisms{1, mechanism};
  std::string target = "host@localhost";
  gss_buffer_desc text{target.size(), target.data()};
  return it.did(gss_import_name(&it.minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &it.target)) &&
         it.did(gss_acquire_cred_from(&it.minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms,
                                      GSS_C_INITIATE, &store, &it.initiator, nullptr, nullptr)) &&
         it.did(gss_acquire_cred_from(&it.minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms,
                                      GSS_C_ACCEPT, &store, &it.acceptor, nullptr, nullptr));
}

bool login(Exchange& it, gss_OID mechanism) {
  constexpr int kLegs = 6;
  OM_uint32 accepted = GSS_S_CONTINUE_NEEDED;
  it.major = GSS_S_CONTINUE_NEEDED;
  for (int leg = 0; leg < kLegs && (it.major | accepted) == GSS_S_CONTINUE_NEEDED; ++leg) {
    OM_uint32 ignored;
    gss_release_buffer(&ignored, &it.forth);
    if (!it.did(gss_init_sec_context(&it.minor, it.initiator, &it.ours, it.target, mechanism,
                                     GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0,
                                     GSS_C_NO_CHANNEL_BINDINGS, &it.back, &it.used, &it.forth,
                                     nullptr, nullptr))) {
      return false;
    }
    if (it.forth.length == 0) continue;
    gss_release_buffer(&ignored, &it.back);
    const OM_uint32 ours = it.major;
    if (!it.did(gss_accept_sec_context(&it.minor, &it.theirs, it.acceptor, &it.forth,
                                       GSS_C_NO_CHANNEL_BINDINGS, &it.source, nullptr, &it.back,
                                       nullptr, nullptr, nullptr))) {
      return false;
    }
    accepted = it.major;
    it.major = ours;
  }
  return it.major == GSS_S_COMPLETE && accepted == GSS_S_COMPLETE;
}

bool send(Exchange& it) {
  std::string words = "sealed and opened again";
  gss_buffer_desc plain{words.size(), words.data()};
  OM_uint32 ignored;
  gss_release_buffer(&ignored, &it.forth);
  gss_release_buffer(&ignored, &it.back);
  return it.did(gss_wrap(&it.minor, it.ours, 1, GSS_C_QOP_DEFAULT, &plain, nullptr, &it.forth)) &&
         it.did(gss_unwrap(&it.minor, it.theirs, &it.forth, &it.back, nullptr, nullptr)) &&
         std::string_view(static_cast<const char*>(it.back.value), it.back.length) == words;
}

void exchange_with_itself(Findings& findings, const char* name, gss_OID mechanism,
                          const std::string& file) {
  Exchange it;
  if (!acquire(it, mechanism, file)) {
    findings.problem("{}: no credential: {}", name, status_text(it.major, it.minor));
  } else if (!login(it, mechanism)) {
    findings.problem("{}: a login with itself fails: {}", name, status_text(it.major, it.minor));
  } else if (!send(it)) {
    findings.problem("{}: a sealed message does not come across: {}", name,
                     status_text(it.major, it.minor));
  } else {
    findings.fine("{}: a login with itself through the mechglue, and a sealed message", name);
  }
}

// A directory with one account file, for as long as it lives.
class ScratchAccount {
 public:
  ScratchAccount() {
    std::string pattern = "/tmp/ntlmctl-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) return;
    directory_ = pattern;
    constexpr std::string_view kAccount = "DIAGNOSE:ntlmctl:a password for a moment\n";
    const FileDescriptor fd(::open(file().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    sound_ = fd.get() >= 0 &&
             ::write(fd.get(), kAccount.data(), kAccount.size()) == ssize_t(kAccount.size());
  }
  ScratchAccount(const ScratchAccount&) = delete;
  ScratchAccount& operator=(const ScratchAccount&) = delete;
  ~ScratchAccount() {
    if (directory_.empty()) return;
    (void)::unlink(file().c_str());
    (void)::rmdir(directory_.c_str());
  }
  bool sound() const { return sound_; }
  std::string file() const { return directory_ + "/account"; }

 private:
  std::string directory_;
  bool sound_ = false;
};

void diagnose_exchange(Findings& findings) {
  const ScratchAccount account;
  if (!account.sound()) {
    findings.problem("no login with itself: /tmp cannot be written");
    return;
  }
  gss_OID_desc ntlm{GSS_NTLM_OID_LENGTH, const_cast<char*>(GSS_NTLM_OID_STRING)};
  gss_OID_desc spnego{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};
  exchange_with_itself(findings, "NTLM", &ntlm, account.file());
  exchange_with_itself(findings, "Negotiate", &spnego, account.file());
}

int diagnose(const std::string& file) {
  Findings findings;
  diagnose_registration(findings);
  diagnose_crypto(findings);
  diagnose_names(findings);
  const auto config = load_config(file);
  if (!config) {
    findings.problem("{}", config.error());
  } else {
    config->path().empty() ? findings.note("no ntlm.conf: every key has its default")
                           : findings.fine("the configuration is {}", config->path());
    for (const std::string& sentence : protocol::loosened(*config))
      findings.note("looser than the default: {}", sentence);
    if (const auto& programs = config->list("bridge", "programs"); !programs.empty()) {
      findings.note("the bridge stands in for Kerberos in: {}", fmt::join(programs, " "));
    }
    diagnose_stores(findings, *config);
  }
  diagnose_exchange(findings);
  if (findings.problems() == 0) {
    fmt::print("A login can work here.\n");
    return kDone;
  }
  fmt::print("{} problem{}: a login will fail here, or some will.\n", findings.problems(),
             findings.problems() == 1 ? "" : "s");
  return kRefused;
}

}  // namespace

void add_diagnose_command(CLI::App& tool, int* status) {
  const auto file = std::make_shared<std::string>();
  CLI::App* command =
      tool.add_subcommand("diagnose", "Why a login would not work here; then a login with itself");
  command->add_option("--config", *file, "Another ntlm.conf");
  command->footer(
      "Run it as the user whose server or client it is about. Exit status 1 when there is a "
      "problem.");
  command->callback([file, status] { *status = diagnose(*file); });
}

}  // namespace ntlm::ntlmctl
