// SPDX-License-Identifier: MIT
// The database of accounts. First byte even: the rest is a file, which is opened, searched and
// walked. Odd: the rest is a record, whose CRC is put right first, so that what stands behind it is
// read too.
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/check.h"
#include "store/database.h"

namespace {

using ntlm::ByteView;
using ntlm::store::DatabaseFile;
using ntlm::store::StoredAccount;

void read_file(ByteView content) {
  ntlm::TrustedFile file;
  file.fd = ntlm::FileDescriptor(::memfd_create("fuzz", MFD_CLOEXEC));
  FUZZ_CHECK(::write(file.fd.get(), content.data(), content.size()) ==
             static_cast<ssize_t>(content.size()));
  FUZZ_CHECK(::fstat(file.fd.get(), &file.status) == 0);
  const auto database = DatabaseFile::read(file, "fuzz");
  if (!database) {
    FUZZ_CHECK(!database.error().empty());
    return;
  }
  std::size_t walked = 0;
  const auto all = (*database)->for_each_record([&](const ntlm::store::LmdbFile::Entry&) {
    ++walked;
    return ntlm::Result<void>();
  });
  FUZZ_CHECK(!all || walked <= (*database)->accounts() + 1);
  for (const ntlm::protocol::AccountName& name :
       {ntlm::protocol::AccountName{"alice", "DOM"}, {"bob", ""}, {"carol", "X"}, {"zoe", ""}}) {
    (void)(*database)->find(name, "DOM");
    (void)(*database)->get(name);
  }
}

void read_record(ByteView value) {
  const std::array<std::uint8_t, 5> key = {'B', 'O', 'B', 0, 'D'};
  ntlm::Bytes record(value.begin(), value.end());
  if (record.size() >= 4) {
    const std::uint32_t crc =
        ntlm::crypto::crc32(ByteView(record).subspan(4), ntlm::crypto::crc32(key));
    for (std::size_t i = 0; i < 4; ++i) {
      record[i] = static_cast<std::uint8_t>(crc >> 8 * i);
    }
  }
  const auto stored = ntlm::store::parse_record({key, record});
  if (!stored) {
    return;
  }
  // Parsed, written, parsed: the same.
  if (const auto written = ntlm::store::write_record(*stored)) {
    const std::string own_key = ntlm::store::database_key(stored->account.name);
    const auto again = ntlm::store::parse_record(
        {ByteView(reinterpret_cast<const std::uint8_t*>(own_key.data()), own_key.size()),
         *written});
    FUZZ_CHECK(again && again->account.name.user == stored->account.name.user &&
               again->account.disabled == stored->account.disabled &&
               again->account.has_hash == stored->account.has_hash &&
               again->created == stored->created &&
               ntlm::equal_ct(again->account.nt_hash.expose(), stored->account.nt_hash.expose()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView rest(data + 1, size - 1);
  (data[0] & 1) != 0 ? read_record(rest) : read_file(rest);
  return 0;
}
