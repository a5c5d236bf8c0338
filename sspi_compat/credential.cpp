// SPDX-License-Identifier: MIT
#include "sspi_compat/credential.h"

#include <gssapi/gssapi_krb5.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <sstream>

#include "gssapi_ntlm.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/settings.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

// A set of mechanisms that lives for a call.
class OidSet {
 public:
  void add(gss_OID oid) { members_[set_.count++] = *oid; }
  gss_OID_set get() { return &set_; }
  bool empty() const { return set_.count == 0; }

 private:
  std::array<gss_OID_desc, 3> members_{};
  gss_OID_set_desc set_{0, members_.data()};
};

// 1.2.752.43.13.29: no signing and sealing unless they are asked for, as SSPI has it.
void ask_for_nothing_unasked(gss_cred_id_t credential) {
  gss_OID_desc option{6, const_cast<char*>("\x2a\x85\x70\x2b\x0d\x1d")};
  gss_buffer_desc empty = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0;
  gss_set_cred_option(&minor, &credential, &option,
                      &empty);  // a mechanism that lacks it needs none
}

// Who runs this process: an identity with a password and no user means them, as on Windows.
std::string process_user() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  return getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
                 found != nullptr
             ? entry.pw_name
             : "";
}

std::string_view trimmed(std::string_view word) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = word.find_first_not_of(kBlanks);
  return first == word.npos ? std::string_view()
                            : word.substr(first, word.find_last_not_of(kBlanks) - first + 1);
}

SECURITY_STATUS import_name(const std::string& text, gss_OID type, Name& name) {
  gss_buffer_desc buffer = input_buffer(text);
  gss_name_t imported = GSS_C_NO_NAME;
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_import_name(&minor, &buffer, type, &imported);
  name.reset(imported);
  return major == GSS_S_COMPLETE ? SEC_E_OK : status_of(Call::kAcquire, major, minor, GSS_C_NO_OID);
}

}  // namespace

void ReleaseCredential::operator()(gss_cred_id_t credential) const noexcept {
  OM_uint32 minor = 0;
  gss_release_cred(&minor, &credential);
}

Credential::Credential(const Package& package, ULONG use, Identity identity, std::string principal)
    : package_(package),
      use_(use),
      identity_(std::move(identity)),
      principal_(std::move(principal)),
      initial_mechanism_(package.mechanism()) {}

SECURITY_STATUS Credential::open() {
  SECURITY_STATUS status = choose_mechanisms();
  if (status == SEC_E_OK && inbound()) {
    status = acquire_acceptor();
  }
  if (status == SEC_E_OK && outbound()) {
    const SECURITY_STATUS now = acquire_initiator(initiator_);
    status = now == SEC_E_INSUFFICIENT_MEMORY || now == SEC_E_SECPKG_NOT_FOUND ? now : SEC_E_OK;
  }
  return status;
}

// The identity's package list for Negotiate: names that may be used, "!name" for those that may
// not.
SECURITY_STATUS Credential::choose_mechanisms() {
  if (&package_ != &kNegotiate) {
    return SEC_E_OK;
  }
  bool krb5_named = false;
  bool ntlm_named = false;
  bool any_named = false;  // one that is not here, too, leaves no room for the others
  std::istringstream list(identity_.package_list);
  for (std::string word; std::getline(list, word, ',');) {
    std::string_view name = trimmed(word);
    const bool excluded = name.starts_with('!');
    if (excluded) {
      name = trimmed(name.substr(1));
    }
    const bool krb5 = equal_ignoring_case(name, "kerberos");
    const bool ntlm = equal_ignoring_case(name, "ntlm");
    if (excluded) {
      krb5_allowed_ = krb5_allowed_ && !krb5;
      ntlm_allowed_ = ntlm_allowed_ && !ntlm;
    } else if (!name.empty() && !equal_ignoring_case(name, "negotiate")) {
      krb5_named = krb5_named || krb5;
      ntlm_named = ntlm_named || ntlm;
      any_named = true;
    }
  }
  if (any_named) {
    krb5_allowed_ = krb5_allowed_ && krb5_named;
    ntlm_allowed_ = ntlm_allowed_ && ntlm_named;
  }
  // Only NTLM named: without the SPNEGO wrapping, as on Windows; or because ntlm.conf says so.
  const bool only_ntlm_named = ntlm_named && !krb5_named && ntlm_allowed_;
  if (only_ntlm_named ||
      (ntlm_allowed_ && settings().negotiate_form == Settings::NegotiateForm::kRaw)) {
    initial_mechanism_ = ntlm_oid();
  }
  return SEC_E_OK;
}

SECURITY_STATUS Credential::restrict(gss_cred_id_t credential) const {
  if (krb5_allowed_ && ntlm_allowed_) {
    return SEC_E_OK;
  }
  OidSet set;
  if (krb5_allowed_) {
    set.add(krb5_oid());
  }
  if (ntlm_allowed_) {
    set.add(ntlm_oid());
  }
  if (set.empty()) {
    return failure(SEC_E_NO_CREDENTIALS, "the identity's package list leaves no package");
  }
  OM_uint32 minor = 0;
  forget_ntlm_minor(spnego_oid());
  const OM_uint32 major = gss_set_neg_mechs(&minor, credential, set.get());
  return major == GSS_S_COMPLETE ? SEC_E_OK : status_of(Call::kAcquire, major, minor, spnego_oid());
}

SECURITY_STATUS Credential::acquire_acceptor() {
  OidSet mechanisms;
  mechanisms.add(package_.mechanism());
  if (&package_ == &kNegotiate) {
    mechanisms.add(ntlm_oid());  // raw NTLMSSP tokens
  }
  Name name;
  if (&package_ == &kKerberos && !principal_.empty()) {
    const bool is_service = principal_.find('/') != std::string::npos;
    gss_OID type =
        is_service ? const_cast<gss_OID>(GSS_KRB5_NT_PRINCIPAL_NAME) : GSS_C_NT_HOSTBASED_SERVICE;
    if (const SECURITY_STATUS status = import_name(principal_, type, name); status != SEC_E_OK) {
      return status;
    }
  }
  gss_cred_id_t acquired = GSS_C_NO_CREDENTIAL;
  OM_uint32 minor = 0;
  forget_ntlm_minor(package_.mechanism());
  const OM_uint32 major = gss_acquire_cred(&minor, name.get(), GSS_C_INDEFINITE, mechanisms.get(),
                                           GSS_C_ACCEPT, &acquired, nullptr, nullptr);
  acceptor_.reset(acquired);
  return major == GSS_S_COMPLETE ? SEC_E_OK
                                 : status_of(Call::kAcquire, major, minor, package_.mechanism());
}

SECURITY_STATUS Credential::acquire_by_name(const std::string& text, gss_OID type,
                                            gss_cred_usage_t usage, GssCredential& result) {
  Name name;
  if (type != GSS_C_NO_OID) {
    if (const SECURITY_STATUS status = import_name(text, type, name); status != SEC_E_OK) {
      return status;
    }
  }
  std::array<gss_key_value_element_desc, 2> elements{};
  gss_key_value_set_desc store{0, elements.data()};
  const bool with_password =
      identity_.password.has_value() && usage == GSS_C_INITIATE && type != GSS_C_NT_ANONYMOUS;
  if (with_password) {
    elements[store.count++] = {GSS_NTLM_CS_PASSWORD, identity_.password->expose().c_str()};
    if (identity_.domain && !identity_.domain->empty()) {
      elements[store.count++] = {GSS_NTLMSSP_CS_DOMAIN, identity_.domain->c_str()};
    }
  }
  OidSet mechanisms;
  mechanisms.add(initial_mechanism_);
  gss_cred_id_t acquired = GSS_C_NO_CREDENTIAL;
  OM_uint32 minor = 0;
  forget_ntlm_minor(initial_mechanism_);
  const OM_uint32 major = gss_acquire_cred_from(
      &minor, name.get(), GSS_C_INDEFINITE, mechanisms.get(), usage,
      with_password ? &store : GSS_C_NO_CRED_STORE, &acquired, nullptr, nullptr);
  result.reset(acquired);
  if (major != GSS_S_COMPLETE) {
    return status_of(Call::kAcquire, major, minor, initial_mechanism_);
  }
  ask_for_nothing_unasked(acquired);
  SECURITY_STATUS status = SEC_E_OK;
  if (is_spnego(initial_mechanism_)) {
    status = restrict(acquired);
  }
  if (status != SEC_E_OK) {
    result.reset();
  }
  return status;
}

// The account in the form that the mechanisms read: Kerberos knows user@REALM only.
SECURITY_STATUS Credential::acquire_initiator(GssCredential& result) {
  const bool has_domain = identity_.domain && !identity_.domain->empty();
  std::string user = identity_.user.value_or("");
  if (user.empty() && identity_.password) {
    user = process_user();
  }
  if (user.empty()) {
    return acquire_by_name("", GSS_C_NO_OID, GSS_C_INITIATE, result);
  }
  std::string account = user;
  if (has_domain) {
    account = is_ntlm(initial_mechanism_) ? *identity_.domain + "\\" + user
                                          : user + "@" + upper_ascii(*identity_.domain);
  }
  return acquire_by_name(account, GSS_C_NT_USER_NAME, GSS_C_INITIATE, result);
}

// Threads that find none acquire it side by side, so that each waits for a KDC but once; the first
// one's is kept.
template <typename Acquire>
SECURITY_STATUS Credential::late(GssCredential& kept, gss_cred_id_t* credential,
                                 Acquire&& acquire) {
  std::unique_lock lock(mutex_);
  if (kept == nullptr) {
    lock.unlock();
    GssCredential acquired;
    if (const SECURITY_STATUS status = acquire(acquired); status != SEC_E_OK) {
      return status;
    }
    lock.lock();
    if (kept == nullptr) {
      kept = std::move(acquired);
    }
  }
  *credential = kept.get();
  return SEC_E_OK;
}

SECURITY_STATUS Credential::initiator(gss_cred_id_t* credential) {
  const SECURITY_STATUS status =
      late(initiator_, credential, [this](auto& result) { return acquire_initiator(result); });
  // A name that the mechanism cannot use is, here, nothing to authenticate with.
  return status == SEC_E_UNKNOWN_CREDENTIALS || status == SEC_E_NOT_OWNER ? SEC_E_NO_CREDENTIALS
                                                                          : status;
}

SECURITY_STATUS Credential::anonymous(gss_cred_id_t* credential) {
  return late(anonymous_, credential, [this](auto& result) {
    return acquire_by_name("", GSS_C_NT_ANONYMOUS, GSS_C_INITIATE, result);
  });
}

std::string Credential::name() {
  if (identity_.user && !identity_.user->empty() && outbound()) {
    return account_of(identity_);
  }
  gss_cred_id_t credential = acceptor_.get();
  if (outbound() && initiator(&credential) != SEC_E_OK && credential == GSS_C_NO_CREDENTIAL) {
    return {};
  }
  gss_name_t found = GSS_C_NO_NAME;
  OM_uint32 minor = 0;
  if (gss_inquire_cred(&minor, credential, &found, nullptr, nullptr, nullptr) != GSS_S_COMPLETE) {
    return {};
  }
  return display(Name(found).get());
}

Registry<std::shared_ptr<Credential>>& credential_handles() {
  static constinit Registry<std::shared_ptr<Credential>> registry;
  return registry;
}

std::shared_ptr<Credential> credential_of(const SecHandle* handle) {
  const auto borrowed = credential_handles().find(handle);
  return borrowed ? *borrowed : nullptr;
}

}  // namespace sspi
