// SPDX-License-Identifier: Apache-2.0
// mpirun -n N distributed_runner [--forbid-reading] N [part of a case's name]: runs the cases; all ranks agree whether one passed. --forbid-reading: no rank may read
// another's memory, as in many containers.
#include "tests/distributed/runner.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

namespace tessera::distributed::testing {
namespace {

constexpr auto kPatience = std::chrono::seconds(100);

// Ends the process when a case hangs.
class HangGuard {
 public:
  HangGuard(const char* name, int rank) : thread_([this, name, rank] { watch(name, rank); }) {}
  ~HangGuard() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void watch(const char* name, int rank) {
    std::unique_lock lock(mutex_);
    if (wake_.wait_until(lock, std::chrono::steady_clock::now() + kPatience, [this] { return done_; })) return;
    std::fprintf(stderr, "HANG: rank %d in %s\n", rank, name);
    std::_Exit(1);
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

bool passed_everywhere(Context& context) {
  const std::vector<int32_t> mine{context.failures.empty() ? 1 : 0};
  std::vector<int32_t> all(1);
  context.world.all_reduce(mine, all, ReduceOp::min, ReadyEvent::now(), "verdict on a case").wait();
  return all[0] == 1;
}

bool run_case(const Case& test, Runtime& runtime) {
  const HangGuard guard(test.name, runtime.rank());
  Context context(runtime);
  try {
    test.run(context);
  } catch (const std::exception& error) {
    context.failures.push_back(std::string("exception: ") + error.what());
  }
  for (const std::string& failure : context.failures) {
    std::fprintf(stderr, "rank %d, %s: %s\n", runtime.rank(), test.name, failure.c_str());
  }
  const bool passed = passed_everywhere(context);
  if (runtime.rank() == 0) std::printf("%s %s\n", passed ? "PASS" : "FAIL", test.name);
  return passed;
}

int run_all(Runtime& runtime, const char* part) {
  int failed = 0;
  int ran = 0;
  for (const auto& cases : {collective_cases(), async_cases(), group_cases(), sync_cases()}) {
    for (const Case& test : cases) {
      if (part && !std::strstr(test.name, part)) continue;
      ++ran;
      failed += !run_case(test, runtime);
    }
  }
  if (runtime.rank() == 0) std::printf("%d of %d cases failed\n", failed, ran);
  return failed > 0 || ran == 0;
}

// For this process's life. False when the system does not allow it.
bool forbid_reading() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

void Context::expect(bool condition, const std::string& what) {
  if (!condition && failures.size() < 5) failures.push_back(what);
}

void Context::expect_error(const std::function<void()>& function, const std::string& part) {
  try {
    function();
    expect(false, "no error; expected one with '" + part + "'");
  } catch (const Error& error) {
    expect(std::strstr(error.what(), part.c_str()) != nullptr, std::string("error '") + error.what() + "' without '" + part + "'");
  }
}

}  // namespace tessera::distributed::testing

int main(int argc, char** argv) {
  using namespace tessera::distributed;
  if (argc > 1 && std::strcmp(argv[1], "--forbid-reading") == 0) {
    if (!testing::forbid_reading()) return 2;
    ++argv;
    --argc;
  }
  if (argc < 2) return 2;
  Runtime runtime;
  if (runtime.size() != std::atoi(argv[1])) {
    if (runtime.rank() == 0) std::fprintf(stderr, "this test needs %s ranks, not %d\n", argv[1], runtime.size());
    return 1;
  }
  return testing::run_all(runtime, argc > 2 ? argv[2] : nullptr);
}
