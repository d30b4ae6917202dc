// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/checkpoint/manifest.pb.h"
#include "core/format/safetensors_dtype.h"

namespace tessera::checkpoint {
namespace {

constexpr std::array kDTypes{DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8, DType::boolean};

[[noreturn]] void fail(std::string_view where, const std::string& what) {
  throw Error(ErrorKind::checkpoint, what, where, "resume from another checkpoint");
}

proto::Tensor::Role to_proto(TensorRole role) { return static_cast<proto::Tensor::Role>(static_cast<int>(role) + 1); }

void to_proto(const FileRecord& file, proto::File& out) {
  out.set_name(file.name);
  out.set_size_bytes(file.size_bytes);
  out.set_checksum(file.checksum);
}

void to_proto(const TensorRecord& tensor, proto::Tensor& out) {
  out.set_name(tensor.name);
  out.set_role(to_proto(tensor.role));
  out.set_dtype(std::string(tessera::name_of(tensor.dtype)));
  for (int64_t size : tensor.shape) out.add_shape(size);
  for (const Piece& piece : tensor.pieces) {
    proto::Piece& stored = *out.add_pieces();
    stored.set_file(piece.file);
    stored.set_offset_bytes(piece.offset_bytes);
    stored.set_begin_elements(piece.begin_elements);
    stored.set_end_elements(piece.end_elements);
    stored.set_checksum(piece.checksum);
  }
}

void to_proto(const std::string& key, const StateValue& value, proto::Value& out) {
  out.set_key(key);
  if (const auto* integer = std::get_if<int64_t>(&value)) out.set_integer(*integer);
  if (const auto* real = std::get_if<double>(&value)) out.set_real(*real);
  if (const auto* data = std::get_if<std::string>(&value)) out.set_data(*data);
}

proto::Manifest to_proto(const Manifest& manifest) {
  proto::Manifest out;
  out.set_schema(manifest.schema);
  out.set_step(manifest.step);
  out.set_samples_seen(manifest.samples_seen);
  out.set_samples_per_epoch(manifest.samples_per_epoch);
  out.set_recipe(manifest.recipe);
  out.set_recipe_hash(manifest.recipe_hash);
  out.set_platform(manifest.platform);
  out.set_data_set(manifest.data_set);
  out.set_seed(manifest.seed);
  out.set_world_size(manifest.world_size);
  out.set_saved_at_s(manifest.saved_at_s);
  out.set_wall_s(manifest.wall_s);
  for (const FileRecord& file : manifest.files) to_proto(file, *out.add_files());
  for (const TensorRecord& tensor : manifest.tensors) to_proto(tensor, *out.add_tensors());
  for (const auto& [key, value] : manifest.state) to_proto(key, value, *out.add_state());
  return out;
}

FileRecord from_proto(const proto::File& file) { return {file.name(), file.size_bytes(), file.checksum()}; }

TensorRecord from_proto(const proto::Tensor& tensor, std::string_view where) {
  const std::string name = quoted_name(tensor.name());
  if (tensor.role() == proto::Tensor::UNKNOWN || !proto::Tensor::Role_IsValid(tensor.role())) {
    fail(where, fmt::format("tensor {} has an unknown role", name));
  }
  const auto dtype = std::ranges::find(kDTypes, tensor.dtype(), [](DType known) { return tessera::name_of(known); });
  if (dtype == kDTypes.end()) fail(where, fmt::format("tensor {} has unknown dtype {}", name, quoted_name(tensor.dtype())));
  if (static_cast<size_t>(tensor.shape_size()) > Shape::kMaxDims) fail(where, fmt::format("tensor {} has too many dims", name));
  TensorRecord record{tensor.name(), static_cast<TensorRole>(tensor.role() - 1), *dtype,
                      Shape(std::span<const int64_t>(tensor.shape().data(), static_cast<size_t>(tensor.shape_size()))), {}};
  for (const proto::Piece& piece : tensor.pieces()) {
    record.pieces.push_back({piece.file(), piece.offset_bytes(), piece.begin_elements(), piece.end_elements(), piece.checksum()});
  }
  return record;
}

StateValue from_proto(const proto::Value& value, std::string_view where) {
  switch (value.value_case()) {
    case proto::Value::kInteger: return value.integer();
    case proto::Value::kReal: return value.real();
    case proto::Value::kData: return value.data();
    case proto::Value::VALUE_NOT_SET: break;
  }
  fail(where, fmt::format("state {} has no value", quoted_name(value.key())));
}

Manifest from_proto(const proto::Manifest& stored, std::string_view where) {
  Manifest manifest;
  manifest.schema = stored.schema();
  manifest.step = stored.step();
  manifest.samples_seen = stored.samples_seen();
  manifest.samples_per_epoch = stored.samples_per_epoch();
  manifest.recipe = stored.recipe();
  manifest.recipe_hash = stored.recipe_hash();
  manifest.platform = stored.platform();
  manifest.data_set = stored.data_set();
  manifest.seed = stored.seed();
  manifest.world_size = stored.world_size();
  manifest.saved_at_s = stored.saved_at_s();
  manifest.wall_s = stored.wall_s();
  for (const proto::File& file : stored.files()) manifest.files.push_back(from_proto(file));
  for (const proto::Tensor& tensor : stored.tensors()) manifest.tensors.push_back(from_proto(tensor, where));
  for (const proto::Value& value : stored.state()) {
    if (!manifest.state.emplace(value.key(), from_proto(value, where)).second) {
      fail(where, fmt::format("state {} stands there twice", quoted_name(value.key())));
    }
  }
  return manifest;
}

bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
  return bytes.size() <= INT32_MAX && message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

const TensorRecord* Manifest::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &TensorRecord::name);
  return found == tensors.end() ? nullptr : &*found;
}

uint64_t Manifest::size_bytes() const {
  uint64_t sum = 0;
  for (const FileRecord& file : files) sum += file.size_bytes;
  return sum;
}

EncodedManifest encode(const Manifest& manifest) {
  EncodedManifest encoded;
  encoded.text = text_of(manifest);
  const std::string inner = to_proto(manifest).SerializeAsString();
  proto::Envelope envelope;
  envelope.set_manifest_checksum(checksum(inner.data(), inner.size()));
  envelope.set_text_checksum(checksum(encoded.text.data(), encoded.text.size()));
  envelope.set_manifest(inner);
  encoded.envelope = envelope.SerializeAsString();
  return encoded;
}

DecodedManifest decode(std::string_view bytes, std::string_view where) {
  proto::Envelope envelope;
  if (!parse(envelope, bytes)) fail(where, "not a manifest, or damaged");
  const std::string& inner = envelope.manifest();
  if (checksum(inner.data(), inner.size()) != envelope.manifest_checksum()) fail(where, "the manifest's checksum does not hold: it is damaged");
  return {parse_manifest(inner, where), envelope.text_checksum()};
}

Manifest parse_manifest(std::string_view bytes, std::string_view where) {
  proto::Manifest stored;
  if (!parse(stored, bytes)) fail(where, "not a manifest");
  if (stored.schema() > kManifestSchema) {
    throw Error(ErrorKind::checkpoint, fmt::format("written with schema {}, this build reads up to {}", stored.schema(), kManifestSchema),
                where, "use the build that wrote it, or a newer one");
  }
  Manifest manifest = from_proto(stored, where);
  validate(manifest, where);
  return manifest;
}

std::string PartRecord::to_bytes() const {
  proto::Part part;
  to_proto(file, *part.mutable_file());
  for (const TensorRecord& tensor : tensors) to_proto(tensor, *part.add_tensors());
  return part.SerializeAsString();
}

PartRecord PartRecord::from_bytes(std::string_view bytes) {
  proto::Part part;
  TESSERA_ASSERT(parse(part, bytes), "a checkpoint part record does not parse");
  PartRecord record{from_proto(part.file()), {}};
  for (const proto::Tensor& tensor : part.tensors()) record.tensors.push_back(from_proto(tensor, record.file.name));
  return record;
}

}  // namespace tessera::checkpoint
