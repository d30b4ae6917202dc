// SPDX-License-Identifier: Apache-2.0
// The table of contents of a checkpoint folder, and how it lies on disk (manifest.proto).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/checkpoint/state.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace tessera::checkpoint {

/// The layout that this build writes, and the newest that it reads.
inline constexpr uint32_t kManifestSchema = 1;

struct FileRecord {
  std::string name;  ///< inside the checkpoint folder
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  ///< XXH3 of the whole file

  bool operator==(const FileRecord&) const = default;
};

/// Elements [begin, end) of a tensor, in logical row-major order, lie at `offset_bytes` of a file.
struct Piece {
  uint32_t file = 0;  ///< index in Manifest::files
  uint64_t offset_bytes = 0;
  int64_t begin_elements = 0;
  int64_t end_elements = 0;
  uint64_t checksum = 0;

  bool operator==(const Piece&) const = default;
};

struct TensorRecord {
  std::string name;
  TensorRole role = TensorRole::other;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<Piece> pieces;  ///< sorted by begin_elements

  bool operator==(const TensorRecord&) const = default;
};

/// A number or bytes that some part of a run wants back: an optimizer's loss scale, say.
using StateValue = std::variant<int64_t, double, std::string>;

struct Manifest {
  uint32_t schema = kManifestSchema;
  int64_t step = 0;               ///< optimizer updates done
  int64_t samples_seen = 0;       ///< the data position, over all epochs
  int64_t samples_per_epoch = 0;  ///< 0 where the data has no end
  std::string recipe;             ///< resolved YAML
  std::string recipe_hash;        ///< of the keys that change the mathematics
  std::string platform;           ///< fingerprint
  std::string data_set;           ///< fingerprint
  uint64_t seed = 0;
  uint32_t world_size = 1;  ///< ranks that wrote it
  double saved_at_s = 0;    ///< seconds since 1970
  double wall_s = 0;        ///< training time so far
  std::vector<FileRecord> files;
  std::vector<TensorRecord> tensors;
  std::map<std::string, StateValue> state;

  /// Null where there is no such tensor.
  const TensorRecord* find(std::string_view name) const;
  uint64_t size_bytes() const;  ///< of all files

  bool operator==(const Manifest&) const = default;
};

/// Throws Error(checkpoint) of one line that begins with `where` unless every piece lies in its file, the pieces of each
/// tensor cover it exactly once, and names, shapes and numbers make sense.
void validate(const Manifest& manifest, std::string_view where);

/// The text twin, for people.
std::string text_of(const Manifest& manifest);

/// What goes to disk.
struct EncodedManifest {
  std::string envelope;  ///< manifest.pb
  std::string text;      ///< manifest.txt
};
EncodedManifest encode(const Manifest& manifest);

/// What manifest.pb holds, checked and validated.
struct DecodedManifest {
  Manifest manifest;
  uint64_t text_checksum = 0;  ///< of manifest.txt
};
DecodedManifest decode(std::string_view envelope, std::string_view where);

/// The inner message, without its checksum; validated.
Manifest parse_manifest(std::string_view bytes, std::string_view where);

/// What a rank tells of the file that it wrote; `file` of all pieces is 0.
struct PartRecord {
  FileRecord file;
  std::vector<TensorRecord> tensors;

  std::string to_bytes() const;
  static PartRecord from_bytes(std::string_view bytes);
};

/// Adds the files and tensors of the parts to `manifest`, and validates it.
void add_parts(Manifest& manifest, std::span<const PartRecord> parts, std::string_view where);

}  // namespace tessera::checkpoint
