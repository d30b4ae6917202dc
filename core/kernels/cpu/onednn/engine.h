// SPDX-License-Identifier: Apache-2.0
// What the sources over oneDNN share. Only they include this.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "core/tensor/tensor.h"

namespace tessera::cpu::onednn {

inline dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

inline dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

inline dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data) { return {desc, engine(), const_cast<void*>(data)}; }

/// Uninitialised memory as large as `desc` wants.
inline Tensor workspace(const dnnl::memory::desc& desc) {
  const MemoryScope scope(MemoryCategory::workspace);
  return Tensor::empty({static_cast<int64_t>(desc.get_size())}, DType::u8);
}

}  // namespace tessera::cpu::onednn
