// SPDX-License-Identifier: Apache-2.0
#include "core/format/safetensors.h"

#include <cstring>

#include "core/format/half.h"
#include "core/format/safetensors_dtype.h"

namespace tessera {
namespace {

/// Elements may lie at any byte of the file.
template <typename Stored>
Stored element_at(const std::byte* bytes, int64_t i) {
  Stored value;
  std::memcpy(&value, bytes + static_cast<size_t>(i) * sizeof value, sizeof value);
  return value;
}

template <typename Stored, typename Wanted>
void convert(const std::byte* from, Wanted* to, int64_t elements) {
  for (int64_t i = 0; i < elements; ++i) to[i] = static_cast<Wanted>(element_at<Stored>(from, i));
}

template <typename Wanted>
bool convert_integers(std::string_view dtype, const std::byte* from, Wanted* to, int64_t elements) {
  if (dtype == "U8" || dtype == "BOOL") {
    convert<uint8_t>(from, to, elements);
  } else if (dtype == "I8") {
    convert<int8_t>(from, to, elements);
  } else if (dtype == "U16") {
    convert<uint16_t>(from, to, elements);
  } else if (dtype == "I16") {
    convert<int16_t>(from, to, elements);
  } else if (dtype == "U32") {
    convert<uint32_t>(from, to, elements);
  } else if (dtype == "I32") {
    convert<int32_t>(from, to, elements);
  } else if (dtype == "U64") {
    convert<uint64_t>(from, to, elements);
  } else if (dtype == "I64") {
    convert<int64_t>(from, to, elements);
  } else {
    return false;
  }
  return true;
}

bool convert_floats(std::string_view dtype, const std::byte* from, float* to, int64_t elements) {
  if (dtype == "F32") {
    convert<float>(from, to, elements);
  } else if (dtype == "F64") {
    convert<double>(from, to, elements);
  } else if (dtype == "F16") {
    for (int64_t i = 0; i < elements; ++i) to[i] = f32_from_f16(element_at<uint16_t>(from, i));
  } else if (dtype == "BF16") {
    for (int64_t i = 0; i < elements; ++i) to[i] = f32_from_bf16(element_at<uint16_t>(from, i));
  } else {
    return false;
  }
  return true;
}

}  // namespace

int64_t TensorInfo::elements() const {
  int64_t product = 1;
  for (int64_t size : shape) product *= size;
  return product;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, ErrorKind kind)
    : map_(std::make_shared<const MappedFile>(path, kind)), kind_(kind), header_(parse_safetensors(map_->bytes(), path.string(), kind)) {
  for (size_t i = 0; i < header_.tensors.size(); ++i) index_.emplace(header_.tensors[i].name, i);
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, position] : index_) names.push_back(name);
  return names;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.tensors[found->second];
}

const TensorInfo& SafetensorsFile::info(std::string_view name) const {
  if (const TensorInfo* found = find(name)) return *found;
  std::string some;
  for (const auto& [known, position] : index_) {
    if (some.size() > 200) {
      some += ", ...";
      break;
    }
    some += (some.empty() ? "" : ", ") + quoted_name(known);
  }
  throw Error(kind_, "there is no tensor " + quoted_name(name), path().string(),
              some.empty() ? "the file has none" : "the file has " + some);
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorInfo& info) const {
  return map_->bytes().subspan(info.begin, info.size_bytes());
}

void SafetensorsFile::fail(const TensorInfo& info, std::string_view what, std::string_view fix) const {
  throw Error(kind_, "tensor " + quoted_name(info.name) + " " + std::string(what), path().string(), fix);
}

Shape SafetensorsFile::shape_of(const TensorInfo& info) const {
  if (info.shape.size() > Shape::kMaxDims) {
    fail(info, "has " + std::to_string(info.shape.size()) + " dims", "reshape it to at most " + std::to_string(Shape::kMaxDims));
  }
  return Shape(std::span<const int64_t>(info.shape));
}

Tensor SafetensorsFile::tensor(std::string_view name) const {
  const TensorInfo& entry = info(name);
  const auto dtype = dtype_from_safetensors(entry.dtype);
  if (!dtype)
    fail(entry, "has dtype " + entry.dtype + ", which Tessera does not compute with", "convert it to F32, BF16, F16, I64, I32, U8 or BOOL");
  const Shape shape = shape_of(entry);
  const std::span<const std::byte> source = bytes(entry);
  for (std::byte value : entry.dtype == "BOOL" ? source : std::span<const std::byte>()) {
    if (value > std::byte{1}) fail(entry, "holds a byte that is neither true nor false", "copy or export the file anew");
  }
  if (source.empty()) return Tensor::empty(shape, *dtype);
  if (reinterpret_cast<uintptr_t>(source.data()) % size_bytes_of(*dtype) == 0) {
    return Tensor::over(const_cast<std::byte*>(source.data()), shape, *dtype, map_);
  }
  Tensor copy = Tensor::empty(shape, *dtype);
  std::memcpy(copy.bytes(), source.data(), source.size());
  return copy;
}

Tensor SafetensorsFile::tensor_as(std::string_view name, DType dtype) const {
  const TensorInfo& entry = info(name);
  if (dtype_from_safetensors(entry.dtype) == dtype) return tensor(name);
  Tensor result = Tensor::empty(shape_of(entry), dtype);
  const std::byte* from = bytes(entry).data();
  const int64_t elements = result.elements();
  bool converted = false;
  if (dtype == DType::f32) {
    converted = convert_floats(entry.dtype, from, result.data<float>(), elements) ||
                convert_integers(entry.dtype, from, result.data<float>(), elements);
  } else if (dtype == DType::i64) {
    converted = convert_integers(entry.dtype, from, result.data<int64_t>(), elements);
    for (int64_t i = 0; entry.dtype == "U64" && i < elements; ++i) {
      if (result.data<int64_t>()[i] < 0) fail(entry, "holds a number above 2^63-1", "store it as I64");
    }
  }
  if (!converted) {
    fail(entry, "has dtype " + entry.dtype + ", which cannot become " + std::string(name_of(dtype)), "convert it in the file");
  }
  return result;
}

}  // namespace tessera
