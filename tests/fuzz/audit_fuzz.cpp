// SPDX-License-Identifier: MIT
// ntlmctl audit on files that anybody may have written: sums are those of the records, no control
// character reaches the terminal, and no markup of a record the page.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fuzz/check.h"
#include "ntlmctl/audit.h"

using namespace ntlm::ntlmctl;

namespace {

std::size_t occurrences(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = ::memfd_create("audit", MFD_CLOEXEC);
  FUZZ_CHECK(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size));
  FUZZ_CHECK(::lseek(fd, 0, SEEK_SET) == 0);
  AuditSummary summary;
  LineCounts lines;
  std::uint64_t records = 0;
  // An error is a file that gzip's form promises more of: what came before it counts.
  (void)for_each_line(fd, [&](std::string_view line) {
    AuditRecord record;
    ++lines.lines;
    FUZZ_CHECK(!line.empty() && line.find('\n') == line.npos);
    if (parse_audit_line(line, &record) == LineKind::kRecord) {
      FUZZ_CHECK(record.time >= 0 && !record.event.empty());
      summary.add(record);
      ++records;
    }
    return true;
  });
  FUZZ_CHECK(summary.all().count == records);
  const auto json = nlohmann::json::parse(audit_json(summary, lines));
  FUZZ_CHECK(json["records"] == records);
  const std::string text = audit_text(summary, lines);
  FUZZ_CHECK(std::none_of(text.begin(), text.end(),
                          [](unsigned char c) { return c == 0x7f || (c < ' ' && c != '\n'); }));
  const std::string page = audit_page(summary, lines, "fuzz");
  FUZZ_CHECK(occurrences(page, "<script") == 2 && occurrences(page, "</script") == 2);
  return 0;
}
