// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/base/error.h"
#include "core/checkpoint/manifest.h"
#include "core/format/safetensors_dtype.h"

namespace tessera::checkpoint {
namespace {

/// Says of one checkpoint what is wrong.
class Validator {
 public:
  Validator(const Manifest& manifest, std::string_view where) : manifest_(manifest), where_(where) {}

  void run() const {
    check(manifest_.schema == kManifestSchema, fmt::format("unknown schema {}", manifest_.schema));
    check(manifest_.step >= 0 && manifest_.samples_seen >= 0 && manifest_.samples_per_epoch >= 0, "a step or sample count is negative");
    check(manifest_.world_size > 0, "world size 0");
    check_files();
    std::set<std::string_view> names;
    for (const TensorRecord& tensor : manifest_.tensors) {
      check(names.insert(tensor.name).second, fmt::format("tensor {} stands there twice", quoted_name(tensor.name)));
      check_tensor(tensor);
    }
  }

 private:
  void check(bool condition, const std::string& what) const {
    if (!condition) throw Error(ErrorKind::checkpoint, what, where_, "resume from another checkpoint");
  }

  void check_files() const {
    std::set<std::string_view> names{"manifest.pb", "manifest.txt"};
    for (const FileRecord& file : manifest_.files) {
      const bool plain = !file.name.empty() && file.name[0] != '.' && std::ranges::all_of(file.name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      });
      check(plain, fmt::format("{} is no name of a part", quoted_name(file.name)));
      check(names.insert(file.name).second, fmt::format("file {} stands there twice", file.name));
    }
  }

  void check_tensor(const TensorRecord& tensor) const {
    const std::string name = quoted_name(tensor.name);
    const uint64_t element_bytes = size_bytes_of(tensor.dtype);
    check(has_sane_shape(tensor), fmt::format("tensor {} has the impossible shape {}", name, tensor.shape.text()));
    int64_t covered = 0;
    for (const Piece& piece : tensor.pieces) {
      check(piece.file < manifest_.files.size(), fmt::format("tensor {} lies in a file that is not listed", name));
      check(piece.begin_elements == covered && piece.end_elements > covered,
            fmt::format("the pieces of tensor {} do not follow each other at element {}", name, covered));
      check(piece.end_elements <= tensor.shape.elements(), fmt::format("the pieces of tensor {} go past its end", name));
      const FileRecord& file = manifest_.files[piece.file];
      const uint64_t size_bytes = static_cast<uint64_t>(piece.end_elements - piece.begin_elements) * element_bytes;
      check(size_bytes <= file.size_bytes && piece.offset_bytes <= file.size_bytes - size_bytes,
            fmt::format("tensor {} goes past the end of {}", name, file.name));
      covered = piece.end_elements;
    }
    check(covered == tensor.shape.elements(), fmt::format("tensor {} has {} elements, {} are stored", name, tensor.shape.elements(), covered));
  }

  /// No negative dim, and a size in bytes that fits 62 bits.
  static bool has_sane_shape(const TensorRecord& tensor) {
    int64_t rest = (int64_t{1} << 62) / static_cast<int64_t>(size_bytes_of(tensor.dtype));
    for (int64_t size : tensor.shape) {
      if (size < 0 || size > rest) return false;
      rest /= std::max<int64_t>(size, 1);
    }
    return true;
  }

  const Manifest& manifest_;
  std::string_view where_;
};

/// Appends the pieces of one tensor of one part; `file` is the part's index.
void merge_tensor(TensorRecord& whole, const TensorRecord& part, uint32_t file, std::string_view where) {
  const bool same = whole.role == part.role && whole.dtype == part.dtype && whole.shape == part.shape;
  if (!same) throw Error(ErrorKind::checkpoint, fmt::format("ranks disagree about tensor {}", quoted_name(part.name)), where, "please report this");
  for (Piece piece : part.pieces) {
    piece.file = file;
    whole.pieces.push_back(piece);
  }
}

}  // namespace

void validate(const Manifest& manifest, std::string_view where) { Validator(manifest, where).run(); }

void add_parts(Manifest& manifest, std::span<const PartRecord> parts, std::string_view where) {
  std::unordered_map<std::string, size_t> index;
  for (const PartRecord& part : parts) {
    const auto file = static_cast<uint32_t>(manifest.files.size());
    manifest.files.push_back(part.file);
    for (const TensorRecord& tensor : part.tensors) {
      const auto [place, is_new] = index.emplace(tensor.name, manifest.tensors.size());
      if (is_new) manifest.tensors.push_back({tensor.name, tensor.role, tensor.dtype, tensor.shape, {}});
      merge_tensor(manifest.tensors[place->second], tensor, file, where);
    }
  }
  for (TensorRecord& tensor : manifest.tensors) std::ranges::sort(tensor.pieces, {}, &Piece::begin_elements);
  validate(manifest, where);
}

}  // namespace tessera::checkpoint
