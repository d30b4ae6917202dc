// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A draw is a pure function of (key, counter), so it never depends on ranks, threads or the order of calls.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tessera {

using PhiloxBlock = std::array<uint32_t, 4>;

/// What a stream of random numbers is for; part of every key, so that purposes never share numbers.
enum class RandomPurpose : uint32_t { initialise = 1, shuffle = 2, dropout = 3, augment = 4, mixup = 5, sample = 6 };

/// 64-bit key of one stream. `path` is a module path or a tensor name.
struct RandomKey {
  uint32_t low = 0;
  uint32_t high = 0;
};

RandomKey random_key(uint64_t seed, RandomPurpose purpose, std::string_view path = {});

// Always inlined: sources compiled for different instruction sets use these and must not share one copy.
[[gnu::always_inline]] inline PhiloxBlock philox4x32(RandomKey key, PhiloxBlock counter) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key.low, k1 = key.high;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c0;
    const uint64_t p1 = uint64_t{kMultiplier1} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {c0, c1, c2, c3};
}

/// A block of the stream addressed by two 64-bit indices, for example (element / 4, sample).
[[gnu::always_inline]] inline PhiloxBlock philox_at(RandomKey key, uint64_t first, uint64_t second) {
  return philox4x32(key, {static_cast<uint32_t>(first), static_cast<uint32_t>(first >> 32), static_cast<uint32_t>(second),
                          static_cast<uint32_t>(second >> 32)});
}

/// Uniform in [0, 1) with 24 bits, exact in f32.
[[gnu::always_inline]] inline float uniform_f32(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1.0p-24f; }

}  // namespace tessera
