// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/run_folder.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

#include "core/base/file.h"
#include "launcher/job/together.h"

namespace tessera::launcher {
namespace {

constexpr const char* kNonceFile = ".nonce";
constexpr auto kNoncePatience = std::chrono::seconds(5);  // network file systems show a new file late

bool sees_nonce(const std::filesystem::path& file, const std::string& nonce) {
  const auto give_up = std::chrono::steady_clock::now() + kNoncePatience;
  while (true) {
    std::string content;
    if (!error_of([&] { content = read_file(file, ErrorKind::runtime); }) && content == nonce) return true;
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

RunFolder::RunFolder(std::filesystem::path path, distributed::Runtime& runtime) : path_(std::move(path)) {
  on_rank_0(runtime, [&] { create_and_lock(); });
  if (runtime.size() > 1) try_nonce(runtime);
}

void RunFolder::create_and_lock() {
  std::error_code code;
  std::filesystem::create_directories(path_, code);
  if (code) {
    throw Error(ErrorKind::usage, "cannot make the run folder: " + code.message(), path_.string(), "give another with --out");
  }
  const auto probe = path_ / ".write_test";
  if (const auto error = error_of([&] { write_file_atomically(probe, "", ErrorKind::usage); })) {
    throw Error(ErrorKind::usage, std::string("the run folder cannot be written (") + error->what() + ")", path_.string(),
                "give another with --out, or free some space");
  }
  std::filesystem::remove(probe, code);
  checkpoint::LockOptions options;
  options.warn = [](const std::string& warning) { fmt::print(stderr, "tessera: warning: {}\n", warning); };
  lock_ = std::make_unique<checkpoint::RunLock>(path_, options);
}

void RunFolder::try_nonce(distributed::Runtime& runtime) {
  uint64_t nonce = 0;
  on_rank_0(runtime, [&] {
    nonce = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    write_file_atomically(path_ / kNonceFile, std::to_string(nonce), ErrorKind::usage);
  });
  std::vector<int64_t> word = {static_cast<int64_t>(nonce)};
  runtime.world().broadcast(word, 0, distributed::ReadyEvent::now(), "run folder nonce").wait();
  together(runtime, [&] {
    if (sees_nonce(path_ / kNonceFile, std::to_string(static_cast<uint64_t>(word[0])))) return;
    throw Error(ErrorKind::usage, fmt::format("host {} does not see the run folder of rank 0", runtime.host()), path_.string(),
                "give --out a folder on a file system that all hosts share");
  });
  on_rank_0(runtime, [&] {
    std::error_code code;
    std::filesystem::remove(path_ / kNonceFile, code);
  });
}

}  // namespace tessera::launcher
