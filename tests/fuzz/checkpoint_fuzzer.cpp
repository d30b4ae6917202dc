// SPDX-License-Identifier: Apache-2.0
// Any bytes as a checkpoint's manifest, with and without its checksum around it: refused with a checkpoint error of one line, or
// valid and the same after encoding anew.
#include <cstdint>

#include "core/base/error.h"
#include "core/checkpoint/manifest.h"
#include "tests/fuzz/require.h"

namespace {

using namespace tessera;
using namespace tessera::checkpoint;

void check_round_trip(const Manifest& manifest) {
  const EncodedManifest encoded = encode(manifest);
  const Manifest again = decode(encoded.envelope, "encoded").manifest;
  require(encode(again).envelope == encoded.envelope, "other bytes after encoding anew");
}

/// Runs a reader of untrusted bytes.
template <typename Read>
void check(Read read) {
  Manifest manifest;
  try {
    manifest = read();
  } catch (const Error& error) {
    require_refusal(error, ErrorKind::checkpoint);
    return;
  }
  check_round_trip(manifest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check([&] { return parse_manifest(bytes, "fuzz"); });
  check([&] { return decode(bytes, "fuzz").manifest; });
  return 0;
}
