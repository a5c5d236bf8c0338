// SPDX-License-Identifier: MIT
// Names of accounts and services as a caller writes them: what is displayed is read back the same.
#include "fuzz/check.h"
#include "protocol/name.h"

using namespace ntlm::protocol;

namespace {

bool same(const AccountName& a, const AccountName& b) {
  return a.user == b.user && a.domain == b.domain;
}

void check_account_text(std::string_view text, bool split_upn) {
  const auto name = parse_account(text, split_upn);
  if (!name) {
    return;
  }
  FUZZ_CHECK(!name->user.empty());
  if (!name->domain.empty()) {
    const auto back = parse_account(display(*name, DisplayForm::kDomainBackslashUser));
    FUZZ_CHECK(back && same(*back, *name));
  }
  const std::string upn = display(*name, DisplayForm::kUserAtDomain);
  if (upn.find('\\') == upn.npos && name->domain.find('@') == upn.npos && !name->domain.empty()) {
    const auto back = parse_account(upn);
    FUZZ_CHECK(back && same(*back, *name));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_account_text(text, true);
  check_account_text(text, false);
  if (const auto service = parse_service(text)) {
    FUZZ_CHECK(!service->service.empty());
    FUZZ_CHECK(spn(*service).empty() == service->host.empty());
    if (!service->host.empty()) {
      const auto back = parse_service(spn(*service));
      FUZZ_CHECK(back && back->service == service->service && back->host == service->host);
    }
  }
  return 0;
}
