// SPDX-License-Identifier: Apache-2.0
// Products of stacks of matrices. Strides are part of the primitive, so that transposed matrices, slices and repeated ones need no copy; each
// primitive is made once for each geometry and thread.
#include <string_view>

#include "core/base/flops.h"
#include "core/base/lru_cache.h"
#include "core/kernels/cpu/onednn/engine.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu::onednn {
namespace {

using dnnl::memory;

constexpr size_t kCachedPlans = 512;

struct GeometryHash {
  size_t operator()(const BatchedMatmulGeometry& g) const {
    size_t hash = 1469598103934665603u;
    for (const Shape* shape : {&g.a, &g.a_strides, &g.b, &g.b_strides, &g.out}) {
      for (int64_t value : *shape) hash = (hash ^ static_cast<size_t>(value)) * 1099511628211u;
    }
    return hash;
  }
};

struct Plan {
  dnnl::matmul primitive;
  memory::desc a, b, out, scratchpad;
};

memory::desc describe(const Shape& shape, const Shape& strides) {
  return {memory::dims(shape.begin(), shape.end()), memory::data_type::f32, memory::dims(strides.begin(), strides.end())};
}

/// oneDNN has a faster way for matrices without gaps on AVX-512, which sums in another order: the bits would depend on where a matrix lies.
void take_one_for_all_strides(dnnl::matmul::primitive_desc& desc) {
  while (std::string_view(desc.impl_info_str()).starts_with("brg") && desc.next_impl()) {
  }
}

Plan make_plan(const BatchedMatmulGeometry& g) {
  const memory::desc a = describe(g.a, g.a_strides), b = describe(g.b, g.b_strides), out = describe(g.out, contiguous_strides(g.out));
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::matmul::primitive_desc desc(engine(), a, b, out, attributes);
  take_one_for_all_strides(desc);
  return {dnnl::matmul(desc), a, b, out, desc.scratchpad_desc()};
}

}  // namespace

void batched_matmul(const BatchedMatmul& args) {
  const Shape& a = args.geometry.a;
  count_flops(2.0 * static_cast<double>(args.geometry.out.elements()) * static_cast<double>(a[a.dims() - 1]));
  thread_local LruCache<BatchedMatmulGeometry, Plan, GeometryHash> cache(kCachedPlans);
  Plan& plan = cache.get(args.geometry, [&] { return make_plan(args.geometry); });
  const Tensor scratchpad = workspace(plan.scratchpad);
  plan.primitive.execute(stream(), {{DNNL_ARG_SRC, wrap(plan.a, args.a)},
                                    {DNNL_ARG_WEIGHTS, wrap(plan.b, args.b)},
                                    {DNNL_ARG_DST, wrap(plan.out, args.out)},
                                    {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratchpad.bytes())}});
}

}  // namespace tessera::cpu::onednn
