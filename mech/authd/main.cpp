// SPDX-License-Identifier: MIT
// ntlm-authd: the accounts of a host in a process of their own. This file makes the two processes;
// what they do is in server.cpp (the front) and verify.cpp (the store).
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>
#include <thread>

#include "authd/peers.h"
#include "authd/sandbox.h"
#include "authd/server.h"
#include "authd/verify.h"
#include "authority/address.h"
#include "base/text.h"
#include "crypto/ntlm.h"
#include "crypto/primitives.h"
#include "protocol/host.h"
#include "store/open.h"

namespace {

using namespace ntlm;
using namespace ntlm::authd;
using Sentence = tl::unexpected<std::string>;

constexpr int kFailure = 1;
constexpr int kUsage = 2;
constexpr int kConfiguration = 6;  // EXIT_NOTCONFIGURED of systemd.exec(5)
constexpr int kBacklog = 1024;
constexpr const char* kUser = "ntlm-authd";  // of the unit

int complain(int status, const std::string& what) {
  (void)std::fprintf(stderr, "ntlm-authd: %s\n", what.c_str());
  return status;
}

std::string error_text(const std::string& what) {
  return what + ": " + std::error_code(errno, std::generic_category()).message();
}

struct Daemon {
  ServerSettings settings;
  protocol::Policy policy;
  std::vector<Section> sections;
  store::StoreSettings stores;
  std::size_t threads = 1;

  // Whether a store of this kind is in the chain.
  bool asks(std::string_view kind) const {
    return std::ranges::any_of(stores.stores, [kind](std::string_view store) {
      return store.substr(0, store.find(':')) == kind;
    });
  }
};

tl::expected<Daemon, std::string> configure(const std::string& path) {
  auto config = Config::load(path);
  if (!config) {
    return Sentence(config.error());
  }
  Daemon daemon;
  daemon.policy = protocol::Policy::from(*config);
  if (crypto::kernel_in_fips_mode() && !daemon.policy.ntlm_in_fips) {
    return Sentence("this host is in FIPS mode; see [policy] ntlm_in_fips");
  }
  if (const auto available = crypto::available();
      !available && available.error().code != Errc::kFips) {
    return Sentence("OpenSSL offers no MD4, MD5, RC4 or DES here");
  }
  daemon.stores = store::settings_from(*config);
  if (daemon.asks("authd")) {
    return Sentence(path + ": [ntlm] store = authd: the daemon cannot ask itself");
  }
  const auto names = protocol::host_names(*config, nullptr, "", "");
  if (const std::string fault = protocol::names_fault(names); !fault.empty()) {
    return Sentence(path + ": [ntlm] " + fault);
  }
  auto sections = sections_from(*config, daemon.policy);
  if (!sections) {
    return Sentence(path + ": " + sections.error());
  }
  daemon.sections = std::move(*sections);
  daemon.threads = config->number("authd", "threads");
  daemon.settings.audit = AuditSettings::from(*config);
  const std::string& json = daemon.settings.audit.json.path;
  if (!json.empty()) {
    if (const auto directory = open_trusted_directory(json); !directory) {
      return Sentence(path + ": [audit] json: " + directory.error());
    }
  }
  if (const auto address = authority::address_of(std::string(config->text("authd", "socket")));
      !address) {
    return Sentence(path + ": [authd] socket: " + address.error());
  }
  daemon.settings.audit.failures_per_second = 0;  // Peers counts them, of each user
  if (config->text("ntlm", "display_form") == "user@domain") {
    daemon.settings.display_form = protocol::DisplayForm::kUserAtDomain;
  }
  daemon.settings.config = std::move(*config);
  return daemon;
}

// systemd's socket, or one of our own at `path`.
tl::expected<FileDescriptor, std::string> listen_at(const std::string& path, bool own) {
  const int handed = own ? 0 : ::sd_listen_fds(1);
  if (handed > 1) {
    return Sentence("systemd handed over more than one socket");
  }
  if (handed == 1) {
    const int fd = SD_LISTEN_FDS_START;
    if (::sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, nullptr, 0) <= 0) {
      return Sentence("systemd's socket is not a listening SOCK_SEQPACKET one of AF_UNIX");
    }
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    return FileDescriptor(fd);
  }
  const auto address = authority::address_of(path);
  if (!address) {
    return Sentence(address.error());
  }
  if (const auto directory = open_trusted_directory(path); !directory) {
    return Sentence(directory.error());
  }
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // What another daemon left behind goes; a socket of any kind that still has an owner does not.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 ||
      errno == EAGAIN || errno == EPROTOTYPE) {
    return Sentence(path + ": another program listens there");
  }
  struct stat status {};
  if (errno == ECONNREFUSED && ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
    (void)::unlink(path.c_str());
  }
  const mode_t mask = ::umask(0117);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int error = errno;
  (void)::umask(mask);
  errno = error;
  if (bound != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return Sentence(error_text(path));
  }
  return socket;
}

// Both ends of the socket pairs between the threads of the two processes.
struct Pairs {
  std::vector<FileDescriptor> front, store;
};

tl::expected<Pairs, std::string> make_pairs(std::size_t count) {
  Pairs pairs;
  for (std::size_t i = 0; i < count; ++i) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      return Sentence(error_text("socketpair"));
    }
    authority::make_room(ends[0]);
    authority::make_room(ends[1]);
    pairs.front.emplace_back(ends[0]);
    pairs.store.emplace_back(ends[1]);
  }
  return pairs;
}

// OpenSSL makes some of what it needs at the first use, when nothing may be opened any more.
void warm_up() {
  const std::array<std::uint8_t, 16> zeros{};
  std::array<std::uint8_t, 16> out{};
  crypto::md4(zeros, out);
  crypto::hmac_md5(zeros, {zeros}, out);
  crypto::random_bytes(out);
}

// Noexcept, both: without one of its threads a process ends. Unwinding would wait for those that
// run, and they never end.
std::jthread start(auto work) noexcept { return std::jthread(std::move(work)); }
[[noreturn]] void serve(Loop& loop) noexcept { loop.run(); }

int run_store(const Daemon& daemon, const std::vector<FileDescriptor>& sockets) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::openlog("ntlm-authd", LOG_NDELAY | LOG_PID, LOG_AUTHPRIV);
  const auto verifier = store::open_verifier(daemon.stores);
  if (!verifier) {
    return complain(kConfiguration, daemon.settings.config.path() + ": [ntlm] " + verifier.error());
  }
  (void)(*verifier)->host_names();  // loads the libraries of the stores
  warm_up();
  if (const std::string_view why = store::lockout_fault();
      !why.empty() && daemon.policy.lockout_threshold != 0) {
    (void)std::fprintf(stderr,
                       "ntlm-authd: failed logons are counted until the next start only: %.*s\n",
                       static_cast<int>(why.size()), why.data());
  }
  if (const auto entered = enter_sandbox(Role::kStore, {.winbind = daemon.asks("winbind")});
      !entered) {
    return complain(kFailure, entered.error());
  }
  std::vector<std::jthread> threads;
  threads.reserve(sockets.size());
  for (const FileDescriptor& socket : sockets) {
    threads.push_back(start([&verifier, &daemon, fd = socket.get()] {
      serve_store(fd, **verifier, daemon.policy);  // until the front is gone
    }));
  }
  threads.clear();
  return 0;
}

// A user may have a thousand connections (peers.cpp), which must not be all that there are.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int run_front(const Daemon& daemon, std::vector<FileDescriptor> sockets, FileDescriptor listener) {
  (void)::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  warm_up();
  const Config& config = daemon.settings.config;
  Peers peers(daemon.sections, config.number("authd", "failures_per_second"),
              config.number("audit", "failures_per_second"));
  if (const auto entered =
          enter_sandbox(Role::kFront, {.audit_path = daemon.settings.audit.json.path});
      !entered) {
    return complain(kFailure, entered.error());
  }
  // The first question ends the process when the store could not be opened.
  std::vector<std::unique_ptr<Loop>> loops;
  loops.reserve(sockets.size());
  for (FileDescriptor& socket : sockets) {
    loops.push_back(
        std::make_unique<Loop>(daemon.settings, peers, listener.get(), std::move(socket)));
  }
  (void)::sd_notify(1, "READY=1");
  std::vector<std::jthread> threads;
  threads.reserve(loops.size());
  for (std::size_t i = 1; i < loops.size(); ++i) {
    threads.push_back(start([&loop = *loops[i]] { serve(loop); }));
  }
  serve(*loops[0]);
}

// Root could read the accounts in any case.
tl::expected<void, std::string> become(const std::string& user) {
  const auto ids = ids_of(user);
  if (!ids) {
    return Sentence("there is no user '" + escaped(user) + "'");
  }
  if (ids->uid != ::geteuid() && (::initgroups(user.c_str(), ids->gid) != 0 ||
                                  ::setgid(ids->gid) != 0 || ::setuid(ids->uid) != 0)) {
    return Sentence(error_text("to become user " + user));
  }
  return {};
}

// What helps where a store cannot be asked.
std::string next_step(const std::string& spec, const std::string& config_path) {
  const auto colon = spec.find(':');
  const std::string path = colon == spec.npos ? "" : spec.substr(colon + 1);
  if (spec.starts_with("winbind")) {
    return "is winbind.service started, and this host joined to its domain?";
  }
  if (::access(path.c_str(), R_OK) == 0) {
    return "see ntlm-authd(8), FILES, for whom it has to belong to";
  }
  if (errno == EACCES) {
    return "systemd-tmpfiles --create lets the daemon read its own; see ntlm-authd(8), FILES";
  }
  return spec.starts_with("lmdb:") ? "ntlmctl user --config " + config_path + " add NAME makes it"
                                   : "a line of the file is DOMAIN:USER:PASSWORD";
}

// As `user`, who will run the daemon; as whoever this is, where it is empty.
int check_stores(const Daemon& daemon, const std::string& config_path, const std::string& user) {
  if (const auto became = user.empty() ? tl::expected<void, std::string>() : become(user);
      !became) {
    return complain(kUsage, "--user: " + became.error());
  }
  int status = 0;
  for (const std::string& spec : daemon.stores.stores) {
    if (const std::string fault = store::store_fault(spec, daemon.stores); !fault.empty()) {
      status = complain(kConfiguration, config_path + ": [ntlm] store = " + spec +
                                            (user.empty() ? "" : ": user " + user) + ": " + fault +
                                            "; " + next_step(spec, config_path));
    }
  }
  if (status == 0) {
    std::printf("%s: sound\n", config_path.c_str());
  }
  return status;
}

int run(const std::string& config_path, const std::string& socket_path) {
  auto daemon = configure(config_path);
  if (!daemon) {
    return complain(kConfiguration, daemon.error());
  }
  const bool own = !socket_path.empty();
  auto listener = listen_at(
      own ? socket_path : std::string(daemon->settings.config.text("authd", "socket")), own);
  if (!listener) {
    return complain(kFailure, listener.error());
  }
  auto pairs = make_pairs(daemon->threads);
  if (!pairs) {
    return complain(kFailure, pairs.error());
  }
  const pid_t child = ::fork();
  if (child < 0) {
    return complain(kFailure, error_text("fork"));
  }
  if (child == 0) {
    *listener = FileDescriptor();
    pairs->front.clear();
    ::_exit(run_store(*daemon, pairs->store));
  }
  pairs->store.clear();
  return run_front(*daemon, std::move(pairs->front), std::move(*listener));
}

int run_command(int argc, char** argv) {
  CLI::App tool("Keeps the accounts of this host and answers for the NTLM mechanism", "ntlm-authd");
  tool.set_version_flag("--version", "ntlm-authd " NTLM_VERSION);
  std::string config = "/etc/gss/ntlm-authd.conf";
  std::string socket;
  std::string user = ::geteuid() == 0 && ids_of(kUser) ? kUser : "";
  bool check = false;
  tool.add_option("--config", config, "configuration (default: /etc/gss/ntlm-authd.conf)");
  tool.add_option("--socket", socket,
                  "listen here rather than at systemd's socket or [authd] socket");
  auto* only_check =
      tool.add_flag("--check", check,
                    "say whether the configuration is sound and its stores can be asked, and end");
  tool.add_option("--user", user,
                  "--check as this user (default for root: ntlm-authd, if it exists)")
      ->needs(only_check);
  try {
    tool.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return tool.exit(error) == 0 ? 0 : kUsage;
  }
  if (!check) {
    return run(config, socket);
  }
  const auto daemon = configure(config);
  return daemon ? check_stores(*daemon, config, user) : complain(kConfiguration, daemon.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_command(argc, argv);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "ntlm-authd: %s\n", error.what());
    return kFailure;
  }
}
