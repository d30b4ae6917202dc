// SPDX-License-Identifier: Apache-2.0
#include "core/format/tar.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "tests/core/format/tar_builder.h"

namespace tessera {
namespace {

using test::pax_record, test::tar_end, test::tar_header, test::tar_member;

struct Read {
  std::string name, data;
};

/// The files of an archive.
std::vector<Read> files_of(const std::string& archive) {
  TarReader reader([&](uint64_t offset, std::span<std::byte> to) {
    if (offset > archive.size() || to.size() > archive.size() - offset) throw std::logic_error("a read outside of the archive");
    std::memcpy(to.data(), archive.data() + offset, to.size());
  }, archive.size(), "a.tar");
  std::vector<Read> files;
  while (const auto member = reader.next()) {
    if (member->file) files.push_back({member->name, archive.substr(member->data_offset_bytes, member->size_bytes)});
  }
  EXPECT_FALSE(reader.next()) << "the end stays the end";
  return files;
}

std::string tar_error(const std::string& archive) {
  try {
    files_of(archive);
    return "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("a.tar: not a sound tar archive: ")) << what;
    EXPECT_EQ(what.find('\n'), std::string::npos);
    return what;
  }
}

#define EXPECT_TAR_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Tar, MembersInOrderWithTheirBytes) {
  const std::string big(3000, 'x');
  const auto files = files_of(tar_member("a/1.jpg", "one") + tar_member("a/1.cls", "") + tar_member("big", big) + tar_end());
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].name, "a/1.jpg");
  EXPECT_EQ(files[0].data, "one");
  EXPECT_EQ(files[1].data, "");
  EXPECT_EQ(files[2].data, big);
}

TEST(Tar, FoldersAndLinksAreNoFiles) {
  const auto files = files_of(tar_header("folder/", 0, '5') + tar_header("link", 0, '2') + tar_header("hard", 7, '1') + tar_member("f", "data") + tar_end());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].data, "data");
}

TEST(Tar, LongNamesOfAllThreeKinds) {
  const std::string name(300, 'n');
  const std::string ustar = tar_header("file.jpg", 2, '0', "some/folder") + test::padded("u1");
  const std::string gnu = tar_member("././@LongLink", name + '\0', 'L') + tar_member(name.substr(0, 100), "g1");
  const std::string pax = tar_member("x", pax_record("mtime", "1.5") + pax_record("path", name + "p"), 'x') + tar_member("short", "p1");
  const std::string gnu_times = tar_header("old.jpg", 1, '0', "01234567", true) + test::padded("t");
  const auto files = files_of(ustar + gnu + pax + gnu_times + tar_end());
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(files[0].name, "some/folder/file.jpg");
  EXPECT_EQ(files[1].name, name);
  EXPECT_EQ(files[2].name, name + "p");
  EXPECT_EQ(files[2].data, "p1");
  EXPECT_EQ(files[3].name, "old.jpg") << "GNU's headers keep times where ustar has a prefix";
}

TEST(Tar, SizesOfPaxAndInBinary) {
  const std::string pax = tar_member("x", pax_record("size", "3"), 'x') + tar_header("a", 0) + test::padded("abc");
  std::string binary = tar_header("b", 0);
  for (size_t i = 124; i < 136; ++i) binary[i] = '\0';
  binary[124] = static_cast<char>(0x80);
  binary[135] = 2;
  binary.replace(148, 8, "        ");
  size_t sum = 0;
  for (char c : binary) sum += static_cast<unsigned char>(c);
  char text[16];
  std::snprintf(text, sizeof text, "%06zo", sum);
  binary.replace(148, 7, std::string(text) + '\0');
  const auto files = files_of(pax + binary + test::padded("xy") + tar_end());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].data, "abc");
  EXPECT_EQ(files[1].data, "xy");
}

TEST(Tar, EveryCutIsAnError) {
  const std::string archive = tar_member("a.jpg", std::string(700, 'a')) + tar_member("a.cls", "1");
  for (size_t size = 0; size <= archive.size(); size += 37) EXPECT_TAR_PART(tar_error(archive.substr(0, size)), "cut short");
  EXPECT_TAR_PART(tar_error(archive), "without the mark of its end");
  EXPECT_TAR_PART(tar_error(archive.substr(0, 900)), "member 'a.jpg' would have 700 bytes");
}

TEST(Tar, DamagedHeadersAreErrors) {
  const std::string archive = tar_member("a.jpg", "data") + tar_end();
  for (size_t at : {0u, 130u, 156u, 300u, 511u}) {
    std::string damaged = archive;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_TAR_PART(tar_error(damaged), "byte 0");
  }
  EXPECT_TAR_PART(tar_error(std::string(512, 'x') + tar_end()), "checksum");
}

TEST(Tar, WhatIsNotReadIsSaid) {
  const std::string sound = tar_member("a", "1");
  EXPECT_TAR_PART(tar_error(sound + tar_end() + sound + tar_end()), "bytes follow the mark of its end");
  EXPECT_TAR_PART(tar_error(tar_header("s", 0, 'S') + tar_end()), "sparse");
  EXPECT_TAR_PART(tar_error(tar_member("x", "99 path=a\n", 'x') + sound + tar_end()), "extended header");
  EXPECT_TAR_PART(tar_error(tar_member("x", "12 path=ab\nx", 'x') + sound + tar_end()), "extended header");
  EXPECT_TAR_PART(tar_error(tar_member("x", pax_record("size", "-1"), 'x') + sound + tar_end()), "extended header");
  EXPECT_TAR_PART(tar_error(tar_member("x", std::string(70000, 'y'), 'x') + sound + tar_end()), "70000 bytes");
}

}  // namespace
}  // namespace tessera
