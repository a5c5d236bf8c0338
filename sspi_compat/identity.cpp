// SPDX-License-Identifier: MIT
#include "sspi_compat/identity.h"

#include <string.h>  // explicit_bzero

#include <array>
#include <cstring>

#include "sspi_compat/random.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

constexpr ULONG kMostCharacters = 256;  // page SEC_WINNT_AUTH_IDENTITY
constexpr ULONG kForeignEncryption = SEC_WINNT_AUTH_IDENTITY_FLAGS_SYSTEM_PROTECTED |
                                     SEC_WINNT_AUTH_IDENTITY_FLAGS_USER_PROTECTED |
                                     SEC_WINNT_AUTH_IDENTITY_FLAGS_SYSTEM_ENCRYPTED;

// The key that hides passwords in blocks, of this process only.
const std::array<unsigned char, kMostCharacters * sizeof(WCHAR)>& hiding_key() {
  static const auto key = [] {
    std::array<unsigned char, kMostCharacters * sizeof(WCHAR)> bytes{};
    fill_random(bytes.data(), bytes.size());
    return bytes;
  }();
  return key;
}

// One text of a structure with pointers. Absent stays absent; empty is something else.
template <typename Char>
SECURITY_STATUS read_text(const void* text, ULONG length, std::optional<std::string>& result) {
  if (text == nullptr) {
    return length == 0 ? SEC_E_OK
                       : failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a length without text");
  }
  if (length > kMostCharacters) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a text is longer than 256 characters");
  }
  if constexpr (sizeof(Char) == 1) {
    const std::string_view bytes(static_cast<const char*>(text), length);
    if (is_utf8(bytes)) {
      result.emplace(bytes);
    }
  } else {
    WideString aligned(length, WCHAR{});
    std::memcpy(aligned.data(), text, length * sizeof(WCHAR));
    result = to_utf8(aligned);
    explicit_bzero(aligned.data(), length * sizeof(WCHAR));
  }
  if (!result) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a text is not valid");
  }
  if (result->find('\0') != std::string::npos) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a NUL inside a text");
  }
  return SEC_E_OK;
}

template <typename Char>
SECURITY_STATUS read_secret(const void* text, ULONG length, std::optional<SecretText>& result) {
  std::optional<std::string> clear;
  const SECURITY_STATUS status = read_text<Char>(text, length, clear);
  if (clear) {
    result.emplace(std::move(*clear));
  }
  return status;
}

// What the plain and EX structures have in common, wherever it lies in them.
struct Pointers {
  const void* user;
  ULONG user_length;
  const void* domain;
  ULONG domain_length;
  const void* password;
  ULONG password_length;
  const void* list;
  ULONG list_length;
};

template <typename Char>
SECURITY_STATUS read_pointers(const Pointers& from, Identity& result) {
  std::optional<std::string> list;
  SECURITY_STATUS status = read_text<Char>(from.user, from.user_length, result.user);
  status =
      status == SEC_E_OK ? read_text<Char>(from.domain, from.domain_length, result.domain) : status;
  status = status == SEC_E_OK
               ? read_secret<Char>(from.password, from.password_length, result.password)
               : status;
  status = status == SEC_E_OK ? read_text<Char>(from.list, from.list_length, list) : status;
  result.package_list = list.value_or("");
  return status;
}

SECURITY_STATUS read_with_flags(const Pointers& from, ULONG flags, Identity& result) {
  constexpr ULONG kUnreadable = kForeignEncryption |
                                SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED |
                                SEC_WINNT_AUTH_IDENTITY_MARSHALLED;
  if ((flags & kUnreadable) != 0) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: encrypted or marshalled by somebody else");
  }
  const SECURITY_STATUS status = (flags & SEC_WINNT_AUTH_IDENTITY_ANSI) != 0
                                     ? read_pointers<char>(from, result)
                                     : read_pointers<WCHAR>(from, result);
  if ((flags & SEC_WINNT_AUTH_IDENTITY_FLAGS_NULL_USER) != 0) {
    result.user.reset();
  }
  if ((flags & SEC_WINNT_AUTH_IDENTITY_FLAGS_NULL_DOMAIN) != 0) {
    result.domain.reset();
  }
  return status;
}

// ---- the EX2 block ----

using Block = SEC_WINNT_AUTH_IDENTITY_EX2;
using Packed = SEC_WINNT_AUTH_PACKED_CREDENTIALS;

bool inside(ULONG offset, ULONG length, ULONG size) {
  return length <= size && offset <= size - length;
}

// Where the password's bytes are, counted from the block's start; length 0 when there is none,
// nullopt when the block is not sound.
struct Span {
  ULONG offset;
  ULONG length;
};
std::optional<Span> password_span(const void* block, const Block& header) {
  if (header.PackedCredentialsLength == 0) {
    return Span{0, 0};
  }
  Packed packed;
  if (header.PackedCredentialsLength < sizeof packed ||
      !inside(header.PackedCredentialsOffset, header.PackedCredentialsLength,
              header.cbStructureLength)) {
    return std::nullopt;
  }
  std::memcpy(&packed, static_cast<const char*>(block) + header.PackedCredentialsOffset,
              sizeof packed);
  const SEC_WINNT_AUTH_BYTE_VECTOR& data = packed.AuthData.CredData;
  if (std::memcmp(&packed.AuthData.CredType, &SEC_WINNT_AUTH_DATA_TYPE_PASSWORD, sizeof(GUID)) !=
          0 ||
      !inside(data.ByteArrayOffset, data.ByteArrayLength, header.PackedCredentialsLength) ||
      data.ByteArrayLength % sizeof(WCHAR) != 0 || data.ByteArrayLength > hiding_key().size()) {
    return std::nullopt;
  }
  return Span{header.PackedCredentialsOffset + data.ByteArrayOffset, data.ByteArrayLength};
}

// The password is exclusive-or'ed with the process's key, or back.
void toggle_hidden(void* bytes, ULONG length) {
  auto* byte = static_cast<unsigned char*>(bytes);
  for (ULONG i = 0; i < length; ++i) {
    byte[i] ^= hiding_key()[i];
  }
}

SECURITY_STATUS read_block(const void* block, Identity& result) {
  Block header;
  std::memcpy(&header, block, sizeof header);
  const auto* base = static_cast<const char*>(block);
  const std::optional<Span> password = password_span(block, header);
  const bool sound =
      header.cbStructureLength >= sizeof header && password &&
      (header.Flags & kForeignEncryption) == 0 &&
      inside(header.UserOffset, header.UserLength, header.cbStructureLength) &&
      inside(header.DomainOffset, header.DomainLength, header.cbStructureLength) &&
      inside(header.PackageListOffset, header.PackageListLength, header.cbStructureLength) &&
      header.UserLength % 2 == 0 && header.DomainLength % 2 == 0 &&
      header.PackageListLength % 2 == 0;
  if (!sound) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS,
                   "identity: the block points outside itself, or holds no password");
  }
  const auto at = [&](ULONG offset, ULONG length) -> const void* {
    return length == 0 ? nullptr : base + offset;
  };
  std::array<char, kMostCharacters * sizeof(WCHAR)> clear{};
  std::memcpy(clear.data(), base + password->offset, password->length);
  if ((header.Flags & SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED) != 0) {
    toggle_hidden(clear.data(), password->length);
  }
  const bool has_password = header.PackedCredentialsLength != 0;
  const Pointers pointers{at(header.UserOffset, header.UserLength),
                          header.UserLength / 2u,
                          at(header.DomainOffset, header.DomainLength),
                          header.DomainLength / 2u,
                          has_password ? clear.data() : nullptr,
                          password->length / 2u,
                          at(header.PackageListOffset, header.PackageListLength),
                          header.PackageListLength / 2u};
  const SECURITY_STATUS status = read_pointers<WCHAR>(pointers, result);
  explicit_bzero(clear.data(), clear.size());
  return status;
}

bool is_block(const void* identity) {
  Block header;
  std::memcpy(&header, identity, offsetof(Block, cbStructureLength));
  // A plain structure begins with a pointer, whose low half may be anything: the length must fit
  // too.
  return header.Version == SEC_WINNT_AUTH_IDENTITY_VERSION_2 &&
         header.cbHeaderLength == sizeof(Block);
}

}  // namespace

SECURITY_STATUS read_identity(const void* identity, Identity& result) {
  ULONG start[2];
  std::memcpy(start, identity, sizeof start);
  if (is_block(identity)) {
    return read_block(identity, result);
  }
  if (start[0] == SEC_WINNT_AUTH_IDENTITY_VERSION &&
      start[1] >= sizeof(SEC_WINNT_AUTH_IDENTITY_EXA) &&
      start[1] <= 2 * sizeof(SEC_WINNT_AUTH_IDENTITY_EXA)) {
    SEC_WINNT_AUTH_IDENTITY_EXA from;
    std::memcpy(&from, identity, sizeof from);
    return read_with_flags(
        {from.User, from.UserLength, from.Domain, from.DomainLength, from.Password,
         from.PasswordLength, from.PackageList, from.PackageListLength},
        from.Flags, result);
  }
  SEC_WINNT_AUTH_IDENTITY_A from;
  std::memcpy(&from, identity, sizeof from);
  return read_with_flags({from.User, from.UserLength, from.Domain, from.DomainLength, from.Password,
                          from.PasswordLength, nullptr, 0},
                         from.Flags, result);
}

std::string account_of(const Identity& identity) {
  const std::string user = identity.user.value_or("");
  return identity.domain && !identity.domain->empty() ? *identity.domain + "\\" + user : user;
}

IdentityBlock make_block(const Identity& identity) {
  const auto user = to_wide(identity.user.value_or(""));
  const auto domain = to_wide(identity.domain.value_or(""));
  const auto list = to_wide(identity.package_list);
  auto password = to_wide(identity.password ? std::string_view(identity.password->expose())
                                            : std::string_view());
  if (!user || !domain || !list || !password || user->size() > kMostCharacters ||
      domain->size() > kMostCharacters || list->size() > kMostCharacters ||
      password->size() > kMostCharacters) {
    return nullptr;
  }
  const auto bytes = [](const WideString& text) {
    return static_cast<USHORT>(text.size() * sizeof(WCHAR));
  };
  const auto packed_size =
      static_cast<USHORT>(identity.password ? sizeof(Packed) + bytes(*password) : 0);
  Block header{};
  header.Version = SEC_WINNT_AUTH_IDENTITY_VERSION_2;
  header.cbHeaderLength = sizeof header;
  header.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
  ULONG end = sizeof header;
  const auto place = [&](ULONG& offset, USHORT& length, USHORT size) {
    offset = size == 0 ? 0 : end;
    length = size;
    end += size;
  };
  place(header.PackedCredentialsOffset, header.PackedCredentialsLength, packed_size);
  place(header.UserOffset, header.UserLength, bytes(*user));
  place(header.DomainOffset, header.DomainLength, bytes(*domain));
  place(header.PackageListOffset, header.PackageListLength, bytes(*list));
  header.cbStructureLength = end;

  // One NUL more than the block counts, so that no text runs on.
  HandedOut<char> block(static_cast<char*>(hand_out(end + sizeof(WCHAR))));
  const auto put = [&](ULONG offset, const WideString& text) {
    std::memcpy(block.get() + offset, text.data(), text.size() * sizeof(WCHAR));
  };
  std::memcpy(block.get(), &header, sizeof header);
  put(header.UserOffset, *user);
  put(header.DomainOffset, *domain);
  put(header.PackageListOffset, *list);
  if (identity.password) {
    Packed packed{};
    packed.cbHeaderLength = sizeof packed;
    packed.cbStructureLength = packed_size;
    packed.AuthData.CredType = SEC_WINNT_AUTH_DATA_TYPE_PASSWORD;
    packed.AuthData.CredData = {sizeof packed, bytes(*password)};
    std::memcpy(block.get() + header.PackedCredentialsOffset, &packed, sizeof packed);
    put(header.PackedCredentialsOffset + static_cast<ULONG>(sizeof packed), *password);
    explicit_bzero(password->data(), password->size() * sizeof(WCHAR));
  }
  return IdentityBlock(
      static_cast<SEC_WINNT_AUTH_IDENTITY_INFO*>(static_cast<void*>(block.release())));
}

BlockPassword block_password(SEC_WINNT_AUTH_IDENTITY_INFO* identity) {
  if (identity == nullptr || !is_block(identity)) {
    return {};
  }
  Block* header = &identity->AuthIdEx2;
  const std::optional<Span> span = password_span(identity, *header);
  if (!span) {
    return {};
  }
  return {header, static_cast<char*>(static_cast<void*>(identity)) + span->offset, span->length};
}

void toggle(const BlockPassword& password) {
  toggle_hidden(password.bytes, password.length);
  password.header->Flags ^= SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED;
}

}  // namespace sspi
