// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/format/safetensors.h"
#include "core/format/safetensors_dtype.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct DTypeRow {
  std::string_view name;
  uint64_t bits;
};

constexpr DTypeRow kDTypes[] = {
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F4", 4},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16}, {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},
    {"U32", 32},    {"F32", 32},    {"F64", 64}, {"I64", 64},    {"U64", 64},    {"C64", 64},
};

/// The state of one parse: where errors point to, and the checks on the way.
class HeaderParser {
 public:
  HeaderParser(std::span<const std::byte> file, std::string_view where, ErrorKind kind) : file_(file), where_(where), kind_(kind) {}

  SafetensorsHeader parse() {
    const Json json = parse_json(header_text());
    if (!json.is_object()) fail("the header is not a JSON object");
    SafetensorsHeader header;
    for (const auto& [name, value] : json.items()) {
      if (name == "__metadata__") {
        header.metadata = metadata(value);
      } else {
        header.tensors.push_back(tensor(name, value));
      }
    }
    check_that_tensors_fill_the_file(header.tensors);
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(kind_, "not a sound safetensors file: " + what, where_, "copy or export it anew");
  }
  [[noreturn]] void fail(std::string_view name, const std::string& what) const { fail("tensor " + quoted_name(name) + ": " + what); }

  std::string_view header_text() {
    if (file_.size() < 8) fail("it has " + std::to_string(file_.size()) + " bytes, less than the 8 of the header length");
    uint64_t length_bytes = 0;
    for (size_t i = 8; i-- > 0;) length_bytes = length_bytes << 8 | std::to_integer<uint64_t>(file_[i]);
    if (length_bytes > kMaxSafetensorsHeader_bytes) {
      fail("its header would have " + std::to_string(length_bytes) + " bytes, the format allows " +
           std::to_string(kMaxSafetensorsHeader_bytes));
    }
    if (length_bytes > file_.size() - 8) {
      fail("its header would have " + std::to_string(length_bytes) + " bytes, but the file ends after " + std::to_string(file_.size()) +
           " (truncated?)");
    }
    data_begin_ = 8 + length_bytes;
    return {reinterpret_cast<const char*>(file_.data()) + 8, length_bytes};
  }

  /// nlohmann-json silently keeps the last of equal keys, so watch them go by.
  Json parse_json(std::string_view text) const {
    if (text.empty() || text.front() != '{') fail("the header does not begin with '{'");
    std::vector<std::set<std::string>> keys(3);
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (depth > 3) fail("the header is nested too deeply");
      const auto level = static_cast<size_t>(depth);
      if (event == Json::parse_event_t::object_start && level + 1 < keys.size()) keys[level + 1].clear();
      if (event == Json::parse_event_t::key && level < keys.size()) {
        const auto& name = parsed.get_ref<const std::string&>();
        if (!keys[level].insert(name).second) fail("the header has two entries " + quoted_name(name));
      }
      return true;
    };
    try {
      return Json::parse(text, watch);
    } catch (const Json::exception& error) {
      const auto* at = dynamic_cast<const Json::parse_error*>(&error);
      fail("the header is not JSON" + (at ? " at its byte " + std::to_string(at->byte) : std::string()));
    }
  }

  std::map<std::string, std::string> metadata(const Json& value) const {
    if (!value.is_object()) fail("__metadata__ is not an object");
    std::map<std::string, std::string> result;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("__metadata__ entry " + quoted_name(key) + " is not a string");
      result.emplace(key, text.get<std::string>());
    }
    return result;
  }

  TensorInfo tensor(const std::string& name, const Json& value) const {
    if (!value.is_object()) fail(name, "its entry is not an object");
    TensorInfo info;
    info.name = name;
    const auto dtype = value.find("dtype");
    if (dtype == value.end() || !dtype->is_string()) fail(name, "it has no dtype");
    info.dtype = dtype->get<std::string>();
    const uint64_t bits = safetensors_bits(info.dtype);
    if (bits == 0) fail(name, "its dtype " + quoted_name(info.dtype) + " is unknown");
    for (uint64_t size : integers(name, value, "shape")) info.shape.push_back(static_cast<int64_t>(size));
    const std::vector<uint64_t> offsets = integers(name, value, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) fail(name, "its data_offsets are not [begin, end]");
    const uint64_t data_bytes = file_.size() - data_begin_;
    if (offsets[1] > data_bytes) {
      fail(name, "it ends at byte " + std::to_string(offsets[1]) + " of the data, which have " + std::to_string(data_bytes) +
                     " bytes (truncated?)");
    }
    if (offsets[1] - offsets[0] != size_bytes(info, bits)) {
      fail(name, "its shape and dtype need " + std::to_string(size_bytes(info, bits)) + " bytes, its data_offsets give " +
                     std::to_string(offsets[1] - offsets[0]));
    }
    info.begin = data_begin_ + offsets[0];
    info.end = data_begin_ + offsets[1];
    return info;
  }

  /// Non-negative integers that fit int64.
  std::vector<uint64_t> integers(const std::string& name, const Json& value, const char* key) const {
    const auto found = value.find(key);
    if (found == value.end() || !found->is_array()) fail(name, std::string("it has no ") + key);
    std::vector<uint64_t> result;
    for (const Json& number : *found) {
      if (!number.is_number_unsigned() || number.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
        fail(name, std::string(key) + " holds something that is not an integer from 0 to 2^63-1");
      }
      result.push_back(number.get<uint64_t>());
    }
    return result;
  }

  /// Dims of size 0 are left out of the overflow check's product, so that strides cannot overflow either.
  uint64_t size_bytes(const TensorInfo& info, uint64_t bits) const {
    uint64_t product_bits = bits;
    bool empty = false;
    for (int64_t size : info.shape) {
      empty = empty || size == 0;
      const auto factor = static_cast<uint64_t>(std::max<int64_t>(size, 1));
      if (product_bits > static_cast<uint64_t>(INT64_MAX) / factor) fail(info.name, "its shape overflows 64 bits");
      product_bits *= factor;
    }
    if (empty) return 0;
    if (product_bits % 8 != 0) fail(info.name, "its elements do not fill whole bytes");
    return product_bits / 8;
  }

  void check_that_tensors_fill_the_file(std::vector<TensorInfo>& tensors) const {
    std::sort(tensors.begin(), tensors.end(),
              [](const TensorInfo& a, const TensorInfo& b) { return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name); });
    uint64_t expected = data_begin_;
    for (const TensorInfo& info : tensors) {
      if (info.begin < expected) fail(info.name, "its bytes overlap another tensor's");
      if (info.begin > expected) fail(info.name, std::to_string(info.begin - expected) + " bytes before it belong to no tensor");
      expected = info.end;
    }
    if (expected != file_.size()) fail(std::to_string(file_.size() - expected) + " bytes at its end belong to no tensor");
  }

  std::span<const std::byte> file_;
  std::string_view where_;
  ErrorKind kind_;
  uint64_t data_begin_ = 0;
};

}  // namespace

uint64_t safetensors_bits(std::string_view dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == dtype) return row.bits;
  }
  return 0;
}

std::optional<DType> dtype_from_safetensors(std::string_view dtype) {
  for (DType own : {DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8, DType::boolean}) {
    if (safetensors_name_of(own) == dtype) return own;
  }
  return std::nullopt;
}

std::string_view safetensors_name_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "F32";
    case DType::bf16: return "BF16";
    case DType::f16: return "F16";
    case DType::i64: return "I64";
    case DType::i32: return "I32";
    case DType::u8: return "U8";
    case DType::boolean: return "BOOL";
  }
  return "?";
}

std::string quoted_name(std::string_view name) {
  constexpr size_t kLongest = 200;
  std::string text = "'";
  for (char c : name.substr(0, kLongest)) text.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  return text + (name.size() > kLongest ? "...'" : "'");
}

SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view where, ErrorKind kind) {
  return HeaderParser(file, where, kind).parse();
}

}  // namespace tessera
