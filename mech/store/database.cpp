// SPDX-License-Identifier: MIT
#include "store/database.h"

#include <algorithm>

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;
using protocol::Attributes;

constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kCrcSize = 4;
constexpr std::uint32_t kKnownFlags = 63;

std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool equal(ByteView bytes, std::string_view text) { return same_text(text_of(bytes), text); }

auto damaged() { return fail(Errc::kStore, "store.record"); }
auto unknown() { return fail(Errc::kUnknownAccount, "store"); }

std::uint32_t checksum(ByteView key, ByteView rest) {
  return crypto::crc32(rest, crypto::crc32(key));
}

// The reader of what stands behind a right CRC.
Result<Reader> checked(const LmdbFile::Entry& entry) {
  Reader reader(entry.value);
  const std::uint32_t crc = reader.u32();
  if (!reader.ok() || checksum(entry.key, entry.value.subspan(kCrcSize)) != crc) {
    return damaged();
  }
  return reader;
}

std::string key_of(std::string_view user, std::string_view domain) {
  std::string key = upper_utf8(user);
  key += '\0';
  return key += upper_utf8(domain);
}

std::uint32_t flags_of(const Account& account) {
  const auto bit = [](bool on, AccountFlag flag) { return on ? std::uint32_t{flag} : 0; };
  return bit(account.disabled, kFlagDisabled) | bit(account.locked, kFlagLocked) |
         bit(account.password_expired, kFlagPasswordExpired) |
         bit(account.trust_account, kFlagTrustAccount) | bit(!account.has_hash, kFlagNoPassword) |
         bit(account.lm_hash.has_value(), kFlagHasLmHash);
}

void apply_flags(std::uint32_t flags, Account* account) {
  account->disabled = (flags & kFlagDisabled) != 0;
  account->locked = (flags & kFlagLocked) != 0;
  account->password_expired = (flags & kFlagPasswordExpired) != 0;
  account->trust_account = (flags & kFlagTrustAccount) != 0;
  account->has_hash = (flags & kFlagNoPassword) == 0;
}

Attributes read_attributes(Reader& reader, std::size_t count) {
  Attributes attributes;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::size_t name_size = reader.u16();
    const std::size_t value_size = reader.u16();
    const ByteView name = reader.take(name_size);
    const ByteView value = reader.take(value_size);
    attributes.emplace_back(text_of(name), text_of(value));
  }
  return attributes;
}

}  // namespace

std::string database_key(const AccountName& name) { return key_of(name.user, name.domain); }

std::string_view header_key() { return {"\0gss-ntlm", 9}; }

Bytes write_header(std::uint64_t now) {
  Writer body;
  body.u32(kFormatVersion);
  body.u64(now);
  const Bytes rest = std::move(body).finish("store.header").value();
  Writer header;
  header.u32(checksum(bytes_of(header_key()), rest));
  header.bytes(rest);
  return std::move(header).finish("store.header").value();
}

Result<SecretBytes> write_record(const StoredAccount& stored) {
  const Account& account = stored.account;
  const std::string key = database_key(account.name);
  if (key.size() > kMaxDatabaseKey) {
    return fail(Errc::kBadName, "account");
  }
  Writer writer;
  writer.u32(0);
  writer.u32(flags_of(account));
  writer.u64(stored.created);
  writer.u64(stored.password_set);
  writer.bytes(account.nt_hash.expose());
  account.lm_hash ? writer.bytes(account.lm_hash->expose()) : writer.zeros(crypto::LmHash::kSize);
  static const Attributes kNone;
  const Attributes& attributes = account.attributes ? *account.attributes : kNone;
  writer.u16(static_cast<std::uint16_t>(account.name.user.size()));
  writer.u16(static_cast<std::uint16_t>(account.name.domain.size()));
  writer.u16(static_cast<std::uint16_t>(attributes.size()));
  writer.bytes(bytes_of(account.name.user));
  writer.bytes(bytes_of(account.name.domain));
  for (const auto& [name, value] : attributes) {
    writer.u16(static_cast<std::uint16_t>(name.size()));
    writer.u16(static_cast<std::uint16_t>(value.size()));
    writer.bytes(bytes_of(name));
    writer.bytes(bytes_of(value));
  }
  // What does not fit its size field does not fit the whole either.
  TRY(Bytes plain, std::move(writer).finish("account.attributes"));
  SecretBytes value(plain.begin(), plain.end());
  wipe(plain.data(), plain.size());
  const std::uint32_t crc = checksum(bytes_of(key), ByteView(value).subspan(kCrcSize));
  for (std::size_t i = 0; i < kCrcSize; ++i) {
    value[i] = static_cast<std::uint8_t>(crc >> 8 * i);
  }
  return value;
}

namespace {

// Under the name that was asked for, unless it is the record's.
Result<StoredAccount> parse_record_of(const LmdbFile::Entry& entry, bool known,
                                      const AccountName& asked) {
  TRY(Reader reader, checked(entry));
  StoredAccount stored;
  Account& account = stored.account;
  const std::uint32_t flags = reader.u32();
  stored.created = reader.u64();
  stored.password_set = reader.u64();
  const ByteView nt_hash = reader.take(crypto::NtHash::kSize);
  const ByteView lm_hash = reader.take(crypto::LmHash::kSize);
  const std::size_t user_size = reader.u16();
  const std::size_t domain_size = reader.u16();
  const std::size_t attribute_count = reader.u16();
  account.name.user = protocol::choose(known, text_of(reader.take(user_size)), asked.user);
  account.name.domain = protocol::choose(known, text_of(reader.take(domain_size)), asked.domain);
  if (attribute_count != 0) {
    account.attributes =
        std::make_shared<const Attributes>(read_attributes(reader, attribute_count));
  }
  if (!reader.ok() || !reader.at_end() || (flags & ~kKnownFlags) != 0) {
    return damaged();
  }
  account.nt_hash = crypto::NtHash(nt_hash.first<crypto::NtHash::kSize>());
  if ((flags & kFlagHasLmHash) != 0) {
    account.lm_hash = crypto::LmHash(lm_hash.first<crypto::LmHash::kSize>());
  }
  apply_flags(flags, &account);
  return stored;
}

}  // namespace

Result<StoredAccount> parse_record(const LmdbFile::Entry& entry) {
  return parse_record_of(entry, true, {});
}

tl::expected<std::unique_ptr<const DatabaseFile>, std::string> DatabaseFile::read(
    const TrustedFile& file, const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return tl::unexpected<std::string>(path + ": " + why);
  };
  auto lmdb = LmdbFile::map(file);
  if (!lmdb) {
    return refuse(lmdb.error());
  }
  const auto header = lmdb->lower_bound(bytes_of(header_key()));
  if (!header || !*header || !equal((*header)->key, header_key())) {
    return refuse("not a store of accounts, or damaged");
  }
  auto reader = checked(**header);
  if (!reader) {
    return refuse("its header is damaged");
  }
  if (const std::uint32_t version = reader->u32(); version != kFormatVersion) {
    return refuse("a store of format " + std::to_string(version) + "; this program reads format 1");
  }
  return std::make_unique<const DatabaseFile>(std::move(*lmdb));
}

tl::expected<std::unique_ptr<const DatabaseFile>, std::string> DatabaseFile::open(
    const std::string& path) {
  const auto file = open_trusted(path, Trust::kSecret);
  if (!file) {
    return tl::unexpected<std::string>(file.error());
  }
  return read(*file, path);
}

bool DatabaseFile::has_key(std::string_view key) const {
  const auto entry = file_.lower_bound(bytes_of(key));
  return entry && *entry && equal((*entry)->key, key);
}

Result<StoredAccount> DatabaseFile::at(std::string_view key) const {
  TRY(const auto entry, file_.lower_bound(bytes_of(key)));
  if (!entry || !equal(entry->key, key)) {
    return unknown();
  }
  return parse_record(*entry);
}

Result<StoredAccount> DatabaseFile::get(const AccountName& name) const {
  return at(database_key(name));
}

// Every name costs the same look-ups and the reading of one record: where there is none of that
// name, of a neighbour (P11).
Result<Account> DatabaseFile::find(const AccountName& name, std::string_view our_domain) const {
  // Such a name would reach into the key's other part, or the header.
  const bool proper = name.user.find('\0') == std::string::npos && !name.user.empty();
  const std::string anywhere = key_of(name.user, "");
  const std::string exact = key_of(name.user, name.domain.empty() ? our_domain : name.domain);
  TRY(const auto at_exact, file_.nearest(bytes_of(exact)));
  TRY(auto at_user, file_.nearest(bytes_of(anywhere)));
  const bool is_exact = at_exact && equal(at_exact->key, exact);
  bool is_user = at_user && equal(at_user->key, anywhere);
  if (name.domain.empty()) {
    // Then also the only one of that user, whose key is the next one.
    TRY(const auto first, file_.lower_bound(bytes_of(anywhere)));
    std::string behind(first ? text_of(first->key) : std::string_view(anywhere));
    behind += '\0';
    TRY(const auto second, file_.lower_bound(bytes_of(behind)));
    const bool is_first = first && text_of(first->key).starts_with(anywhere);
    const bool is_only = !(second && text_of(second->key).starts_with(anywhere));
    if (!is_user && is_first && is_only) {
      at_user = first;
      is_user = true;
    }
  }
  const bool known = proper & (is_exact | is_user);
  const std::array<const std::optional<LmdbFile::Entry>*, 2> places{&at_user, &at_exact};
  const std::optional<LmdbFile::Entry>& found = *places[static_cast<std::size_t>(is_exact)];
  if (!found) {
    return damaged();  // a file that is one has a header at least
  }
  auto stored = parse_record_of(*found, known, name);
  if (!stored && known) {
    return tl::unexpected(stored.error());
  }
  Account account;
  account.name = name;
  if (stored) {
    account = std::move(stored->account);
  }
  protocol::stand_in(account, known);
  return account;
}

Result<void> DatabaseFile::for_each_record(
    const std::function<Result<void>(const LmdbFile::Entry&)>& visit) const {
  return file_.for_each([&](const LmdbFile::Entry& entry) {
    return equal(entry.key, header_key()) ? Result<void>() : visit(entry);
  });
}

Result<void> DatabaseFile::for_each(const std::function<Result<void>(StoredAccount)>& visit) const {
  return for_each_record([&](const LmdbFile::Entry& entry) -> Result<void> {
    TRY(StoredAccount stored, parse_record(entry));
    return visit(std::move(stored));
  });
}

}  // namespace ntlm::store
