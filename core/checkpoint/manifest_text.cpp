// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/checkpoint/manifest.h"

namespace tessera::checkpoint {
namespace {

std::string text_of(const StateValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  return fmt::format("{} bytes", std::get<std::string>(value).size());
}

std::string text_of(const TensorRecord& tensor, const std::vector<FileRecord>& files) {
  std::string text = fmt::format("  {}  {}  {} {}\n", tensor.name, name_of(tensor.role), tessera::name_of(tensor.dtype), tensor.shape.text());
  for (const Piece& piece : tensor.pieces) {
    text += fmt::format("    elements {} to {} in {} at byte {}  xxh3 {:016x}\n", piece.begin_elements, piece.end_elements,
                        files[piece.file].name, piece.offset_bytes, piece.checksum);
  }
  return text;
}

/// Times in a manifest come from a file and may be any number.
std::string date_of(double seconds) {
  constexpr double kYear10000_s = 253402300800;
  if (!(seconds >= 0 && seconds < kYear10000_s)) return "unknown";
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

}  // namespace

std::string text_of(const Manifest& manifest) {
  std::string text = fmt::format("Tessera checkpoint, schema {}. For reading only: the trainer uses manifest.pb.\n\n", manifest.schema);
  const auto line = [&](std::string_view key, const auto& value) { text += fmt::format("{:<18} {}\n", key, value); };
  line("step", manifest.step);
  line("samples_seen", manifest.samples_seen);
  line("samples_per_epoch", manifest.samples_per_epoch);
  line("recipe_hash", manifest.recipe_hash);
  line("platform", manifest.platform);
  line("data_set", manifest.data_set);
  line("seed", manifest.seed);
  line("world_size", manifest.world_size);
  line("saved_at", date_of(manifest.saved_at_s));
  line("wall_s", fmt::format("{:.1f}", manifest.wall_s));
  text += "\nfiles\n";
  for (const FileRecord& file : manifest.files) {
    text += fmt::format("  {}  {} bytes  xxh3 {:016x}\n", file.name, file.size_bytes, file.checksum);
  }
  text += "\ntensors\n";
  for (const TensorRecord& tensor : manifest.tensors) text += text_of(tensor, manifest.files);
  text += "\nstate\n";
  for (const auto& [key, value] : manifest.state) text += fmt::format("  {} = {}\n", key, text_of(value));
  return text + "\nrecipe\n" + manifest.recipe;
}

}  // namespace tessera::checkpoint
