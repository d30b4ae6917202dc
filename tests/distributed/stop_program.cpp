// SPDX-License-Identifier: Apache-2.0
// mpirun -n N stop_program FOLDER: all-reduces in a loop, one a step, until FOLDER/done exists. Each rank writes its process
// id to FOLDER/pid_RANK after a few steps. With FOLDER/slow_RANK, that rank computes until the file is gone.
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/activity.h"
#include "distributed/runtime.h"

namespace {

using namespace tessera::distributed;

bool there(const std::filesystem::path& path) { return std::filesystem::exists(path); }

void rest() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

// True when any rank has seen the end; its all-reduce is the collective that everybody waits in.
bool step(Runtime& runtime, bool done) {
  std::vector<int64_t> flag{done ? 1 : 0};
  runtime.world().all_reduce(flag, flag, ReduceOp::max, ReadyEvent::now(), "gradient bucket 3").wait();
  return flag[0] == 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  Runtime runtime;
  const std::string rank = std::to_string(runtime.rank());
  bool done = false;
  for (int64_t number = 1; !done; ++number) {
    runtime.set_step(number);
    runtime.set_phase("backward of quantum 5");
    while (there(folder / ("slow_" + rank))) {
      tessera::tick_activity();
      rest();
    }
    rest();
    if (number == 20) std::ofstream(folder / ("pid_" + rank)) << getpid() << '\n';
    done = step(runtime, there(folder / "done"));
  }
}
