// SPDX-License-Identifier: MIT
// A text file of accounts. Whatever is in it: an entry is one line, has a sound name, and a line of
// smbpasswd with a hash is what the same account would be written as.
#include "fuzz/check.h"
#include "store/text_format.h"

namespace {

using ntlm::store::TextEntry;

void check(const TextEntry& entry) {
  const auto& account = entry.account;
  FUZZ_CHECK(ntlm::protocol::check_account(account.name).has_value());
  for (const std::string& part : {account.name.user, account.name.domain}) {
    FUZZ_CHECK(part.find_first_of(std::string_view("\0\n\r:", 4)) == std::string::npos);
  }
  if (entry.password) {
    FUZZ_CHECK(account.has_hash && !account.lm_hash && !account.disabled);
    const auto utf16le = ntlm::utf16le_from_password(*entry.password);
    FUZZ_CHECK(utf16le &&
               ntlm::equal_ct(ntlm::crypto::ntowf_v1(*utf16le).expose(), account.nt_hash.expose()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  std::size_t last = 0;
  const auto in_order = [&](std::size_t line) {
    FUZZ_CHECK(line > last);
    last = line;
  };
  ntlm::store::scan_text(
      content,
      [&](TextEntry&& entry, std::size_t line) {
        in_order(line);
        check(entry);
      },
      [&](std::size_t line, const char* why) {
        in_order(line);
        FUZZ_CHECK(why != nullptr && *why != '\0');
      });
  return 0;
}
