// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/checkpoint/folder.h"
#include "core/checkpoint/reader.h"
#include "core/format/safetensors_writer.h"

namespace tessera::checkpoint {
namespace {

SafetensorsEntry entry_of(const Slice& slice) {
  if (slice.is_whole()) return {slice.name, slice.values.dtype(), {slice.shape.begin(), slice.shape.end()}};
  return {fmt::format("{}[{}:{}]", slice.name, slice.begin_elements, slice.end_elements()), slice.values.dtype(), {slice.values.elements()}};
}

TensorRecord record_of(const Slice& slice, uint64_t offset_bytes) {
  TensorRecord record{slice.name, slice.role, slice.values.dtype(), slice.shape, {}};
  if (slice.values.elements() > 0) {
    const uint64_t sum = checksum(slice.values.bytes(), slice.values.size_bytes());
    record.pieces.push_back({0, offset_bytes, slice.begin_elements, slice.end_elements(), sum});
  }
  return record;
}

PartRecord write_slices(const std::filesystem::path& path, std::span<const Slice> slices) {
  std::vector<SafetensorsEntry> entries;
  for (const Slice& slice : slices) entries.push_back(entry_of(slice));
  OutputFile file(path, ErrorKind::checkpoint);
  Checksum sum;
  const auto sink = [&](const void* bytes, size_t size_bytes) {
    file.write(bytes, size_bytes);
    sum.update(bytes, size_bytes);
  };
  SafetensorsWriter writer(sink, std::move(entries));
  PartRecord record;
  for (size_t i = 0; i < slices.size(); ++i) {
    writer.write(slices[i].values.bytes(), slices[i].values.size_bytes());
    record.tensors.push_back(record_of(slices[i], writer.offsets()[i]));
  }
  writer.close();
  file.sync_and_close();
  record.file = {path.filename().string(), writer.file_size_bytes(), sum.value()};
  return record;
}

/// Runs what writes; its failure gets the advice that is due when a disk is full.
template <typename Action>
auto advised(Action action) {
  try {
    return action();
  } catch (const Error& problem) {
    throw Error(ErrorKind::checkpoint, problem.what(), {}, "make room there (checkpoint.keep_last bounds how many are kept), or save elsewhere with --out");
  }
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  OutputFile file(path, ErrorKind::checkpoint);
  file.write(content.data(), content.size());
  file.sync_and_close();
}

/// A rank on another host may have written to another disk of the same path.
void check_files(const std::filesystem::path& temporary, const Manifest& manifest) {
  for (const FileRecord& file : manifest.files) {
    std::error_code ignored;
    if (std::filesystem::file_size(temporary / file.name, ignored) == file.size_bytes) continue;
    throw Error(ErrorKind::checkpoint, "a rank wrote this file, but it is not here", (temporary / file.name).string(),
                "give --out a folder that every host shares");
  }
}

bool is_sound(const std::filesystem::path& folder) {
  try {
    verify_part(open_checkpoint(folder), 0, 1);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::filesystem::path move_aside(const std::filesystem::path& folder) {
  std::filesystem::path aside = with_suffix(folder, ".unsound");
  for (int i = 2; std::filesystem::exists(aside); ++i) aside = with_suffix(folder, fmt::format(".unsound.{}", i).c_str());
  rename_path(folder, aside);
  return aside;
}

/// Puts `fresh` in the place of the sound `folder`. Where the file system cannot exchange two names in one step, the old one is
/// for a moment named .replaced, and remove_leftovers() brings it back if the run dies in that moment.
void exchange(const std::filesystem::path& fresh, const std::filesystem::path& folder) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(folder.parent_path(), ErrorKind::checkpoint);
    remove_folder(fresh);
    return;
  }
  const std::filesystem::path replaced = with_suffix(folder, ".replaced");
  remove_folder(replaced);
  rename_path(folder, replaced);
  rename_path(fresh, folder);
  sync_folder(folder.parent_path(), ErrorKind::checkpoint);
  remove_folder(replaced);
}

}  // namespace

std::filesystem::path begin(const std::filesystem::path& checkpoints, int64_t step) {
  const std::filesystem::path temporary = with_suffix(folder_of(checkpoints, step), ".tmp");
  remove_folder(temporary);
  std::error_code problem;
  std::filesystem::create_directories(temporary, problem);
  if (problem) throw Error(ErrorKind::checkpoint, "cannot create folder: " + problem.message(), temporary.string(), "choose another --out or make it writable");
  sync_folder(checkpoints.has_parent_path() ? checkpoints.parent_path() : ".", ErrorKind::checkpoint);
  return temporary;
}

PartRecord write_part(const std::filesystem::path& temporary, std::span<const Slice> slices, int part) {
  const std::filesystem::path path = temporary / fmt::format("part_{:05}.safetensors", part);
  try {
    return advised([&] { return write_slices(path, slices); });
  } catch (const Error&) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    throw;
  }
}

Committed commit(const std::filesystem::path& checkpoints, Manifest manifest, std::span<const PartRecord> parts) {
  const std::filesystem::path folder = folder_of(checkpoints, manifest.step);
  const std::filesystem::path temporary = with_suffix(folder, ".tmp");
  add_parts(manifest, parts, temporary.string());
  check_files(temporary, manifest);
  const EncodedManifest encoded = encode(manifest);
  decode(encoded.envelope, temporary.string());  // what cannot be read back must not become a checkpoint
  advised([&] {
    write_file(temporary / kTextFile, encoded.text);
    write_file(temporary / kManifestFile, encoded.envelope);
    sync_folder(temporary, ErrorKind::checkpoint);
  });

  Committed committed{folder, {}};
  if (std::filesystem::exists(std::filesystem::symlink_status(folder))) {
    if (is_sound(folder)) {
      exchange(temporary, folder);
      return committed;
    }
    committed.moved_aside = move_aside(folder);
  }
  rename_path(temporary, folder);
  sync_folder(checkpoints, ErrorKind::checkpoint);
  return committed;
}

void abandon(const std::filesystem::path& checkpoints, int64_t step) noexcept {
  try {
    remove_folder(with_suffix(folder_of(checkpoints, step), ".tmp"));
  } catch (const std::exception&) {
    // What is left is named .tmp, and the next run removes it.
  }
}

Committed save(const std::filesystem::path& checkpoints, const Manifest& manifest, std::span<const StateEntry> entries, int parts) {
  try {
    const std::filesystem::path temporary = begin(checkpoints, manifest.step);
    std::vector<PartRecord> records;
    for (int part = 0; part < parts; ++part) records.push_back(write_part(temporary, plan_part(entries, part, parts), part));
    return commit(checkpoints, manifest, records);
  } catch (...) {
    abandon(checkpoints, manifest.step);
    throw;
  }
}

}  // namespace tessera::checkpoint
