// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/input_file.h"
#include "core/format/safetensors_dtype.h"

namespace tessera::checkpoint {
namespace {

constexpr size_t kChunk_bytes = size_t{1} << 20;
constexpr uint64_t kMaxManifest_bytes = uint64_t{1} << 30;
constexpr std::string_view kUseAnother = "resume from another checkpoint";

std::string read_small(const std::filesystem::path& path) {
  const InputFile file(path, ErrorKind::checkpoint);
  if (file.size_bytes() > kMaxManifest_bytes) throw Error(ErrorKind::checkpoint, "too long for a manifest", path.string(), kUseAnother);
  std::string content(file.size_bytes(), '\0');
  file.read_at(0, content.data(), content.size());
  return content;
}

/// Streams a range of a file through `take(bytes, size)` and returns its checksum.
template <typename Take>
uint64_t stream(const InputFile& file, uint64_t offset, uint64_t size_bytes, Take take) {
  std::vector<std::byte> chunk(std::min<uint64_t>(kChunk_bytes, size_bytes));
  Checksum sum;
  for (const uint64_t end = offset + size_bytes; offset < end; offset += chunk.size()) {
    chunk.resize(std::min<uint64_t>(chunk.size(), end - offset));
    file.read_at(offset, chunk.data(), chunk.size());
    sum.update(chunk.data(), chunk.size());
    take(chunk.data(), chunk.size());
  }
  return sum.value();
}

[[noreturn]] void fail_damaged(const std::filesystem::path& path, std::string_view what) {
  throw Error(ErrorKind::checkpoint, fmt::format("the checksum of {} does not hold: it is damaged", what), path.string(), kUseAnother);
}

using TensorIndex = std::unordered_map<std::string_view, const TensorRecord*>;

TensorIndex index_of(const Manifest& manifest) {
  TensorIndex index;
  for (const TensorRecord& tensor : manifest.tensors) index.emplace(tensor.name, &tensor);
  return index;
}

/// Reads pieces of one checkpoint; keeps its files open.
class PieceReader {
 public:
  explicit PieceReader(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  void read(const TensorRecord& tensor, const Slice& slice) {
    for (const Piece& piece : tensor.pieces) read(tensor, piece, slice);
  }

 private:
  /// Copies what `slice` and `piece` share. All of the piece is read, for its checksum.
  void read(const TensorRecord& tensor, const Piece& piece, const Slice& slice) {
    const uint64_t element_bytes = size_bytes_of(tensor.dtype);
    const auto bytes_at = [&](int64_t element) { return static_cast<uint64_t>(element) * element_bytes; };
    const uint64_t wanted_begin = bytes_at(std::max(piece.begin_elements, slice.begin_elements));
    const uint64_t wanted_end = bytes_at(std::min(piece.end_elements, slice.end_elements()));
    if (wanted_begin >= wanted_end) return;
    std::byte* target = slice.values.bytes();
    const uint64_t target_begin = bytes_at(slice.begin_elements);
    uint64_t at = bytes_at(piece.begin_elements);
    const InputFile& file = open_file(piece.file);
    const uint64_t size_bytes = bytes_at(piece.end_elements) - at;
    const uint64_t sum = stream(file, piece.offset_bytes, size_bytes, [&](const std::byte* bytes, size_t size) {
      const uint64_t begin = std::clamp(wanted_begin, at, at + size);
      const uint64_t end = std::clamp(wanted_end, at, at + size);
      if (begin < end) std::memcpy(target + (begin - target_begin), bytes + (begin - at), end - begin);
      at += size;
    });
    if (sum != piece.checksum) fail_damaged(file.path(), "tensor " + quoted_name(tensor.name));
  }

  const InputFile& open_file(uint32_t index) {
    std::unique_ptr<InputFile>& file = files_[index];
    if (!file) file = std::make_unique<InputFile>(checkpoint_.path / checkpoint_.manifest.files[index].name, ErrorKind::checkpoint);
    return *file;
  }

  const Checkpoint& checkpoint_;
  std::map<uint32_t, std::unique_ptr<InputFile>> files_;
};

std::string describe(DType dtype, const Shape& shape) { return fmt::format("{} {}", tessera::name_of(dtype), shape.text()); }

/// Why `tensor` cannot fill what the model has; empty where it can.
std::string mismatch(const TensorRecord& tensor, TensorRole role, DType dtype, const Shape& shape) {
  if (tensor.dtype == dtype && tensor.shape == shape && tensor.role == role) return {};
  return fmt::format("{} is {} {} in the checkpoint and {} {} in this run", quoted_name(tensor.name), name_of(tensor.role),
                     describe(tensor.dtype, tensor.shape), name_of(role), describe(dtype, shape));
}

/// One line of at most three problems.
void fail_if_any(const std::vector<std::string>& problems, const std::filesystem::path& folder) {
  if (problems.empty()) return;
  std::string line = fmt::format("{} tensor{} not fit: {}", problems.size(), problems.size() == 1 ? " does" : "s do", problems[0]);
  for (size_t i = 1; i < std::min<size_t>(problems.size(), 3); ++i) line += ", " + problems[i];
  if (problems.size() > 3) line += ", and more";
  throw Error(ErrorKind::checkpoint, line, folder.string(), "use the recipe that wrote the checkpoint, or start anew with --resume none");
}

void check_fit(const Checkpoint& checkpoint, const TensorIndex& index, std::span<const StateEntry> entries, Match match) {
  std::unordered_set<std::string_view> wanted;
  std::vector<std::string> problems;
  for (const StateEntry& entry : entries) {
    wanted.insert(entry.name);
    const auto found = index.find(entry.name);
    const std::string problem =
        found == index.end()
            ? fmt::format("{}, {} in this run, is missing in the checkpoint", quoted_name(entry.name), describe(entry.tensor.dtype(), entry.tensor.shape()))
            : mismatch(*found->second, entry.role, entry.tensor.dtype(), entry.tensor.shape());
    if (!problem.empty()) problems.push_back(problem);
  }
  for (const TensorRecord& tensor : checkpoint.manifest.tensors) {
    if (wanted.contains(tensor.name) || (match == Match::weights && !is_weight(tensor.role))) continue;
    problems.push_back(fmt::format("{}, {} in the checkpoint, is unknown to this run", quoted_name(tensor.name), describe(tensor.dtype, tensor.shape)));
  }
  fail_if_any(problems, checkpoint.path);
}

}  // namespace

Checkpoint open_checkpoint(const std::filesystem::path& folder) {
  std::error_code ignored;
  const std::filesystem::path manifest_path = folder / kManifestFile;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw Error(ErrorKind::checkpoint, "there is no such folder", folder.string(), "give the folder of one checkpoint, for example RUN/checkpoints/step_00000500");
  }
  if (!std::filesystem::exists(manifest_path, ignored)) {
    throw Error(ErrorKind::checkpoint, fmt::format("not a complete checkpoint: there is no {}", kManifestFile), folder.string(), kUseAnother);
  }
  DecodedManifest decoded = decode(read_small(manifest_path), manifest_path.string());
  const std::string text = read_small(folder / kTextFile);
  if (checksum(text.data(), text.size()) != decoded.text_checksum) fail_damaged(folder / kTextFile, "the manifest's text");
  for (const FileRecord& record : decoded.manifest.files) {
    const InputFile file(folder / record.name, ErrorKind::checkpoint);
    if (file.size_bytes() != record.size_bytes) {
      throw Error(ErrorKind::checkpoint, fmt::format("has {} bytes instead of {}: it is damaged", file.size_bytes(), record.size_bytes),
                  file.path().string(), kUseAnother);
    }
  }
  return {folder, std::move(decoded.manifest)};
}

void verify_part(const Checkpoint& checkpoint, int part, int parts) {
  TESSERA_ASSERT(parts > 0 && part >= 0 && part < parts, "checkpoint part out of range");
  const std::vector<FileRecord>& files = checkpoint.manifest.files;
  for (size_t i = static_cast<size_t>(part); i < files.size(); i += static_cast<size_t>(parts)) {
    const InputFile file(checkpoint.path / files[i].name, ErrorKind::checkpoint);
    const bool holds = file.size_bytes() == files[i].size_bytes && stream(file, 0, file.size_bytes(), [](const std::byte*, size_t) {}) == files[i].checksum;
    if (!holds) fail_damaged(file.path(), "the file");
  }
}

std::optional<Checkpoint> newest_sound(const std::filesystem::path& checkpoints, std::vector<std::string>& skipped) {
  for (const Found& found : list_checkpoints(checkpoints)) {
    try {
      Checkpoint checkpoint = open_checkpoint(found.path);
      verify_part(checkpoint, 0, 1);
      return checkpoint;
    } catch (const Error& problem) {
      skipped.emplace_back(problem.what());
    }
  }
  return {};
}

void read_into(const Checkpoint& checkpoint, std::span<const StateEntry> entries, Match match) {
  const std::vector<StateEntry> distinct = without_ties(entries);
  const TensorIndex index = index_of(checkpoint.manifest);
  check_fit(checkpoint, index, distinct, match);
  PieceReader reader(checkpoint);
  for (const StateEntry& entry : distinct) {
    const bool direct = entry.tensor.is_contiguous();
    const Tensor target = direct ? entry.tensor : Tensor::empty(entry.tensor.shape(), entry.tensor.dtype());
    reader.read(*index.at(entry.name), {entry.name, entry.role, target.shape(), 0, target.reshape({target.elements()})});
    if (!direct) copy_into(target, entry.tensor);
  }
}

void read_slices(const Checkpoint& checkpoint, std::span<const Slice> slices) {
  const TensorIndex index = index_of(checkpoint.manifest);
  PieceReader reader(checkpoint);
  for (const Slice& slice : slices) {
    const auto found = index.find(slice.name);
    if (found == index.end()) fail_if_any({quoted_name(slice.name) + " is missing in the checkpoint"}, checkpoint.path);
    const std::string problem = mismatch(*found->second, slice.role, slice.values.dtype(), slice.shape);
    if (!problem.empty()) fail_if_any({problem}, checkpoint.path);
    reader.read(*found->second, slice);
  }
}

}  // namespace tessera::checkpoint
