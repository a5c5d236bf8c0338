// SPDX-License-Identifier: MIT
#include "store/winbind_interface.h"

#include <memory>

namespace ntlm::store {
namespace {

struct InterfaceQuestion {
  explicit InterfaceQuestion(const Wbclient& wbc) : details(wbc) {}
  wbcErr outcome = WBC_ERR_NO_MEMORY;
  WbcMemory<struct wbcInterfaceDetails> details;
};

}  // namespace

Result<WinbindInterface> ask_interface(WinbindCalls& calls,
                                       WinbindCalls::Clock::time_point deadline) {
  const auto question = std::make_shared<InterfaceQuestion>(calls.functions());
  TRY_VOID(calls.run(kWinbindd, deadline, [question](const Wbclient& wbc, wbcContext* context) {
    question->outcome = wbc.interface_details(context, question->details.out());
    return true;
  }));
  if (question->outcome == WBC_ERR_NO_MEMORY) {
    return fail(Errc::kNoMemory, "winbind.interface");
  }
  const struct wbcInterfaceDetails* details = question->details.get();
  if (question->outcome != WBC_ERR_SUCCESS || details == nullptr ||
      details->netbios_name == nullptr || details->netbios_domain == nullptr) {
    return winbind_fault(Errc::kAuthorityDown, "winbind.interface", "winbindd does not run");
  }
  return WinbindInterface{details->netbios_name, details->netbios_domain,
                          details->dns_domain == nullptr ? "" : details->dns_domain,
                          details->winbind_separator};
}

}  // namespace ntlm::store
