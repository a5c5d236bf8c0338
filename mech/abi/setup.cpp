// SPDX-License-Identifier: MIT
#include "abi/setup.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>

#include "abi/status.h"
#include "authority/client.h"
#include "base/file_identity.h"
#include "base/impersonation.h"
#include "base/reason.h"
#include "base/text.h"
#include "crypto/primitives.h"
#include "protocol/host.h"
#include "store/faults.h"
#include "store/open.h"

namespace ntlm::abi {
namespace {

constexpr std::int64_t kLookEvery = 1'000'000'000;  // nanoseconds

std::int64_t coarse_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// The variables that README names; a process with raised privilege has none of them.
struct Environment {
  static constexpr std::array<const char*, 4> kNames = {
      "GSS_NTLM_CONF", "NTLM_USER_FILE", "NETBIOS_COMPUTER_NAME", "NETBIOS_DOMAIN_NAME"};
  std::array<std::optional<std::string>, kNames.size()> values;

  static Environment now() {
    Environment environment;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (const char* value = secure_getenv(kNames[i])) {
        environment.values[i] = value;
      }
    }
    return environment;
  }
  bool still_true() const {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const char* value = secure_getenv(kNames[i]);
      if (value == nullptr ? values[i].has_value() : values[i] != std::string_view(value)) {
        return false;
      }
    }
    return true;
  }
  bool operator==(const Environment&) const = default;
  const std::optional<std::string>& conf() const { return values[0]; }
  std::string user_file() const { return values[1].value_or(""); }
  std::string computer() const { return values[2].value_or(""); }
  std::string domain() const { return values[3].value_or(""); }
};

// One look at the world. Immutable once published.
struct Snapshot {
  Environment environment;
  std::string path;
  FileIdentity file;
  bool had_file = false;  // at that path, at this look or an earlier one
  // The file had changed just now, or changed while it was read: good for the call that read it
  // only.
  bool unsettled = false;
  std::shared_ptr<const Setup> setup;  // null when there is a fault
  uid_t user = geteuid();
  Errc fault = Errc::kInternal;
  std::string fault_text;
  bool verifier_had_names = false;
  mutable std::atomic_flag reported;
  Snapshot* next_retired = nullptr;

  // A fault is looked at again each time: its cause may be elsewhere (a directory, an included
  // file, lack of memory).
  bool still_true() const {
    if (setup == nullptr || FileIdentity::of(path) != file) {
      return false;
    }
    // winbindd may have come up since, and the domain's names must be those of CHALLENGE.
    const protocol::Verifier* verifier = setup->acceptor->verifier.get();
    return (verifier != nullptr && verifier->host_names() != nullptr) == verifier_had_names;
  }
  // A file that root refuses, since a service user owns it, may be right once the process is that
  // user.
  bool fault_of_another_user() const { return setup == nullptr && user != geteuid(); }
  bool same_fault(const Snapshot& other) const {
    return setup == nullptr && other.setup == nullptr && fault == other.fault &&
           fault_text == other.fault_text;
  }
  bool says(const Config& config, const Environment& others) const {
    return setup != nullptr && setup->config == config && environment == others;
  }
};

// --- reading
// ---------------------------------------------------------------------------------------------------------

void set_fault(Snapshot& snapshot, Errc code, std::string text) {
  snapshot.setup = nullptr;
  snapshot.fault = code;
  snapshot.fault_text = std::move(text);
}

tl::expected<Config, std::string> load_config(const Snapshot& snapshot) {
  // Only the default file may be missing. One that cannot be looked at is not, and where there was
  // one, a process does not go on with a looser policy than it began with.
  if (snapshot.file.error != ENOENT || snapshot.environment.conf()) {
    return Config::load(snapshot.path);
  }
  if (snapshot.had_file) {
    return tl::unexpected(snapshot.path +
                          ": was there and is gone; put it back, or start the program anew");
  }
  return Config();
}

// What was made of the configuration, and told of it, stays when a second reading finds the same.
void take_over(Snapshot& snapshot, const Snapshot& before) {
  snapshot.setup = before.setup;
  snapshot.verifier_had_names = before.verifier_had_names;
  if (before.reported.test()) {
    snapshot.reported.test_and_set();
  }
}

// `before` may be null.
void fill(Snapshot& snapshot, const Snapshot* before) {
  auto config = load_config(snapshot);
  if (!config) {
    return set_fault(snapshot, Errc::kConfiguration, config.error());
  }
  if (before != nullptr && before->unsettled && before->says(*config, snapshot.environment)) {
    return take_over(snapshot, *before);
  }
  auto setup = std::make_shared<Setup>();
  const std::string& path = snapshot.path;
  if (config->text("ntlm", "display_form") == "user@domain") {
    setup->display_form = protocol::DisplayForm::kUserAtDomain;
  }
  setup->audit = AuditSettings::from(*config);
  setup->transfer_key = config->text("ntlm", "transfer_key");
  setup->default_mechanism = config->flag("ntlm", "default_mechanism");
  if (std::string user_file = snapshot.environment.user_file(); !user_file.empty()) {
    setup->user_file = std::make_shared<const store::TextFile>(std::move(user_file));
  }

  const protocol::Policy policy = protocol::Policy::from(*config);
  if (crypto::kernel_in_fips_mode() && !policy.ntlm_in_fips) {
    return set_fault(snapshot, Errc::kFips, "");
  }
  if (const auto available = crypto::available();
      !available && available.error().code != Errc::kFips) {
    return set_fault(snapshot, available.error().code, "");
  }
  std::optional<authority::ClientSettings> daemon;
  std::shared_ptr<const protocol::Verifier> verifier;
  if (setup->user_file != nullptr) {  // which replaces the stores
    verifier = store::verifier_of(setup->user_file);
  } else if (auto found = authority::settings_from(*config); !found) {
    return set_fault(snapshot, Errc::kConfiguration, path + ": " + found.error());
  } else if (*found) {
    daemon = std::move(*found);
  } else {
    auto opened = store::open_verifier(store::settings_from(*config));
    if (!opened) {
      return set_fault(snapshot, Errc::kConfiguration, path + ": [ntlm] store: " + opened.error());
    }
    verifier = std::move(*opened);
    snapshot.verifier_had_names = verifier->host_names() != nullptr;
  }
  auto names = protocol::host_names(*config, verifier != nullptr ? verifier->host_names() : nullptr,
                                    snapshot.environment.computer(), snapshot.environment.domain());
  if (std::string fault = protocol::names_fault(names); !fault.empty()) {
    return set_fault(snapshot, Errc::kConfiguration, path + ": [ntlm] " + fault);
  }
  if (verifier != nullptr) {
    setup->acceptor = std::make_shared<const protocol::AcceptorSetup>(policy, std::move(names),
                                                                      std::move(verifier));
  } else {
    daemon->report = store::record_store_fault;
    setup->acceptor = std::make_shared<const protocol::AcceptorSetup>(
        policy, std::move(names), authority::make_client(std::move(*daemon)));
  }
  setup->config = std::move(*config);
  snapshot.setup = std::move(setup);
}

std::unique_ptr<Snapshot> take_snapshot(const Snapshot* before) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->environment = Environment::now();
  snapshot->path = snapshot->environment.conf().value_or(Config::kDefaultPath);
  snapshot->file = FileIdentity::of(snapshot->path);
  snapshot->had_file = snapshot->file.error == 0 ||
                       (before != nullptr && before->had_file && before->path == snapshot->path);
  const bool just_now = snapshot->file.changed_just_now();
  fill(*snapshot, before);
  snapshot->unsettled = just_now || FileIdentity::of(snapshot->path) != snapshot->file;
  return snapshot;
}

// --- publishing
// ------------------------------------------------------------------------------------------------------
// Readers announce themselves, then load the current snapshot. A snapshot that was replaced is
// freed when somebody sees no reader at all after it was unpublished: whoever comes later finds the
// new one.

constinit std::atomic<Snapshot*> g_current{nullptr};
constinit std::atomic<Snapshot*> g_retired{nullptr};
constinit std::atomic<std::uint64_t> g_readers{0};
constinit std::atomic<std::int64_t> g_next_look{0};

class Reading {
 public:
  Reading() { g_readers.fetch_add(1); }
  ~Reading() { g_readers.fetch_sub(1); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

void retire(Snapshot* first) noexcept {
  Snapshot* last = first;
  while (last->next_retired != nullptr) {
    last = last->next_retired;
  }
  last->next_retired = g_retired.load();
  while (!g_retired.compare_exchange_weak(last->next_retired, first)) {
  }
}

void free_retired() noexcept {
  if (g_retired.load(std::memory_order_relaxed) == nullptr) {
    return;
  }
  Snapshot* snapshot = g_retired.exchange(nullptr);
  if (snapshot == nullptr) {
    return;
  }
  if (g_readers.load() != 0) {
    return retire(snapshot);
  }
  while (snapshot != nullptr) {
    delete std::exchange(snapshot, snapshot->next_retired);
  }
}

// Of the callers that come while a look is due, one looks; the others go on with what is there.
bool due_to_look() {
  const std::int64_t now = coarse_now();
  std::int64_t due = g_next_look.load(std::memory_order_relaxed);
  return now >= due && g_next_look.compare_exchange_strong(due, now + kLookEvery);
}

// The snapshot that is true now, while a Reading is held.
const Snapshot& current_snapshot() {
  for (bool just_read = false;; just_read = true) {
    Snapshot* seen = g_current.load();
    // What another thread published while this one read is as good for this call.
    if (seen != nullptr && seen->environment.still_true() && !seen->fault_of_another_user() &&
        (!seen->unsettled || just_read) && (!due_to_look() || seen->still_true())) {
      return *seen;
    }
    auto fresh = take_snapshot(seen);
    // A client may not read what the process may: its look was none.
    if (fresh->setup == nullptr && seen != nullptr && seen->setup != nullptr &&
        seen->environment == fresh->environment && impersonates().value_or(false)) {
      g_next_look.store(0, std::memory_order_relaxed);
      return *seen;
    }
    if (seen != nullptr && seen->same_fault(*fresh) && seen->reported.test()) {
      fresh->reported.test_and_set();
    }
    if (g_current.compare_exchange_strong(seen, fresh.get())) {
      if (seen != nullptr) {
        retire(seen);
      }
      return *fresh.release();
    }
  }
}

template <typename Answer>
auto with_snapshot(Answer&& answer) {
  struct Afterwards {
    ~Afterwards() { free_retired(); }
  } afterwards;
  const Reading reading;
  return answer(current_snapshot());
}

// Once a process: that its failures are counted apart from those of other processes (P14).
void report_lockout(const Setup& setup) {
  static constinit std::atomic_flag told;
  const std::string_view reason = store::lockout_fault();
  if (reason.empty() || setup.policy().lockout_threshold == 0 || told.test_and_set()) {
    return;
  }
  AuditEvent event;
  event.event = "lockout-not-shared";
  event.success = true;
  event.detail = reason;
  audit(setup.audit, event);
}

// Once a snapshot: what an administrator must hear of.
void report(const Snapshot& snapshot) {
  if (snapshot.reported.test(std::memory_order_relaxed)) {
    return;
  }
  if (snapshot.reported.test_and_set()) {
    return;
  }
  AuditEvent event;
  if (snapshot.setup == nullptr) {
    event.event = "configuration-refused";
    event.reason = audit_reason(snapshot.fault);
    event.detail = snapshot.fault_text;
    audit(AuditSettings{}, event);
    return;
  }
  event.event = "policy-loosened";
  event.success = true;
  for (const std::string& sentence : protocol::loosened(snapshot.setup->config)) {
    event.detail = sentence;
    audit(snapshot.setup->audit, event);
  }
  report_lockout(*snapshot.setup);
}

}  // namespace

Result<std::shared_ptr<const Setup>> current_setup() {
  return with_snapshot([](const Snapshot& snapshot) -> Result<std::shared_ptr<const Setup>> {
    report(snapshot);
    if (snapshot.setup == nullptr) {
      return fail(snapshot.fault, "ntlm.conf");
    }
    return snapshot.setup;
  });
}

protocol::DisplayForm display_form() {
  return with_snapshot([](const Snapshot& snapshot) {
    return snapshot.setup == nullptr ? protocol::DisplayForm::kDomainBackslashUser
                                     : snapshot.setup->display_form;
  });
}

bool allows_anonymous() {
  return with_snapshot([](const Snapshot& snapshot) {
    return snapshot.setup != nullptr && snapshot.setup->policy().allow_anonymous;
  });
}

bool default_mechanism() {
  return with_snapshot([](const Snapshot& snapshot) {
    return snapshot.setup == nullptr || snapshot.setup->default_mechanism;
  });
}

bool own_domain(std::string_view domain) {
  if (domain.empty()) {
    return true;
  }
  return with_snapshot([&](const Snapshot& snapshot) {
    const protocol::HostNames names =
        snapshot.setup == nullptr ? protocol::names_of_host() : snapshot.setup->host();
    // Where a verifier speaks for a domain, nb_domain is not this host.
    const bool member =
        snapshot.verifier_had_names ||
        (snapshot.setup != nullptr && snapshot.setup->acceptor->verifier != nullptr &&
         snapshot.setup->acceptor->verifier->serves_domain());
    return equal_ignoring_case(domain, names.nb_computer) ||
           equal_ignoring_case(domain, names.dns_computer) ||
           (!member && equal_ignoring_case(domain, names.nb_domain));
  });
}

std::string configuration_fault() {
  return with_snapshot([](const Snapshot& snapshot) { return snapshot.fault_text; });
}

}  // namespace ntlm::abi
