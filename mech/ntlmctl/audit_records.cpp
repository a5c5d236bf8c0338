// SPDX-License-Identifier: MIT
// Lines and records. Everything here may come from a file that somebody else wrote.
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "ntlmctl/audit.h"

namespace ntlm::ntlmctl {
namespace {

namespace chrono = std::chrono;

constexpr std::size_t kLongestLine = 64u << 10;
constexpr std::size_t kMostText = 1024;  // of one field; the mechanism writes 64 or 512 characters

bool number_at(std::string_view text, std::size_t at, std::size_t digits, int* value) {
  if (text.size() < at + digits) {
    return false;
  }
  const char* const begin = text.data() + at;
  return std::all_of(begin, begin + digits, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::from_chars(begin, begin + digits, *value).ec == std::errc();
}

// What the parser of JSON meets. Only members of the outermost object count.
class FieldReader {
 public:
  FieldReader(AuditRecord* record, std::string* message) : record_(*record), message_(*message) {}

  std::string time, result;

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(std::int64_t) { return true; }
  bool number_unsigned(std::uint64_t value) {
    if (depth_ == 1 && number_ != nullptr) {
      *number_ = value;
    }
    return true;
  }
  bool number_float(double, const std::string&) { return true; }
  bool binary(std::vector<std::uint8_t>&) { return true; }
  bool string(std::string& value) {
    if (depth_ == 1 && text_ != nullptr) {
      text_->assign(value, 0, text_ == &message_ ? kLongestLine : kMostText);
    } else if (depth_ == 1 && is_flags_ && value.starts_with("0x")) {
      std::from_chars(value.data() + 2, value.data() + value.size(), record_.flags, 16);
    }
    return true;
  }
  bool key(std::string& name) {
    if (depth_ == 1) {
      choose(name);
    }
    return true;
  }
  bool start_object(std::size_t) { return ++depth_ <= kDeepest; }
  bool start_array(std::size_t) { return ++depth_ <= kDeepest; }
  bool end_object() {
    --depth_;
    return true;
  }
  bool end_array() { return end_object(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
    return false;
  }

 private:
  static constexpr int kDeepest = 16;

  void choose(std::string_view name) {
    struct Text {
      std::string_view name;
      std::string AuditRecord::*member;
    };
    static constexpr std::array<Text, 14> kTexts{{{"event", &AuditRecord::event},
                                                  {"reason", &AuditRecord::reason},
                                                  {"user", &AuditRecord::user},
                                                  {"domain", &AuditRecord::domain},
                                                  {"workstation", &AuditRecord::workstation},
                                                  {"principal", &AuditRecord::principal},
                                                  {"service", &AuditRecord::service},
                                                  {"target", &AuditRecord::target},
                                                  {"detail", &AuditRecord::detail},
                                                  {"version", &AuditRecord::version},
                                                  {"mic", &AuditRecord::mic},
                                                  {"bindings", &AuditRecord::bindings},
                                                  {"store", &AuditRecord::store},
                                                  {"peer", &AuditRecord::peer}}};
    const auto* found = std::ranges::find(kTexts, name, &Text::name);
    text_ = found != kTexts.end() ? &(record_.*(found->member))
            : name == "time"      ? &time
            : name == "result"    ? &result
            : name == "MESSAGE"   ? &message_
                                  : nullptr;
    number_ = name == "key_bits"     ? &record_.key_bits
              : name == "unreported" ? &record_.unreported
                                     : nullptr;
    is_flags_ = name == "flags";
  }

  AuditRecord& record_;
  std::string& message_;
  std::string* text_ = nullptr;
  std::uint64_t* number_ = nullptr;
  bool is_flags_ = false;
  int depth_ = 0;
};

// message: what an object of the journal holds, if it is one.
LineKind parse_object(std::string_view line, AuditRecord* record, std::string* message) {
  *record = AuditRecord();
  message->clear();
  FieldReader reader(record, message);
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &reader)) {
    return LineKind::kBad;
  }
  record->time = parse_utc(reader.time);
  record->success = reader.result == "success";
  const bool whole = record->time >= 0 && !record->event.empty() &&
                     (record->success || reader.result == "failure");
  return whole ? LineKind::kRecord : LineKind::kBad;
}

}  // namespace

std::string AuditRecord::served_by() const {
  const std::string uid = peer.substr(0, peer.find(" pid "));  // "uid 33 pid 123"
  if (uid.empty()) {
    return service;
  }
  const std::string& name = service.empty() ? target : service;
  return name.empty() ? uid : name + " (" + uid + ")";
}

std::string AuditRecord::account() const {
  if (!principal.empty()) {
    return principal;
  }
  return domain.empty() ? user : domain + "\\" + user;
}

LineKind parse_audit_line(std::string_view line, AuditRecord* record) {
  if (!line.starts_with('{')) {
    const std::size_t tag = line.find(" gss_ntlm[");
    const std::size_t object = tag == line.npos ? line.npos : line.find("]: {", tag);
    if (object == line.npos) {
      return LineKind::kOther;
    }
    line.remove_prefix(object + 3);
  }
  std::string message;
  const LineKind kind = parse_object(line, record, &message);
  if (kind != LineKind::kBad || message.empty()) {
    return kind;
  }
  std::string inner;
  return message.starts_with('{') ? parse_object(message, record, &inner) : LineKind::kOther;
}

std::int64_t parse_utc(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!number_at(text, 0, 4, &year) || !number_at(text, 5, 2, &month) ||
      !number_at(text, 8, 2, &day) || text[4] != '-' || text[7] != '-') {
    return -1;
  }
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970) {
    return -1;
  }
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::string_view rest = text.substr(10);
  if (!rest.empty()) {
    const bool sound = (rest[0] == 'T' || rest[0] == ' ') && number_at(rest, 1, 2, &hour) &&
                       number_at(rest, 4, 2, &minute) && rest[3] == ':';
    if (!sound) {
      return -1;
    }
    rest.remove_prefix(6);
    if (rest.starts_with(':')) {
      if (!number_at(rest, 1, 2, &second)) {
        return -1;
      }
      rest.remove_prefix(3);
    }
    if (rest.starts_with('.')) {
      rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of("0123456789", 1)));
    }
    if (rest != "" && rest != "Z") {
      return -1;
    }
  }
  if (hour > 23 || minute > 59 || second > 60) {
    return -1;
  }
  const std::int64_t days = chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

std::string utc_text(std::int64_t time) {
  const chrono::sys_seconds at{chrono::seconds(time)};
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(at - day);
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()));
  return text.data();
}

namespace {

// Cuts what is read into lines. Of a line that is too long the first byte alone is kept.
class Lines {
 public:
  explicit Lines(const std::function<bool(std::string_view)>& take) : take_(take) {}

  // Room for the next kLongestLine bytes.
  char* room() { return buffer_.data() + filled_; }
  // So many have come; false: no more lines are wanted.
  bool add(std::size_t count) {
    const std::size_t end = filled_ + count;
    std::size_t start = 0;
    while (const void* newline = std::memchr(buffer_.data() + start, '\n', end - start)) {
      const auto size =
          static_cast<std::size_t>(static_cast<const char*>(newline) - (buffer_.data() + start));
      if (!hand_on(buffer_.data() + start, size)) {
        return false;
      }
      start += size + 1;
    }
    filled_ = end - start;
    std::memmove(buffer_.data(), buffer_.data() + start, filled_);
    if (filled_ > kLongestLine) {
      too_long_ = true;
      filled_ = 1;
    }
    return true;
  }
  // The last line has no newline.
  void end() { (void)hand_on(buffer_.data(), filled_); }

 private:
  bool hand_on(const char* begin, std::size_t size) {
    const bool whole = !too_long_ && size <= kLongestLine;
    too_long_ = false;
    if (size > 0 && whole && begin[size - 1] == '\r') {
      --size;
    }
    return size == 0 || take_({begin, whole ? size : 1});
  }

  const std::function<bool(std::string_view)>& take_;
  std::vector<char> buffer_ = std::vector<char>(2 * kLongestLine);
  std::size_t filled_ = 0;  // bytes of an unfinished line at the front
  bool too_long_ = false;   // that line is, and its beginning has gone
};

}  // namespace

tl::expected<void, std::string> for_each_line(int fd,
                                              const std::function<bool(std::string_view)>& take) {
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };
  std::unique_ptr<gzFile_s, Close> file(gzdopen(fd, "r"));
  if (file == nullptr) {
    ::close(fd);
    return tl::unexpected<std::string>("no memory to read it");
  }
  gzbuffer(file.get(), kLongestLine);
  Lines lines(take);
  for (int got = 1; got != 0;) {
    got = gzread(file.get(), lines.room(), kLongestLine);
    if (got < 0) {
      int error = 0;
      const char* what = gzerror(file.get(), &error);
      return tl::unexpected<std::string>(error == Z_ERRNO ? std::generic_category().message(errno)
                                                          : std::string(what));
    }
    if (!lines.add(static_cast<std::size_t>(got))) {
      return {};
    }
  }
  lines.end();
  if (gzclose_r(file.release()) == Z_BUF_ERROR) {
    return tl::unexpected<std::string>("ends in the middle of what gzip compressed");
  }
  return {};
}

}  // namespace ntlm::ntlmctl
