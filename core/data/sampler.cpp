// SPDX-License-Identifier: Apache-2.0
#include "core/data/sampler.h"

#include <array>
#include <bit>

#include "core/base/error.h"
#include "core/base/philox.h"

namespace tessera::data {
namespace {

using RoundKeys = std::array<uint64_t, PermutationSampler::kRounds>;

RoundKeys round_keys(uint64_t seed, int64_t epoch) {
  static_assert(PermutationSampler::kRounds % 2 == 0, "a Philox block holds two round keys");
  const RandomKey key = random_key(seed, RandomPurpose::shuffle);
  RoundKeys keys{};
  for (size_t pair = 0; pair < keys.size() / 2; ++pair) {
    const PhiloxBlock block = philox_at(key, pair, static_cast<uint64_t>(epoch));
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

PermutationSampler::PermutationSampler(int64_t samples, uint64_t seed) : samples_(samples), seed_(seed) {
  TESSERA_ASSERT(samples >= 1, "a permutation needs at least one sample");
  const auto bits = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(samples) - 1));
  half_bits_ = bits < 2 ? 1 : (bits + 1) / 2;
}

int64_t PermutationSampler::at(int64_t epoch, int64_t i) const {
  const RoundKeys keys = round_keys(seed_, epoch);
  auto value = static_cast<uint64_t>(i);
  do {
    value = feistel(value, half_bits_, keys);
  } while (value >= static_cast<uint64_t>(samples_));
  return static_cast<int64_t>(value);
}

}  // namespace tessera::data
