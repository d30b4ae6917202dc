// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

class LockTest : public CheckpointTest {
 protected:
  std::string refusal(const LockOptions& options = {}) {
    try {
      const RunLock second(out_, options);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  LockOptions without_flock(std::chrono::milliseconds interval) {
    return {[](int) { return ENOLCK; }, interval, [this](const std::string& warning) { warnings_.push_back(warning); }};
  }

  std::vector<std::string> warnings_;
};

TEST_F(LockTest, ASecondRunIsRefusedAndToldWhoHasIt) {
  std::optional<RunLock> first(std::in_place, out_);
  const std::string message = refusal();
  EXPECT_NE(message.find("in use by another run: process " + std::to_string(::getpid()) + " on "), std::string::npos) << message;
  EXPECT_NE(message.find("choose another --out"), std::string::npos);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  first.reset();
  EXPECT_EQ(refusal(), "");
}

TEST_F(LockTest, AKilledRunHoldsNothing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunLock lock(out_);
    [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_NE(refusal().find("process " + std::to_string(child)), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(refusal(), "");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(LockTest, AFolderThatIsNotThere) {
  EXPECT_THROW(RunLock(out_ / "nowhere"), Error);
  EXPECT_NE(refusal({[](int) { return EIO; }, {}, {}}).find("cannot lock: "), std::string::npos);
}

TEST_F(LockTest, WithoutLocksAHeartbeatGuards) {
  using namespace std::chrono_literals;
  std::optional<RunLock> first(std::in_place, out_, without_flock(20ms));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("has no locks"), std::string::npos);
  // The second watches long enough for the first to beat, however slow the machine is.
  EXPECT_NE(refusal(without_flock(300ms)).find("in use by another run: process "), std::string::npos);
  first.reset();
  EXPECT_FALSE(std::filesystem::exists(out_ / "heartbeat"));
  EXPECT_EQ(refusal(without_flock(20ms)), "");
}

TEST_F(LockTest, AHeartbeatThatStoppedIsTakenOver) {
  using namespace std::chrono_literals;
  overwrite(out_ / "heartbeat", "process 1 on a host that is gone\n00000000000000000007\n");
  EXPECT_EQ(refusal(without_flock(10ms)), "");
}

}  // namespace
}  // namespace tessera::checkpoint
