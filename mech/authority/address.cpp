// SPDX-License-Identifier: MIT
#include "authority/address.h"

#include <sys/socket.h>

#include "authority/frame.h"

namespace ntlm::authority {

void make_room(int socket) {
  constexpr int kRoom = 2 * kMaxReply;
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom);
}

tl::expected<sockaddr_un, std::string> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return tl::unexpected(path + ": too long for the name of a socket");
  }
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace ntlm::authority
