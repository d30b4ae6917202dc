// SPDX-License-Identifier: Apache-2.0
// Every way in which a safetensors file can be unsound gives one line that names file and tensor.
#include <gtest/gtest.h>

#include "core/format/safetensors.h"

namespace tessera {
namespace {

std::string file_of(const std::string& header, size_t data_bytes) {
  std::string file;
  for (int byte = 0; byte < 8; ++byte) file.push_back(static_cast<char>(header.size() >> (8 * byte) & 0xff));
  return file + header + std::string(data_bytes, '\1');
}

std::string error_of(const std::string& file) {
  try {
    parse_safetensors(std::as_bytes(std::span(file)), "w.safetensors", ErrorKind::data);
    return "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    const std::string what = error.what();
    EXPECT_EQ(what.find("w.safetensors: not a sound safetensors file: "), 0u) << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    return what;
  }
}

void expect_error(const std::string& header, size_t data_bytes, const std::string& part) {
  EXPECT_NE(error_of(file_of(header, data_bytes)).find(part), std::string::npos) << error_of(file_of(header, data_bytes));
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string object(std::initializer_list<std::string> entries) {
  std::string text;
  for (const std::string& each : entries) text.append(text.empty() ? "{" : ",").append(each);
  return text.append("}");
}

TEST(SafetensorsBad, SoundFilesPass) {
  EXPECT_EQ(error_of(file_of("{}", 0)), "no error");
  EXPECT_EQ(error_of(file_of(object({entry("a", "F32", "[]", "[0,4]")}) + "   ", 4)), "no error");
  EXPECT_EQ(error_of(file_of(object({entry("b", "U8", "[2]", "[4,6]"), entry("a", "F32", "[1]", "[0,4]")}), 6)), "no error");
  EXPECT_EQ(error_of(file_of(object({entry("e", "F32", "[0]", "[0,0]"), entry("a", "F32", "[1]", "[0,4]")}), 4)), "no error");
}

TEST(SafetensorsBad, Lengths) {
  EXPECT_NE(error_of("").find("0 bytes"), std::string::npos);
  EXPECT_NE(error_of("1234567").find("7 bytes"), std::string::npos);
  EXPECT_NE(error_of(std::string(8, '\xff') + "{}").find("18446744073709551615 bytes, the format allows 100000000"), std::string::npos);
  EXPECT_NE(error_of(std::string("\x10\0\0\0\0\0\0\0{}", 10)).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(std::string(8, '\0')).find("does not begin"), std::string::npos);
}

TEST(SafetensorsBad, EveryTruncationIsNoticed) {
  const std::string file = file_of(object({entry("a", "F32", "[2]", "[0,8]"), entry("b", "U8", "[3]", "[8,11]")}), 11);
  for (size_t size = 0; size < file.size(); ++size) EXPECT_NE(error_of(file.substr(0, size)), "no error") << size;
  EXPECT_EQ(error_of(file), "no error");
}

TEST(SafetensorsBad, Json) {
  expect_error("{\"a\":", 0, "not JSON at its byte");
  expect_error("{\"a\xff\":{}}", 0, "not JSON at its byte");
  expect_error("[]", 0, "does not begin with '{'");
  expect_error("{} x", 0, "not JSON");
  expect_error("{\"a\":1}", 0, "'a': its entry is not an object");
  expect_error("{\"a\":{\"x\":[[[[[1]]]]]}}", 0, "nested too deeply");
  expect_error("{\"a\":" + std::string(100000, '[') + "}", 0, "nested too deeply");
  expect_error("{\"__metadata__\":3}", 0, "__metadata__ is not an object");
  expect_error("{\"__metadata__\":{\"k\":3}}", 0, "'k' is not a string");
  expect_error("{\"a\\nb\":1}", 0, "'a?b'");
}

TEST(SafetensorsBad, Duplicates) {
  expect_error(object({entry("a", "U8", "[1]", "[0,1]"), entry("a", "U8", "[1]", "[0,1]")}), 1, "two entries 'a'");
  expect_error("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "two entries 'dtype'");
  expect_error("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "two entries 'k'");
}

TEST(SafetensorsBad, DTypesAndShapes) {
  expect_error(object({entry("a", "F33", "[1]", "[0,4]")}), 4, "'a': its dtype 'F33' is unknown");
  expect_error("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype");
  expect_error("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "no shape");
  expect_error("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "no data_offsets");
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "[9223372036854775808]", "[1e3]", "[null]"}) {
    expect_error(object({entry("a", "U8", shape, "[0,1]")}), 1, "shape holds something");
  }
  expect_error(object({entry("a", "F32", "[4294967296,4294967296]", "[0,0]")}), 0, "overflows");
  expect_error(object({entry("a", "F32", "[0,4294967296,4294967296]", "[0,0]")}), 0, "overflows");
  expect_error(object({entry("a", "F4", "[3]", "[0,2]")}), 2, "whole bytes");
}

TEST(SafetensorsBad, Offsets) {
  expect_error(object({entry("a", "U8", "[1]", "[1,0]")}), 1, "not [begin, end]");
  expect_error(object({entry("a", "U8", "[1]", "[0]")}), 1, "not [begin, end]");
  expect_error(object({entry("a", "U8", "[1]", "[-1,0]")}), 1, "data_offsets holds something");
  expect_error(object({entry("a", "U8", "[2]", "[0,2]")}), 1, "ends at byte 2 of the data");
  expect_error(object({entry("a", "F32", "[1]", "[0,3]")}), 3, "need 4 bytes, its data_offsets give 3");
  expect_error(object({entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[1,3]")}), 3, "'b': its bytes overlap");
  expect_error(object({entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[1]", "[3,4]")}), 4, "2 bytes before it");
  expect_error(object({entry("a", "U8", "[1]", "[0,1]")}), 4, "3 bytes at its end");
  expect_error("{}", 1, "1 bytes at its end");
}

}  // namespace
}  // namespace tessera
