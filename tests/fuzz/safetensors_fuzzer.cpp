// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: refused with a data error of one line, or sound and the same after writing anew.
#include <cstdint>
#include <string>

#include "core/format/safetensors.h"
#include "core/format/safetensors_dtype.h"
#include "core/format/safetensors_writer.h"
#include "tests/fuzz/require.h"

namespace {

using namespace tessera;

void check_layout(const SafetensorsHeader& header, size_t file_bytes) {
  uint64_t previous = header.tensors.empty() ? file_bytes : header.tensors.front().begin;
  for (const TensorInfo& info : header.tensors) {
    require(info.begin == previous && info.end >= info.begin, "a gap or an overlap");
    previous = info.end;
    require(static_cast<uint64_t>(info.elements()) * safetensors_bits(info.dtype) == info.size_bytes() * 8, "the size is not the shape's");
  }
  require(previous == file_bytes, "the tensors do not fill the file");
}

void check_round_trip(const SafetensorsHeader& header) {
  std::vector<SafetensorsEntry> entries;
  for (const TensorInfo& info : header.tensors) {
    const auto dtype = dtype_from_safetensors(info.dtype);
    if (dtype) entries.push_back({info.name, *dtype, info.shape});
  }
  std::string file;
  const auto append = [&](const void* bytes, size_t size_bytes) { file.append(static_cast<const char*>(bytes), size_bytes); };
  SafetensorsWriter writer(append, entries, header.metadata);
  for (const SafetensorsEntry& entry : entries) {
    const std::string content(entry.size_bytes(), '\0');
    writer.write(content.data(), content.size());
  }
  writer.close();
  const SafetensorsHeader again = parse_safetensors(std::as_bytes(std::span(file)), "written", ErrorKind::runtime);
  require(again.metadata == header.metadata, "other metadata after writing");
  require(again.tensors.size() == entries.size(), "other tensors after writing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SafetensorsHeader header;
  try {
    header = parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz", ErrorKind::data);
  } catch (const Error& error) {
    require_refusal(error, ErrorKind::data);
    return 0;
  }
  check_layout(header, size);
  check_round_trip(header);
  return 0;
}
