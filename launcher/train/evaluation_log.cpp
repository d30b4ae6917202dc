// SPDX-License-Identifier: Apache-2.0
// A file is a row of records: size of the payload in bytes, its checksum, the payload. All numbers are 64-bit integers.
#include "launcher/train/evaluation_log.h"

#include <fmt/core.h>

#include <cstring>
#include <set>

#include "core/base/hash.h"

namespace tessera::launcher {
namespace {

constexpr int64_t kNoTensor = -1;

class RecordWriter {
 public:
  void number(int64_t value) { bytes(&value, sizeof(value)); }
  void bytes(const void* from, size_t size_bytes) { payload_.append(static_cast<const char*>(from), size_bytes); }
  void counts(const ClassCounts& counts) {
    number(counts.classes());
    number(counts.has_matrix());
    bytes(counts.words().data(), counts.words().size_bytes());
  }
  void tensor(const Tensor& any) {
    if (!any.defined()) return number(kNoTensor);
    const Tensor rows = contiguous(any);
    number(static_cast<int64_t>(rows.dtype()));
    number(static_cast<int64_t>(rows.shape().dims()));
    for (const int64_t size : rows.shape()) number(size);
    bytes(rows.bytes(), rows.size_bytes());
  }
  std::string record() const {
    const uint64_t head[] = {payload_.size(), checksum(payload_.data(), payload_.size())};
    return std::string(reinterpret_cast<const char*>(head), sizeof(head)) + payload_;
  }

 private:
  std::string payload_;
};

/// Takes numbers from a payload whose checksum was right; asserts that it holds them.
class RecordReader {
 public:
  explicit RecordReader(std::span<const std::byte> payload) : rest_(payload) {}

  int64_t number() {
    int64_t value = 0;
    bytes(&value, sizeof(value));
    return value;
  }
  void bytes(void* to, size_t size_bytes) {
    TESSERA_ASSERT(size_bytes <= rest_.size(), "a record of an evaluation is shorter than it says");
    std::memcpy(to, rest_.data(), size_bytes);
    rest_ = rest_.subspan(size_bytes);
  }
  ClassCounts counts() {
    const int64_t classes = number();
    ClassCounts counts(classes, number() != 0);
    bytes(counts.words().data(), counts.words().size_bytes());
    return counts;
  }
  Tensor tensor() {
    const int64_t dtype = number();
    if (dtype == kNoTensor) return {};
    std::vector<int64_t> dims(static_cast<size_t>(number()));
    for (int64_t& size : dims) size = number();
    Tensor rows = Tensor::empty(Shape(dims), static_cast<DType>(dtype));
    bytes(rows.bytes(), rows.size_bytes());
    return rows;
  }

 private:
  std::span<const std::byte> rest_;
};

std::string record_of(const DoneChunk& done) {
  RecordWriter writer;
  for (const int64_t value : {done.chunk, done.samples, done.skipped_samples, static_cast<int64_t>(done.words.size())}) writer.number(value);
  writer.bytes(done.words.data(), done.words.size() * sizeof(int64_t));
  writer.counts(done.classes);
  writer.tensor(done.outputs);
  writer.tensor(done.targets);
  return writer.record();
}

DoneChunk chunk_of(std::span<const std::byte> payload) {
  RecordReader reader(payload);
  DoneChunk done;
  done.chunk = reader.number(), done.samples = reader.number(), done.skipped_samples = reader.number();
  done.words.resize(static_cast<size_t>(reader.number()));
  reader.bytes(done.words.data(), done.words.size() * sizeof(int64_t));
  done.classes = reader.counts();
  done.outputs = reader.tensor();
  done.targets = reader.tensor();
  return done;
}

/// Calls take(payload) for each sound record before the first that is not.
template <typename Take>
void for_each_record(std::span<const std::byte> rest, Take take) {
  uint64_t head[2];
  while (rest.size() >= sizeof(head)) {
    std::memcpy(head, rest.data(), sizeof(head));
    rest = rest.subspan(sizeof(head));
    if (head[0] > rest.size() || checksum(rest.data(), head[0]) != head[1]) return;
    take(rest.first(head[0]));
    rest = rest.subspan(head[0]);
  }
}

}  // namespace

std::vector<DoneChunk> EvaluationLog::read() const {
  std::vector<DoneChunk> all;
  std::set<int64_t> known;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
    const MappedFile file(entry.path(), ErrorKind::runtime);
    for_each_record(file.bytes(), [&](std::span<const std::byte> payload) {
      DoneChunk done = chunk_of(payload);
      if (known.insert(done.chunk).second) all.push_back(std::move(done));
    });
  }
  return all;
}

void EvaluationLog::open() {
  std::filesystem::create_directories(folder_);
  for (int run = 0; !file_; ++run) {
    const auto path = folder_ / fmt::format("rank_{}.{}", rank_, run);
    if (!std::filesystem::exists(path)) file_ = std::make_unique<OutputFile>(path, ErrorKind::runtime);
  }
}

void EvaluationLog::add(const DoneChunk& chunk) {
  if (broken_) return;
  try {
    if (!file_) open();
    const std::string record = record_of(chunk);
    file_->write(record.data(), record.size());
  } catch (const std::exception& error) {
    broken_ = true;
    fmt::print(stderr, "tessera: warning: what is done of this evaluation is not kept: {}\n", error.what());
  }
}

void EvaluationLog::remove() const {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace tessera::launcher
