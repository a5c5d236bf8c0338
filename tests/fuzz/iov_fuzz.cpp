// SPDX-License-Identifier: MIT
// Buffers of any shape to wrap_iov, unwrap_iov, get_mic_iov and verify_mic_iov. Input: u8 which
// call (0 wrap, 1 unwrap, 2 get_mic, 3 verify_mic, 4 wrap_iov_length; +8: conf_req), then buffers:
// u8 type, u8 flags (1 allocate, 2 null value), u8 size, and that many bytes. A call that fails
// leaves nothing allocated; what was wrapped is unwrapped.
#include <vector>

#include "base/bytes.h"
#include "fuzz/module.h"

using namespace ntlm;

namespace {

constexpr std::uint32_t kTypes[] = {0, 1, 2, 3, 6, 7, 9, 10, 11, 12, 99};

struct Buffers {
  std::vector<gss_iov_buffer_desc> iov;
  std::vector<Bytes> storage;
};

Buffers read(Reader& reader) {
  Buffers out;
  out.storage.reserve(8);
  while (reader.ok() && reader.remaining() >= 3 && out.iov.size() < 8) {
    const std::uint32_t type = kTypes[reader.u8() % std::size(kTypes)];
    const std::uint8_t flags = reader.u8();
    const std::size_t size = reader.u8();
    const ByteView bytes = reader.take(std::min(size, reader.remaining()));
    out.storage.emplace_back(bytes.begin(), bytes.end());
    gss_iov_buffer_desc one{};
    one.type = type | ((flags & 1) != 0 ? GSS_IOV_BUFFER_FLAG_ALLOCATE : 0);
    if ((flags & 1) == 0) {
      one.buffer = {out.storage.back().size(),
                    (flags & 2) != 0 ? nullptr : out.storage.back().data()};
    }
    out.iov.push_back(one);
  }
  return out;
}

void release(Buffers& buffers, OM_uint32 major) {
  for (gss_iov_buffer_desc& one : buffers.iov) {
    if ((one.type & GSS_IOV_BUFFER_FLAG_ALLOCATED) != 0) {
      FUZZ_CHECK(!GSS_ERROR(major));
      free(one.buffer.value);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::configure();
  if (size == 0) {
    return 0;
  }
  Reader reader({data + 1, size - 1});
  Buffers buffers = read(reader);
  fuzz::Pair pair;
  OM_uint32 minor = 0;
  int state = 0;
  const int confidential = (data[0] & 8) != 0 ? 1 : 0;
  const int count = static_cast<int>(buffers.iov.size());
  gss_iov_buffer_desc* iov = buffers.iov.data();
  OM_uint32 major = GSS_S_COMPLETE;
  switch (data[0] & 7) {
    case 0:
      major =
          gss_wrap_iov(&minor, pair.initiator, confidential, GSS_C_QOP_DEFAULT, &state, iov, count);
      if (major == GSS_S_COMPLETE) {
        FUZZ_CHECK(gss_unwrap_iov(&minor, pair.acceptor, &state, nullptr, iov, count) ==
                   GSS_S_COMPLETE);
      }
      break;
    case 1:
      major = gss_unwrap_iov(&minor, pair.acceptor, &state, nullptr, iov, count);
      FUZZ_CHECK(major != GSS_S_COMPLETE);  // nobody but the initiator can make one that passes
      break;
    case 2:
      major = gss_get_mic_iov(&minor, pair.initiator, GSS_C_QOP_DEFAULT, iov, count);
      if (major == GSS_S_COMPLETE) {
        FUZZ_CHECK(gss_verify_mic_iov(&minor, pair.acceptor, nullptr, iov, count) ==
                   GSS_S_COMPLETE);
      }
      break;
    case 3:
      major = gss_verify_mic_iov(&minor, pair.acceptor, nullptr, iov, count);
      FUZZ_CHECK(major != GSS_S_COMPLETE);
      break;
    default:
      (void)gss_wrap_iov_length(&minor, pair.initiator, confidential, GSS_C_QOP_DEFAULT, &state,
                                iov, count);
      return 0;
  }
  release(buffers, major);
  return 0;
}
