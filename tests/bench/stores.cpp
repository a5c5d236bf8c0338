// SPDX-License-Identifier: MIT
// What a logon costs in a text file and in the database, with one account and with many: the first
// of a process, and the others, right passwords of random accounts and names that nobody has.
// Interleaved rounds, medians; the ratios to one account are the figures that count. Usage: stores
// [accounts...] (default 1 10000 1000000)
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <vector>

#include "store/database_writer.h"
#include "store/open.h"
#include "support/temporary_directory.h"

namespace {

using namespace ntlm;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 9;
constexpr int kLogons = 2000;

std::string user_name(std::size_t number) { return "user" + std::to_string(number); }

void must(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "stores: %s\n", what);
    std::exit(1);
  }
}

// One logon that is ready to be verified; all accounts have the same password.
class Logon {
 public:
  explicit Logon(std::string user) : name_{std::move(user), "DOMAIN"} {
    user_ = utf16le_from_utf8(name_.user).value();
    domain_ = utf16le_from_utf8(name_.domain).value();
    const auto responder = store::responder_from_password(name_, "Password", false).value();
    const crypto::ClientChallenge client{1};
    nt_response_ =
        responder->respond({kServer, true, 1, client, Bytes(4), true, true})->nt_response;
  }
  bool verify(const protocol::Verifier& verifier) const {
    static const protocol::HostNames kHost{"SERVER", "DOMAIN", "server.example", "example"};
    static const protocol::Policy kPolicy;
    static const Bytes kLm(24);
    return verifier
        .verify({user_, domain_, name_, "CLIENT", kHost, protocol::NtlmVersion::kV2, kServer,
                 nt_response_, kLm, kPolicy})
        .has_value();
  }

 private:
  static constexpr crypto::ServerChallenge kServer{1, 2, 3};
  protocol::AccountName name_;
  Bytes user_, domain_, nt_response_;
};

struct Store {
  std::string spec;
  std::size_t accounts;
  double first_ms = 0;
  std::shared_ptr<const protocol::Verifier> verifier;
  std::vector<Logon> known, unknown;
  std::vector<double> known_us, unknown_us;
};

// Of this thread alone, so that what else runs on the machine counts less.
std::chrono::nanoseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

double micros(Clock::duration time, std::size_t count) {
  return std::chrono::duration<double, std::micro>(time).count() / static_cast<double>(count);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

void write_files(const test::TemporaryDirectory& directory, std::size_t accounts) {
  const std::string number = std::to_string(accounts);
  std::string text;
  auto edit = store::DatabaseEdit::begin(directory.path("lmdb" + number));
  must(edit.has_value(), "the database cannot be begun");
  store::StoredAccount stored;
  stored.account.nt_hash = crypto::ntowf_v1(utf16le_from_password("Password").value());
  for (std::size_t i = 0; i < accounts; ++i) {
    text += "DOMAIN:" + user_name(i) + ":Password\n";
    stored.account.name = {user_name(i), "DOMAIN"};
    must(edit->put(stored).has_value(), "an account cannot be put");
  }
  must(edit->commit().has_value(), "the database cannot be written");
  directory.write("text" + number, text);
}

void measure(const std::vector<Logon>& logons, const protocol::Verifier& verifier, bool right,
             std::vector<double>* results) {
  const auto start = processor_time();
  for (const Logon& logon : logons) {
    must(logon.verify(verifier) == right, "a logon ended wrong");
  }
  results->push_back(micros(processor_time() - start, logons.size()));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  }
  if (sizes.empty()) {
    sizes = {1, 10'000, 1'000'000};
  }
  const test::TemporaryDirectory directory;
  std::mt19937_64 random(1);
  std::vector<Store> stores;
  for (const std::size_t accounts : sizes) {
    must(accounts > 0, "usage: stores [accounts...]");
    write_files(directory, accounts);
    for (const std::string kind : {"text", "lmdb"}) {
      Store one{kind + ":" + directory.path(kind + std::to_string(accounts)),
                accounts,
                0,
                {},
                {},
                {},
                {},
                {}};
      for (int i = 0; i < kLogons; ++i) {
        one.known.emplace_back(user_name(random() % accounts));
        one.unknown.emplace_back("nobody" + std::to_string(random() % 1'000'000));
      }
      const auto start = Clock::now();
      one.verifier = store::open_verifier({{one.spec}}).value();
      must(one.known[0].verify(*one.verifier), "the first logon failed");
      one.first_ms = micros(Clock::now() - start, 1000);
      stores.push_back(std::move(one));
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Store& one : stores) {
      measure(one.known, *one.verifier, true, &one.known_us);
      measure(one.unknown, *one.verifier, false, &one.unknown_us);
    }
  }
  std::printf("%-6s %10s %12s %12s %9s %12s\n", "store", "accounts", "first ms", "logon us",
              "to one", "unknown us");
  for (std::size_t i = 0; i < stores.size(); ++i) {
    const Store& one = stores[i];
    std::printf("%-6s %10zu %12.2f %12.2f %9.2f %12.2f\n", one.spec.substr(0, 4).c_str(),
                one.accounts, one.first_ms, median(one.known_us),
                median(one.known_us) / median(stores[i % 2].known_us), median(one.unknown_us));
  }
  return 0;
}
