// SPDX-License-Identifier: MIT
// The mechglue's configuration, read as it reads it. Its own errors are silent: a mechanism that
// cannot be loaded is listed all the same, and fails when it is used.
#include <dlfcn.h>
#include <glob.h>
#include <link.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "ntlmctl/findings.h"

namespace ntlm::ntlmctl {
namespace {

constexpr std::string_view kNtlmOid = "1.3.6.1.4.1.311.2.2.10";

// One line: name, OID, path, and anywhere behind them <interposer>.
struct Line {
  std::string file;
  std::string oid;
  std::string path;
  bool interposer = false;
};

std::vector<std::string> configuration_files(Findings& findings) {
  if (const char* named = ::secure_getenv("GSS_MECH_CONFIG"); named != nullptr) {
    findings.note("GSS_MECH_CONFIG: {} is read in place of /etc/gss/mech and /etc/gss/mech.d",
                  escaped(named, 256));
    return {named};
  }
  std::vector<std::string> files{"/etc/gss/mech"};
  glob_t found{};
  if (::glob("/etc/gss/mech.d/*.conf", 0, nullptr, &found) == 0) {
    files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return files;
}

void read_lines(Findings& findings, const std::string& file, std::vector<Line>& lines) {
  std::ifstream stream(file);
  if (!stream) {
    if (errno != ENOENT || file != "/etc/gss/mech")
      findings.problem("{} cannot be read: {}", file, std::generic_category().message(errno));
    return;
  }
  std::string text;
  while (std::getline(stream, text)) {
    if (text.empty() || text[0] == '#') continue;
    if (text[0] == ' ' || text[0] == '\t') {
      if (text.find(kNtlmOid) != std::string::npos) {
        findings.problem("{}: a line that begins with a blank is passed over: {}", file,
                         escaped(text, 120));
      }
      continue;
    }
    std::istringstream words(text);
    Line line;
    std::string name;
    words >> name >> line.oid >> line.path;
    line.file = file;
    line.interposer = text.find("<interposer>") != std::string::npos;
    if (!line.path.empty()) lines.push_back(line);
  }
}

std::string full_path(const std::string& path) {
  return path.starts_with('/') ? path : std::string(NTLM_GSS_MODULE_DIR "/") + path;
}

// Whether the module can be loaded and has `symbol`. The reason otherwise.
std::string load_fault(const std::string& path, const char* symbol) {
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* why = ::dlerror();
    return why != nullptr ? why : "dlopen failed";
  }
  // Not one of libgssapi's, which most modules are linked with.
  link_map* map = nullptr;
  Dl_info info{};
  const void* found = ::dlsym(module, symbol);
  const bool there = found != nullptr && ::dladdr(found, &info) != 0 &&
                     ::dlinfo(module, RTLD_DI_LINKMAP, &map) == 0 &&
                     std::string_view(info.dli_fname) == map->l_name;
  ::dlclose(module);
  return there ? "" : std::string("it has no ") + symbol;
}

void diagnose_line(Findings& findings, const Line& line) {
  const char* what = line.interposer ? "interposer" : "NTLM";
  const std::string fault = load_fault(
      full_path(line.path), line.interposer ? "gss_mech_interposer" : "gss_init_sec_context");
  if (!fault.empty()) {
    findings.problem("{}: {} {} cannot be loaded: {}", line.file, what, line.path,
                     escaped(fault, 400));
  } else {
    findings.fine("{}: {} is {}", line.file, what, line.path);
  }
}

}  // namespace

void diagnose_registration(Findings& findings) {
  std::vector<Line> lines;
  for (const std::string& file : configuration_files(findings)) read_lines(findings, file, lines);
  const Line* ours = nullptr;
  for (const Line& line : lines) {
    if (line.oid != kNtlmOid && !line.interposer) continue;
    diagnose_line(findings, line);
    if (line.interposer && line.path.find("gss_ntlm_bridge") == std::string::npos) {
      findings.note("{}: {} may answer for Kerberos before the bridge does", line.file, line.path);
    }
    if (line.oid != kNtlmOid) continue;
    if (ours != nullptr) {
      findings.problem("two lines for NTLM's OID: {} in {}, and {} in {}; remove one", ours->path,
                       ours->file, line.path, line.file);
    }
    ours = &line;
  }
  if (ours == nullptr)
    findings.problem("no line for {} in the mechglue's configuration: NTLM is not registered",
                     kNtlmOid);
}

}  // namespace ntlm::ntlmctl
