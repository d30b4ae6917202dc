// SPDX-License-Identifier: Apache-2.0
#include "core/data/shard_indexer.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "core/base/activity.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/shard_index.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

/// Scanning waits for the storage far more than it computes.
constexpr size_t kScanThreads = 8;
constexpr auto kReportInterval = std::chrono::milliseconds(100);

void write_index(const fs::path& file, const ShardIndex& index) {
  try {
    write_file_atomically(file, encode_index(index), ErrorKind::data);
  } catch (const Error& error) {
    throw Error(ErrorKind::data, error.what(), "index of a shard", "set data.index_cache to a folder that can be written");
  }
}

/// Threads take one shard after the other; the calling thread reports.
class Indexer {
 public:
  Indexer(const std::vector<fs::path>& shards, const fs::path& folder, const PrepareObserver& observer)
      : shards_(shards), folder_(folder), observer_(observer) {}

  bool run() {
    std::vector<std::jthread> threads;  // joined also where one of them cannot be started
    for (size_t i = 0; i < std::min(kScanThreads, shards_.size()); ++i) threads.emplace_back([this] { work(); });
    report();
    threads.clear();
    if (error_) std::rethrow_exception(error_);
    return done_ == shards_.size();
  }

 private:
  void work() {
    for (size_t number = take(); number < shards_.size(); number = take()) {
      std::exception_ptr error;
      std::string line;
      try {
        line = index(shards_[number]);
      } catch (...) {
        error = std::current_exception();
      }
      finish(number, std::move(line), error);
    }
  }

  /// Returns what there is to say.
  std::string index(const fs::path& shard) const {
    tick_activity();
    const fs::path file = index_file(shard, folder_);
    const FoundIndex found = find_index(shard, file);
    if (!found.index) write_index(file, scan_shard(shard));
    return found.problem.empty() ? "" : "made the index of a shard anew: " + found.problem;
  }

  size_t take() {
    const std::lock_guard lock(mutex_);
    return error_ || stopped_ ? shards_.size() : next_++;
  }

  void finish(size_t number, std::string line, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (!line.empty()) lines_.push_back(std::move(line));
    if (error && (!error_ || number < failed_)) {
      error_ = error;
      failed_ = number;
    }
    changed_.notify_one();
  }

  void report() {
    std::unique_lock lock(mutex_);
    while (done_ < shards_.size() && !error_ && !stopped_) {
      changed_.wait_for(lock, kReportInterval);
      speak(lock);
    }
    speak(lock);
  }

  void speak(std::unique_lock<std::mutex>& lock) {
    const std::vector<std::string> lines = std::exchange(lines_, {});
    const size_t done = done_;
    stopped_ = observer_.stop();
    lock.unlock();
    for (const std::string& line : lines) observer_.say(line);
    observer_.progress(static_cast<int64_t>(done), static_cast<int64_t>(shards_.size()));
    lock.lock();
  }

  const std::vector<fs::path>& shards_;
  const fs::path& folder_;
  const PrepareObserver& observer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;  // not yet said
  size_t next_ = 0, done_ = 0, failed_ = 0;
  bool stopped_ = false;
  std::exception_ptr error_;  // of the first shard, of those that failed
};

}  // namespace

bool index_shards(const std::vector<fs::path>& shards, const fs::path& index_folder, const PrepareObserver& observer) {
  if (!index_folder.empty()) {
    std::error_code code;
    fs::create_directories(index_folder, code);
    if (code) throw Error(ErrorKind::data, "cannot make the folder: " + code.message(), index_folder.string(), "set data.index_cache to a folder that can be written");
  }
  return Indexer(shards, index_folder, observer).run();
}

}  // namespace tessera::data
