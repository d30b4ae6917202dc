// SPDX-License-Identifier: Apache-2.0
// mpirun -n N exit_program HOW: rank 1 leaves while the others wait for it in a barrier. HOW: "abort" ends the job with status
// 3 and a line; "throw" lets an exception through the Runtime; "agree" fails on every rank alike, with status 2.
#include <cstdio>
#include <string>

#include "distributed/runtime.h"

namespace {

using namespace tessera;
using namespace tessera::distributed;

void leave(Runtime& runtime, const std::string& how) {
  if (how == "agree") {
    std::optional<Error> mine;
    if (runtime.rank() == 1) mine = Error(ErrorKind::usage, "unknown key 'a'", "recipe.yaml:3");
    if (const auto error = runtime.agree(mine)) throw *error;
  }
  if (runtime.rank() != 1) runtime.world().barrier(ReadyEvent::now(), "never complete").wait();
  if (how == "abort") runtime.abort(kExitData, "rank 1 cannot go on");
  throw Error(ErrorKind::runtime, "unexpected");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string how = argv[1];
  try {
    Runtime runtime;
    if (how != "agree") leave(runtime, how);
    try {
      leave(runtime, how);
    } catch (const Error& error) {
      if (runtime.rank() == 0) std::fprintf(stderr, "%s\n", error.what());
      return exit_status_of(error.kind());
    }
  } catch (const Error&) {
    return 99;  // the exception left the Runtime, which should have ended the job before
  }
}
