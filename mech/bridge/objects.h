// SPDX-License-Identifier: MIT
// What stands behind the handles that the mechglue holds for the two mechanisms that the bridge
// claims, Kerberos and SPNEGO. Each wraps handles of the mechglue itself, which lead to the real
// mechanism or to NTLM: the bridge is a caller of the public GSS-API like any other. Nothing here
// is shared between threads unless its caller shares it.
#pragma once

extern "C" {  // which some of its declarations lack in MIT 1.20
#include <gssapi/gssapi_ext.h>
}

#include <cerrno>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace ntlm::bridge {

// A handle of the mechglue that is given back when it dies.
template <typename Handle, OM_uint32 (*kRelease)(OM_uint32*, Handle*)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(other.release()) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { reset(); }

  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }
  Handle release() { return std::exchange(handle_, nullptr); }
  void reset() {
    OM_uint32 ignored;
    if (handle_ != nullptr) kRelease(&ignored, &handle_);
    handle_ = nullptr;
  }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

inline OM_uint32 delete_context(OM_uint32* minor, gss_ctx_id_t* context) {
  return gss_delete_sec_context(minor, context, GSS_C_NO_BUFFER);
}

using OwnedName = Owned<gss_name_t, gss_release_name>;
using OwnedCredential = Owned<gss_cred_id_t, gss_release_cred>;
using OwnedContext = Owned<gss_ctx_id_t, delete_context>;

// A buffer that the GSS-API filled.
struct OwnedBuffer : gss_buffer_desc {
  OwnedBuffer() : gss_buffer_desc{0, nullptr} {}
  OwnedBuffer(const OwnedBuffer&) = delete;
  OwnedBuffer& operator=(const OwnedBuffer&) = delete;
  ~OwnedBuffer() {
    OM_uint32 ignored;
    gss_release_buffer(&ignored, this);
  }
};

struct Name {
  OwnedName given;      // as the application named it, for every mechanism; or as NTLM proved it
  OwnedName canonical;  // as the claimed mechanism understands it; null where it does not, and for
                        // Kerberos where the name is DOMAIN\user
  bool from_ntlm = false;
  bool spnego = false;  // the claimed mechanism, for a name that was imported

  gss_name_t best() const { return canonical ? canonical.get() : given.get(); }
};

struct Credential {
  OwnedCredential real;  // of the claimed mechanism
  OwnedCredential
      ntlm;  // of SPNEGO that may negotiate nothing but NTLM; beside or instead of Kerberos, where
             // that has no means to get a ticket by itself: a client keytab, or a password

  gss_cred_id_t best() const { return real ? real.get() : ntlm.get(); }
};

struct Context {
  OwnedContext inner;
  OwnedCredential own_credential;   // where the application gave none: kept for the legs to come
  gss_const_OID claimed = nullptr;  // acceptor: the mechanism of the peer's first token
  bool ntlm = false;                // inner is SPNEGO with NTLM instead of Kerberos
};

// Handles from the mechglue are ours or null: it checks its own before it calls.
inline Name* object(gss_name_t handle) { return static_cast<Name*>(static_cast<void*>(handle)); }
inline Credential* object(gss_cred_id_t handle) {
  return static_cast<Credential*>(static_cast<void*>(handle));
}
inline Context* object(gss_ctx_id_t handle) {
  return static_cast<Context*>(static_cast<void*>(handle));
}

// The handle that is forwarded; null stays null.
inline gss_name_t inner(gss_name_t name) {
  return name != nullptr ? object(name)->best() : nullptr;
}
inline gss_cred_id_t inner(gss_cred_id_t credential) {
  return credential != nullptr ? object(credential)->best() : nullptr;
}
inline gss_ctx_id_t inner(gss_ctx_id_t context) {
  return context != nullptr ? object(context)->inner.get() : nullptr;
}

template <typename Handle, typename Object>
Handle handle(std::unique_ptr<Object> object) {
  return static_cast<Handle>(static_cast<void*>(object.release()));
}

// Puts a name of the mechglue (null: none) behind a handle of ours. GSS_S_FAILURE with ENOMEM
// releases it.
OM_uint32 lend_name(OM_uint32* minor, OwnedName name, bool from_ntlm, gss_name_t* output);
OM_uint32 lend_credential(OM_uint32* minor, OwnedCredential real, gss_cred_id_t* output);

template <typename... Output>
void clear(Output*... outputs) {
  ((outputs != nullptr ? static_cast<void>(*outputs = Output{}) : static_cast<void>(0)), ...);
}

inline OM_uint32 no_memory(OM_uint32* minor) {
  *minor = ENOMEM;
  return GSS_S_FAILURE;
}

// The claimed mechanisms, and the one that they get instead.
extern const gss_OID_desc kKerberos;
extern const gss_OID_desc kSpnego;
extern const gss_OID_desc kNtlm;

bool same(gss_const_OID a, gss_const_OID b);

// By this OID the mechglue reaches the real mechanism behind a claimed one: the bridge's OID and
// the mechanism's, end to end. It is an OID or a set with one member, whichever the call wants.
// Null and others than the claimed stay as they are.
class RealMechanism {
 public:
  explicit RealMechanism(gss_const_OID claimed);
  RealMechanism(const RealMechanism&) = delete;
  RealMechanism& operator=(const RealMechanism&) = delete;
  operator gss_OID() { return null_ ? nullptr : &oid_; }
  operator gss_const_OID() { return null_ ? nullptr : &oid_; }
  operator gss_OID_set() { return &set_; }

 private:
  std::uint8_t bytes_[64];
  gss_OID_desc oid_{};
  gss_OID_set_desc set_{1, &oid_};
  bool null_ = false;
};

// While one lives, this thread is inside SPNEGO, whose Kerberos must be Kerberos: SPNEGO offers
// NTLM itself.
class InsideSpnego {
 public:
  explicit InsideSpnego(bool enter = true) : entered_(enter) { depth_ += entered_ ? 1 : 0; }
  ~InsideSpnego() { depth_ -= entered_ ? 1 : 0; }
  InsideSpnego(const InsideSpnego&) = delete;
  InsideSpnego& operator=(const InsideSpnego&) = delete;
  static bool now() { return depth_ > 0; }

 private:
  static thread_local constinit int depth_;
  bool entered_;
};

// Makes a credential of SPNEGO one that can negotiate nothing but NTLM.
OM_uint32 restrict_to_ntlm(OM_uint32* minor, gss_cred_id_t spnego);

// Acquires what takes Kerberos' place: null when NTLM has no such credential. `name` may be null.
OwnedCredential acquire_ntlm(gss_name_t name, gss_cred_usage_t usage,
                             gss_const_key_value_set_t store);

// Whether Kerberos gets tickets from a client keytab: that of `store` (may be null), or the
// default.
bool has_client_keytab(gss_const_key_value_set_t store);

}  // namespace ntlm::bridge
