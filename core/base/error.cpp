// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.h"

#include <cstring>

namespace tessera {
namespace {

std::string join(std::string_view what, std::string_view where, std::string_view fix) {
  std::string line;
  if (!where.empty()) line.append(where).append(": ");
  line.append(what);
  if (!fix.empty()) line.append("; ").append(fix);
  // Names out of files may hold anything, and a message is one line.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return line;
}

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

}  // namespace

int exit_status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return kExitUsage;
    case ErrorKind::data:
    case ErrorKind::checkpoint: return kExitData;
    case ErrorKind::runtime: return kExitOther;
  }
  return kExitOther;
}

Error::Error(ErrorKind kind, std::string_view what, std::string_view where, std::string_view fix)
    : std::runtime_error(join(what, where, fix)), kind_(kind) {}

void fail_internal(std::string_view what, const char* file, int line) {
  throw Error(ErrorKind::runtime, std::string("internal error: ").append(what),
              std::string(base_name(file)) + ":" + std::to_string(line), "please report this");
}

}  // namespace tessera
