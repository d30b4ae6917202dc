// SPDX-License-Identifier: Apache-2.0
// Any bytes as an idx file, plain or gzip: refused with a data error of one line, or read in full. The first byte chooses
// the number of dims and whether only a part is read.
#include <cstdint>

#include "core/data/idx_file.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t dims = data[0] & 1 ? 3 : 1;
  const int64_t limit = data[0] & 2 ? 2 : 0;
  try {
    tessera::data::IdxReader reader(std::as_bytes(std::span(data + 1, size - 1)), dims, "fuzz");
    const tessera::Tensor tensor = reader.read(limit);
    require(tensor.shape().dims() == dims, "other dims than asked for");
    require(tensor.size_bytes() <= size * 1032, "more bytes than the input can hold");
    require(limit == 0 ? tensor.shape() == reader.shape() : tensor.shape()[0] <= limit, "not the samples asked for");
  } catch (const tessera::Error& error) {
    require_refusal(error, tessera::ErrorKind::data);
  }
  return 0;
}
