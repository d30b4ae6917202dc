// SPDX-License-Identifier: Apache-2.0
#include "core/format/safetensors_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/format/safetensors_dtype.h"

namespace tessera {
namespace {

/// A JSON string; throws on bytes that are not UTF-8.
std::string json_string(const std::string& text, const std::string& where, ErrorKind kind) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(kind, "name " + quoted_name(text) + " is not UTF-8", where, "rename it");
  }
}

void append_length(std::string& out, uint64_t value) {
  for (int byte = 0; byte < 8; ++byte) out.push_back(static_cast<char>(value >> (8 * byte) & 0xff));
}

}  // namespace

uint64_t SafetensorsEntry::size_bytes() const {
  uint64_t product = size_bytes_of(dtype);
  for (int64_t size : shape) product *= static_cast<uint64_t>(size);
  return product;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsEntry> entries,
                                     const std::map<std::string, std::string>& metadata, ErrorKind kind)
    : where_(path.string()), kind_(kind), entries_(std::move(entries)), file_(std::make_unique<OutputFile>(path, kind)) {
  begin(metadata);
}

SafetensorsWriter::SafetensorsWriter(ByteSink sink, std::vector<SafetensorsEntry> entries,
                                     const std::map<std::string, std::string>& metadata, ErrorKind kind)
    : where_("safetensors stream"), kind_(kind), entries_(std::move(entries)), sink_(std::move(sink)) {
  begin(metadata);
}

void SafetensorsWriter::begin(const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      if (header.back() != '{') header += ",";
      header += json_string(key, where_, kind_) + ":" + json_string(value, where_, kind_);
    }
    header += "}";
  }
  std::set<std::string_view> names{"__metadata__"};
  uint64_t offset = 0;
  for (const SafetensorsEntry& entry : entries_) {
    if (!names.insert(entry.name).second) throw Error(kind_, "two tensors would be named " + quoted_name(entry.name), where_);
    if (header.size() > 1) header += ",";
    offsets_.push_back(offset);
    const uint64_t end = offset + entry.size_bytes();
    header += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_string(entry.name, where_, kind_),
                          safetensors_name_of(entry.dtype), fmt::join(entry.shape, ","), offset, end);
    offset = end;
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > kMaxSafetensorsHeader_bytes) throw Error(kind_, "the header would be longer than the format allows", where_);
  std::string start;
  append_length(start, header.size());
  start += header;
  for (uint64_t& begin_byte : offsets_) begin_byte += start.size();
  file_size_bytes_ = start.size() + offset;
  emit(start.data(), start.size());
  skip_finished();
}

void SafetensorsWriter::emit(const void* bytes, size_t size_bytes) {
  if (file_) {
    file_->write(bytes, size_bytes);
  } else {
    sink_(bytes, size_bytes);
  }
}

void SafetensorsWriter::skip_finished() {
  while (current_ < entries_.size() && written_bytes_ == entries_[current_].size_bytes()) {
    ++current_;
    written_bytes_ = 0;
  }
}

void SafetensorsWriter::write(const void* bytes, size_t size_bytes) {
  if (size_bytes == 0) return;
  TESSERA_ASSERT(current_ < entries_.size() && size_bytes <= entries_[current_].size_bytes() - written_bytes_,
                 "safetensors: more bytes written than the tensor has");
  emit(bytes, size_bytes);
  written_bytes_ += size_bytes;
  skip_finished();
}

void SafetensorsWriter::write(const Tensor& tensor) {
  if (tensor.elements() == 0) return;
  TESSERA_ASSERT(current_ < entries_.size() && written_bytes_ == 0, "safetensors: no tensor begins here");
  const SafetensorsEntry& entry = entries_[current_];
  TESSERA_ASSERT(entry.dtype == tensor.dtype() && tensor.shape() == Shape(std::span<const int64_t>(entry.shape)),
                 "safetensors: the tensor is not the entry's");
  const Tensor dense = contiguous(tensor);
  write(dense.bytes(), dense.size_bytes());
}

void SafetensorsWriter::close() {
  TESSERA_ASSERT(current_ == entries_.size(), "safetensors: closed before every tensor was written");
  if (file_) file_->sync_and_close();
  file_.reset();
}

}  // namespace tessera
