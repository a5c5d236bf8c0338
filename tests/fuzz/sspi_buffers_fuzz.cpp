// SPDX-License-Identifier: MIT
// SecBufferDesc of any shape into the four message functions and both legs, on a live context. The
// input is a program:
//
//   [0] function  [1] fQOP  [2] number of buffers  then for each [type, attributes, size, NULL?]
//   then their bytes
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sspi/sspi.h"

namespace {

const char* const kPackage = "NTLM";

std::string directory = "/tmp/sspi-fuzz-XXXXXX";

void configure() {
  if (mkdtemp(directory.data()) == nullptr) {
    std::abort();
  }
  umask(077);
  std::ofstream(directory + "/accounts") << "DOM:alice:secret\n";
  std::ofstream(directory + "/ntlm.conf")
      << "[ntlm]\n    store = text:" << directory
      << "/accounts\n    netbios_computer = SERVER\n    netbios_domain = DOM\n"
         "[audit]\n    syslog = no\n";
  std::atexit([] { std::filesystem::remove_all(directory); });
  setenv("GSS_NTLM_CONF", (directory + "/ntlm.conf").c_str(), 1);
  setenv("GSS_MECH_CONFIG", SSPI_FUZZ_MECH_CONF, 1);
}

struct Pair {
  CredHandle outbound{}, inbound{};
  CtxtHandle client{}, server{};

  Pair() {
    char user[] = "alice", domain[] = "DOM", password[] = "secret";
    SEC_WINNT_AUTH_IDENTITY_A identity{reinterpret_cast<unsigned char*>(user),
                                       5,
                                       reinterpret_cast<unsigned char*>(domain),
                                       3,
                                       reinterpret_cast<unsigned char*>(password),
                                       6,
                                       SEC_WINNT_AUTH_IDENTITY_ANSI};
    AcquireCredentialsHandleA(nullptr, kPackage, SECPKG_CRED_OUTBOUND, nullptr, &identity, nullptr,
                              nullptr, &outbound, nullptr);
    AcquireCredentialsHandleA(nullptr, kPackage, SECPKG_CRED_INBOUND, nullptr, nullptr, nullptr,
                              nullptr, &inbound, nullptr);
    char one[4096], other[4096];
    SecBuffer to_server{sizeof one, SECBUFFER_TOKEN, one},
        to_client{sizeof other, SECBUFFER_TOKEN, other};
    SecBufferDesc up{0, 1, &to_server}, down{0, 1, &to_client};
    InitializeSecurityContextA(&outbound, nullptr, "x", ISC_REQ_CONFIDENTIALITY, 0, 0, nullptr, 0,
                               &client, &up, nullptr, nullptr);
    AcceptSecurityContext(&inbound, nullptr, &up, 0, 0, &server, &down, nullptr, nullptr);
    to_server.cbBuffer = sizeof one;
    InitializeSecurityContextA(&outbound, &client, "x", 0, 0, 0, &down, 0, &client, &up, nullptr,
                               nullptr);
    if (AcceptSecurityContext(&inbound, &server, &up, 0, 0, &server, nullptr, nullptr, nullptr) !=
        SEC_E_OK) {
      std::fprintf(stderr, "no context: %s\n", SspiCompatGetLastText());
      std::abort();
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    DeleteSecurityContext(&client);
    DeleteSecurityContext(&server);
    FreeCredentialsHandle(&outbound);
    FreeCredentialsHandle(&inbound);
  }
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() { return size_ == 0 ? std::uint8_t{0} : (--size_, *data_++); }
  void fill(std::vector<std::uint8_t>& out) {
    for (std::uint8_t& one : out) {
      one = byte();
    }
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool configured = (configure(), true);
  static_cast<void>(configured);
  Input input(data, size);
  const unsigned function = input.byte() % 6;
  constexpr ULONG kQops[] = {0, SECQOP_WRAP_NO_ENCRYPT, SECQOP_WRAP_OOB_DATA, 7};
  const ULONG qop = kQops[input.byte() % 4];
  std::vector<SecBuffer> buffers(input.byte() % 8);
  std::vector<std::vector<std::uint8_t>> memory(buffers.size());
  constexpr ULONG kAttributes[] = {0, SECBUFFER_READONLY, SECBUFFER_READONLY_WITH_CHECKSUM,
                                   0xF0000000};
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const ULONG type = (input.byte() % 33u) | kAttributes[input.byte() % 4];
    memory[i].resize(input.byte());
    const bool none = input.byte() % 16 == 15;
    buffers[i] = {static_cast<ULONG>(memory[i].size()), type, none ? nullptr : memory[i].data()};
  }
  for (auto& bytes : memory) {
    input.fill(bytes);
  }
  SecBufferDesc desc{SECBUFFER_VERSION, static_cast<ULONG>(buffers.size()), buffers.data()};
  const std::vector<SecBuffer> before = buffers;
  Pair pair;
  ULONG ignored = 0;
  switch (function) {
    case 0:
      MakeSignature(&pair.client, qop, &desc, 0);
      break;
    case 1:
      VerifySignature(&pair.server, &desc, 0, &ignored);
      break;
    case 2:
      if (EncryptMessage(&pair.client, qop, &desc, 0) == SEC_E_OK &&
          DecryptMessage(&pair.server, &desc, 0, &ignored) != SEC_E_OK) {
        std::abort();  // what one side makes, the other reads
      }
      break;
    case 3:
      DecryptMessage(&pair.server, &desc, 0, &ignored);
      break;
    case 4: {
      CtxtHandle context;
      char room[4096];
      SecBuffer out{sizeof room, SECBUFFER_TOKEN, room};
      SecBufferDesc out_desc{SECBUFFER_VERSION, 1, &out};
      if (AcceptSecurityContext(&pair.inbound, nullptr, &desc, 0, 0, &context, &out_desc, nullptr,
                                nullptr) >= 0) {
        DeleteSecurityContext(&context);
      }
      break;
    }
    default: {
      CtxtHandle context;
      if (InitializeSecurityContextA(&pair.outbound, nullptr, "x", 0, 0, 0, nullptr, 0, &context,
                                     &desc, nullptr, nullptr) >= 0) {
        DeleteSecurityContext(&context);
      }
      break;
    }
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool stream =
        (buffers[i].BufferType & ~SECBUFFER_ATTRMASK) == SECBUFFER_DATA && function == 3;
    if (buffers[i].BufferType != before[i].BufferType ||
        (!stream && buffers[i].cbBuffer > before[i].cbBuffer)) {
      std::abort();  // a buffer grew
    }
  }
  return 0;
}
