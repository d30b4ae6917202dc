// SPDX-License-Identifier: Apache-2.0
// What a data set is to the rest of the program: samples by index, and batches of them as named tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera::data {

inline constexpr std::string_view kInputs = "inputs";
inline constexpr std::string_view kTargets = "targets";
inline constexpr std::string_view kWeights = "weights";
/// Of texts: i64 [tokens], 0 in the first of a pair and 1 in the second; and i64 [], tokens that count.
inline constexpr std::string_view kTokenTypes = "token_types";
inline constexpr std::string_view kLengths = "lengths";
/// Of pairs of texts: i64 [], 0 where the second follows the first in its document, 1 where it is from another one.
inline constexpr std::string_view kNextSentence = "next_sentence";
/// Target of a skipped sample.
inline constexpr int64_t kSkippedClass = -1;

/// What becomes of a sample that cannot be read.
enum class OnError {
  stop,  ///< the error goes to whoever asked for the batch
  skip,  ///< it keeps its place and weighs nothing
};

/// One tensor of a sample. Images have shape [C, H, W] and lie in memory as H, W, C.
struct Field {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  ///< of one sample
  bool image = false;
  bool sequence = false;  ///< the first dim is places, of which Dataset::length() count; batches are cut to what their longest sample needs

  size_t sample_bytes() const { return static_cast<size_t>(shape.elements()) * size_bytes_of(dtype); }
  /// An uninitialised batch [samples, shape...], channels-last if an image; sample i begins at byte i * sample_bytes().
  Tensor empty_batch(int64_t samples) const;
};

/// What the reading of a sample may depend on besides its index; augmentations key their random numbers by it.
struct SampleContext {
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t position = 0;   ///< samples since the beginning of the run
  bool training = false;  ///< evaluation sees samples as they are
};

/// How the numbers of a channel become shares of full brightness again: number * factor + offset.
struct Brightness {
  double offset = 0.0, factor = 1.0;
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t samples() const = 0;
  virtual const std::vector<Field>& fields() const = 0;
  /// Writes sample `index` to one place a field, in the order of fields(), sample_bytes() each. Thread-safe; a pure
  /// function of index and context.
  virtual void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const = 0;
  /// Hexadecimal; equal for equal samples, whatever files they come from.
  virtual std::string fingerprint() const = 0;
  /// Targets are class ids below this number, where they are class ids.
  virtual std::optional<int64_t> classes() const { return std::nullopt; }
  /// The class id of every sample, in their order; empty where samples have no class.
  virtual std::vector<int32_t> labels() const { return {}; }
  /// Places of a sample's sequences that count, at least 1; nothing where samples have no sequences of a length of their own.
  virtual std::optional<int64_t> length(int64_t /*index*/) const { return std::nullopt; }
  /// Token ids are below this number, where inputs are such.
  virtual std::optional<int64_t> vocabulary() const { return std::nullopt; }
  /// What class ids stand for; empty where the data do not say.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// Of each channel of an image; empty where it is not known.
  virtual std::vector<Brightness> brightness() const { return {}; }
};

/// A sample that could not be read.
struct SkippedSample {
  int64_t index = 0;
  std::string problem;  ///< one line
};

/// The tensors of the data set's fields and, where broken samples are skipped, `weights` f32 [samples]: 1, or 0 for a skipped sample, which is all zeros
/// but for its integer targets, which are -1, and its length, 1. Sequences have as many places as the longest sample, rounded up to a multiple of 8, as far as the field has so many.
struct Batch {
  int64_t step = 0;
  int64_t quantum = 0;         ///< for evaluation: the number of the chunk
  int64_t first_position = 0;  ///< for evaluation: the index of the first sample
  int64_t samples = 0;
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<SkippedSample> skipped;

  /// nullptr where there is no such tensor.
  const Tensor* find(std::string_view name) const;
  /// Throws Error(runtime) naming the tensors there are.
  const Tensor& at(std::string_view name) const;
};

/// Throws Error(usage) listing the splits there are unless `split` is among them.
void check_split(std::string_view split, std::span<const std::string> known);

/// Throws Error(usage) for a negative data.limit_samples.
void check_limit(int64_t limit_samples);

/// 16 hexadecimal digits.
std::string hex(uint64_t value);

}  // namespace tessera::data
