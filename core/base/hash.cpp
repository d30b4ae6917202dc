// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.h"

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>

#include "core/base/error.h"

namespace tessera {

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  TESSERA_ASSERT(impl_->context && EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1, "SHA-256 is unavailable");
}

Sha256::~Sha256() { EVP_MD_CTX_free(impl_->context); }

void Sha256::update(const void* bytes, size_t size_bytes) { EVP_DigestUpdate(impl_->context, bytes, size_bytes); }

std::string Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(impl_->context, digest.data(), nullptr);
  std::string hex;
  for (unsigned char byte : digest) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

struct Checksum::Impl {
  XXH3_state_t state;
};

Checksum::Checksum() : impl_(std::make_unique<Impl>()) { XXH3_64bits_reset(&impl_->state); }
Checksum::~Checksum() = default;
void Checksum::update(const void* bytes, size_t size_bytes) { XXH3_64bits_update(&impl_->state, bytes, size_bytes); }
uint64_t Checksum::value() const { return XXH3_64bits_digest(&impl_->state); }

uint64_t checksum(const void* bytes, size_t size_bytes) { return XXH3_64bits(bytes, size_bytes); }

}  // namespace tessera
