// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/philox.h"

namespace tessera {
namespace {

// Known answers published with the Random123 library.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0}, {0, 0, 0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, KeysDifferByEveryPart) {
  const RandomKey key = random_key(1, RandomPurpose::dropout, "a");
  for (const RandomKey other : {random_key(2, RandomPurpose::dropout, "a"), random_key(1, RandomPurpose::shuffle, "a"),
                                random_key(1, RandomPurpose::dropout, "b")}) {
    EXPECT_FALSE(key.low == other.low && key.high == other.high);
  }
}

TEST(Sha256, KnownAnswer) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(File, AtomicWriteRoundTripAndErrorsNameThePath) {
  const auto path = std::filesystem::temp_directory_path() / "tessera_base_test.txt";
  write_file_atomically(path, "hello", ErrorKind::data);
  EXPECT_EQ(read_file(path, ErrorKind::data), "hello");
  EXPECT_EQ(MappedFile(path, ErrorKind::data).bytes().size(), 5u);
  std::filesystem::remove(path);
  try {
    read_file(path, ErrorKind::data);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera
