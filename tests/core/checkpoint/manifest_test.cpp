// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/manifest.h"

#include <functional>

#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

Manifest full_manifest() {
  Manifest manifest = manifest_at(500);
  manifest.files = {{"part_00000.safetensors", 100, 11}, {"part_00001.safetensors", 200, 12}};
  manifest.tensors = {{"w", TensorRole::parameter, DType::f32, {2, 5}, {{0, 60, 0, 6, 1}, {1, 8, 6, 10, 2}}},
                      {"scalar", TensorRole::buffer, DType::i64, {}, {{1, 192, 0, 1, 3}}},
                      {"none", TensorRole::grid, DType::boolean, {0, 4}, {}}};
  return manifest;
}

TEST(Manifest, EncodesAndDecodesToTheSame) {
  const EncodedManifest encoded = encode(full_manifest());
  EXPECT_EQ(decode(encoded.envelope, "here").manifest, full_manifest());
  EXPECT_EQ(encode(full_manifest()).envelope, encoded.envelope);
}

TEST(Manifest, TextShowsWhatAPersonLooksFor) {
  const std::string text = encode(full_manifest()).text;
  for (const char* expected : {"step               500\n", "samples_seen       32000", "2023-11-14 22:13:20 UTC", "w  parameter  f32 [2, 5]",
                               "elements 6 to 10 in part_00001.safetensors at byte 8", "loss_scale = 1024", "blob = 3 bytes", "run: {name: test}"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\n" << text;
  }
}

TEST(Manifest, EveryFlippedBitIsFound) {
  const EncodedManifest encoded = encode(full_manifest());
  const DecodedManifest sound = decode(encoded.envelope, "here");
  for (size_t bit = 0; bit < 8 * encoded.envelope.size(); ++bit) {
    std::string damaged = encoded.envelope;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    try {
      // The text's checksum is no part of the checksummed bytes: the text, which no longer agrees, tells.
      EXPECT_NE(decode(damaged, "here").text_checksum, sound.text_checksum) << "bit " << bit;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    }
  }
}

TEST(Manifest, EveryTruncationIsFound) {
  const std::string envelope = encode(full_manifest()).envelope;
  for (size_t size = 0; size < envelope.size(); ++size) error_of([&] { decode(envelope.substr(0, size), "here"); });
}

TEST(Manifest, ANewerSchemaSaysWhichBuildItNeeds) {
  Manifest manifest = full_manifest();
  manifest.schema = 9;
  const std::string message = error_of([&] { decode(encode(manifest).envelope, "there/manifest.pb"); });
  EXPECT_NE(message.find("there/manifest.pb: written with schema 9, this build reads up to 1"), std::string::npos) << message;
}

struct BadManifest {
  const char* name;
  std::function<void(Manifest&)> spoil;
  const char* message;
};

class ManifestValidation : public testing::TestWithParam<BadManifest> {};

TEST_P(ManifestValidation, NamesTheDefect) {
  Manifest manifest = full_manifest();
  validate(manifest, "here");
  GetParam().spoil(manifest);
  const std::string message = error_of([&] { validate(manifest, "here"); });
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
  EXPECT_TRUE(message.starts_with("here: ")) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Bad, ManifestValidation,
    testing::Values(BadManifest{"gap", [](Manifest& m) { m.tensors[0].pieces[1].begin_elements = 7; }, "do not follow each other at element 6"},
                    BadManifest{"overlap", [](Manifest& m) { m.tensors[0].pieces[1].begin_elements = 5; }, "do not follow each other"},
                    BadManifest{"short", [](Manifest& m) { m.tensors[0].pieces.pop_back(); }, "'w' has 10 elements, 6 are stored"},
                    BadManifest{"long", [](Manifest& m) { m.tensors[0].pieces[1].end_elements = 11; }, "past its end"},
                    BadManifest{"backwards", [](Manifest& m) { m.tensors[0].pieces[0].end_elements = -1; }, "do not follow"},
                    BadManifest{"past_file", [](Manifest& m) { m.tensors[1].pieces[0].offset_bytes = 193; }, "past the end of part_00001"},
                    BadManifest{"offset_wraps", [](Manifest& m) { m.tensors[1].pieces[0].offset_bytes = ~uint64_t{0}; }, "past the end"},
                    BadManifest{"no_such_file", [](Manifest& m) { m.tensors[1].pieces[0].file = 2; }, "a file that is not listed"},
                    BadManifest{"negative_dim", [](Manifest& m) { m.tensors[0].shape = {-2, -5}; }, "impossible shape [-2, -5]"},
                    BadManifest{"huge", [](Manifest& m) { m.tensors[0].shape = {int64_t{1} << 40, int64_t{1} << 40}; }, "impossible shape"},
                    BadManifest{"twice", [](Manifest& m) { m.tensors[1].name = "w"; }, "'w' stands there twice"},
                    BadManifest{"escape", [](Manifest& m) { m.files[0].name = "../../etc/passwd"; }, "no name of a part"},
                    BadManifest{"hidden", [](Manifest& m) { m.files[0].name = ".."; }, "no name of a part"},
                    BadManifest{"itself", [](Manifest& m) { m.files[0].name = "manifest.pb"; }, "stands there twice"},
                    BadManifest{"negative_step", [](Manifest& m) { m.step = -1; }, "negative"},
                    BadManifest{"no_ranks", [](Manifest& m) { m.world_size = 0; }, "world size 0"},
                    BadManifest{"schema_0", [](Manifest& m) { m.schema = 0; }, "unknown schema 0"}),
    [](const auto& bad) { return bad.param.name; });

PartRecord part_of(const std::string& file, const TensorRecord& tensor) {
  PartRecord part;
  part.file = {file, 100, 11};
  part.tensors.push_back(tensor);
  return part;
}

TEST(PartRecord, SurvivesTheWayToAnotherRank) {
  const PartRecord part = part_of("part_00000.safetensors", full_manifest().tensors[0]);
  const PartRecord back = PartRecord::from_bytes(part.to_bytes());
  EXPECT_EQ(back.file, part.file);
  EXPECT_EQ(back.tensors, part.tensors);
}

TEST(AddParts, FindsRanksThatDisagree) {
  const PartRecord first = part_of("part_00000.safetensors", {"w", TensorRole::parameter, DType::f32, {4}, {{0, 8, 0, 2, 1}}});
  PartRecord second = part_of("part_00001.safetensors", {"w", TensorRole::parameter, DType::f32, {5}, {{0, 8, 2, 5, 1}}});
  Manifest manifest = manifest_at(1);
  const std::string message = error_of([&] { add_parts(manifest, std::vector{first, second}, "here"); });
  EXPECT_NE(message.find("ranks disagree about tensor 'w'"), std::string::npos) << message;
  second.tensors[0].shape = {4};
  second.tensors[0].pieces[0].end_elements = 4;
  Manifest good = manifest_at(1);
  add_parts(good, std::vector{second, first}, "here");  // in any order
  ASSERT_NE(good.find("w"), nullptr);
  EXPECT_EQ(good.find("w")->pieces[0].file, 1u);
  EXPECT_EQ(good.find("v"), nullptr);
}

}  // namespace
}  // namespace tessera::checkpoint
