// SPDX-License-Identifier: Apache-2.0
#include "core/data/sampler.h"

#include <array>
#include <bit>

#include "core/base/error.h"

namespace tessera::data {
namespace {

using RoundKeys = std::array<uint64_t, Permutation::kRounds>;

RoundKeys round_keys(RandomKey key, uint64_t stream) {
  static_assert(Permutation::kRounds % 2 == 0, "a Philox block holds two round keys");
  RoundKeys keys{};
  for (size_t pair = 0; pair < keys.size() / 2; ++pair) {
    const PhiloxBlock block = philox_at(key, pair, stream);
    keys[2 * pair] = uint64_t{block[1]} << 32 | block[0];
    keys[2 * pair + 1] = uint64_t{block[3]} << 32 | block[2];
  }
  return keys;
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t feistel(uint64_t value, unsigned half_bits, const RoundKeys& keys) {
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t left = value >> half_bits, right = value & mask;
  for (uint64_t key : keys) {
    const uint64_t next = left ^ (mix(right + key) >> (64 - half_bits));
    left = right;
    right = next;
  }
  return left << half_bits | right;
}

}  // namespace

Permutation::Permutation(int64_t count, RandomKey key) : count_(count), key_(key) {
  TESSERA_ASSERT(count >= 1, "a permutation needs at least one sample");
  const auto bits = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(count) - 1));
  half_bits_ = bits < 2 ? 1 : (bits + 1) / 2;
}

int64_t Permutation::at(uint64_t stream, int64_t i) const {
  const RoundKeys keys = round_keys(key_, stream);
  auto value = static_cast<uint64_t>(i);
  do {
    value = feistel(value, half_bits_, keys);
  } while (value >= static_cast<uint64_t>(count_));
  return static_cast<int64_t>(value);
}

}  // namespace tessera::data
