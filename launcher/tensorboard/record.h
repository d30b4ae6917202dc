// SPDX-License-Identifier: Apache-2.0
// TFRecord framing: how TensorBoard's event files hold their messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::launcher {

/// CRC-32C (Castagnoli polynomial, reflected), as in RFC 3720, B.4.
uint32_t crc32c(std::string_view bytes);

/// `payload` framed: length (u64), masked CRC of the length (u32), payload, masked CRC of the payload (u32), all
/// little-endian (https://www.tensorflow.org/tutorials/load_data/tfrecord).
std::string tf_record(std::string_view payload);

}  // namespace tessera::launcher
