// SPDX-License-Identifier: Apache-2.0
// Convolutions: activations stay channels-last, weights are packed into oneDNN's layout once an update, and every primitive
// is made once for each geometry and thread.
#include <optional>

#include "core/base/lru_cache.h"
#include "core/kernels/cpu/onednn/engine.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu::onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr size_t kCachedPlans = 512;
constexpr size_t kPackedLayouts = 8;

struct GeometryHash {
  size_t operator()(const ConvolutionGeometry& g) const {
    size_t hash = 1469598103934665603u;
    for (int64_t value : {g.batch, g.in_channels, g.in_height, g.in_width, g.out_channels, g.out_height, g.out_width, g.kernel_height,
                          g.kernel_width, g.stride_height, g.stride_width, g.padding_height, g.padding_width, g.dilation_height,
                          g.dilation_width, g.groups}) {
      hash = (hash ^ static_cast<size_t>(value)) * 1099511628211u;
    }
    return hash;
  }
};

memory::desc describe(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

/// [out, in, h, w], or with groups [groups, out / groups, in / groups, h, w]: the same bytes.
memory::dims weight_dims(const ConvolutionGeometry& g) {
  if (g.groups == 1) return {g.out_channels, g.in_channels, g.kernel_height, g.kernel_width};
  return {g.groups, g.out_channels / g.groups, g.in_channels / g.groups, g.kernel_height, g.kernel_width};
}

/// Descriptors and padding that all three directions share.
struct Descriptors {
  explicit Descriptors(const ConvolutionGeometry& g, bool with_bias)
      : x(describe({g.batch, g.in_channels, g.in_height, g.in_width}, Tag::nhwc)),
        y(describe({g.batch, g.out_channels, g.out_height, g.out_width}, Tag::nhwc)),
        weight(describe(weight_dims(g), Tag::any)),
        plain_weight(describe(weight_dims(g), g.groups > 1 ? Tag::goihw : Tag::oihw)),
        bias(with_bias ? describe({g.out_channels}, Tag::a) : memory::desc()),
        strides{g.stride_height, g.stride_width},
        dilation{g.dilation_height - 1, g.dilation_width - 1},
        padding_before{g.padding_height, g.padding_width},
        padding_after{(g.out_height - 1) * g.stride_height + g.dilation_height * (g.kernel_height - 1) + 1 - g.in_height - g.padding_height,
                      (g.out_width - 1) * g.stride_width + g.dilation_width * (g.kernel_width - 1) + 1 - g.in_width - g.padding_width} {
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  }

  dnnl::convolution_forward::primitive_desc forward() const {
    return {engine(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x, weight, bias, y, strides, dilation,
            padding_before, padding_after, attributes};
  }

  memory::desc x, y, weight, plain_weight, bias;
  memory::dims strides, dilation, padding_before, padding_after;
  dnnl::primitive_attr attributes;
};

/// One direction of one geometry: the primitive, its weight layout, and the reorder between that and row-major.
struct Plan {
  dnnl::primitive primitive;
  memory::desc x, y, weight, plain_weight, bias, scratchpad;
  std::optional<dnnl::reorder> reorder;  ///< none where the layouts are the same
};

template <typename PrimitiveDesc>
Plan make_plan(const PrimitiveDesc& desc, const Descriptors& descriptors, const memory::desc& weight, bool pack) {
  Plan plan{dnnl::primitive(desc), descriptors.x, descriptors.y, weight, descriptors.plain_weight, descriptors.bias, desc.scratchpad_desc(), {}};
  if (weight != descriptors.plain_weight) {
    const memory::desc& from = pack ? descriptors.plain_weight : weight;
    const memory::desc& to = pack ? weight : descriptors.plain_weight;
    plan.reorder = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
  }
  return plan;
}

using PlanCache = LruCache<ConvolutionGeometry, Plan, GeometryHash>;

Plan& forward_plan(const ConvolutionGeometry& geometry, bool with_bias) {
  thread_local PlanCache caches[2] = {PlanCache(kCachedPlans), PlanCache(kCachedPlans)};
  return caches[with_bias].get(geometry, [&] {
    const Descriptors descriptors(geometry, with_bias);
    const auto desc = descriptors.forward();
    return make_plan(desc, descriptors, desc.weights_desc(), true);
  });
}

Plan& backward_data_plan(const ConvolutionGeometry& geometry) {
  thread_local PlanCache cache(kCachedPlans);
  return cache.get(geometry, [&] {
    const Descriptors d(geometry, false);
    const dnnl::convolution_backward_data::primitive_desc desc(engine(), dnnl::algorithm::convolution_direct, d.x, d.weight, d.y, d.strides,
                                                               d.dilation, d.padding_before, d.padding_after, d.forward(), d.attributes);
    return make_plan(desc, d, desc.weights_desc(), true);
  });
}

Plan& backward_weight_plan(const ConvolutionGeometry& geometry, bool with_bias) {
  thread_local PlanCache caches[2] = {PlanCache(kCachedPlans), PlanCache(kCachedPlans)};
  return caches[with_bias].get(geometry, [&] {
    const Descriptors d(geometry, with_bias);
    const dnnl::convolution_backward_weights::primitive_desc desc(engine(), dnnl::algorithm::convolution_direct, d.x, d.weight, d.bias, d.y,
                                                                  d.strides, d.dilation, d.padding_before, d.padding_after, d.forward(), d.attributes);
    return make_plan(desc, d, desc.diff_weights_desc(), false);
  });
}

void run_reorder(const Plan& plan, const memory::desc& from, const void* source, const memory::desc& to, void* target) {
  memory in = wrap(from, source), out = wrap(to, target);
  plan.reorder->execute(stream(), in, out);
}

/// The weight in the plan's layout, reordered only where `packed` does not hold this version yet.
const void* packed_weight(const Plan& plan, const ConvolutionGeometry& geometry, bool for_backward, const float* weight,
                          PackedWeight& packed, uint64_t version) {
  if (!plan.reorder) return weight;
  PackedWeight::Entry* entry = nullptr;
  for (auto& candidate : packed.entries) {
    if (candidate.for_backward == for_backward && candidate.weight == weight && candidate.geometry == geometry) entry = &candidate;
  }
  if (!entry) {
    if (packed.entries.size() == kPackedLayouts) packed.entries.erase(packed.entries.begin());
    entry = &packed.entries.emplace_back(PackedWeight::Entry{geometry, for_backward, weight, 0, workspace(plan.weight)});
  }
  if (entry->version != version) {
    run_reorder(plan, plan.plain_weight, weight, plan.weight, entry->packed.bytes());
    entry->version = version;
  }
  return entry->packed.bytes();
}

void forward(const ConvolutionForward& args) {
  Plan& plan = forward_plan(args.geometry, args.bias != nullptr);
  const void* weight = packed_weight(plan, args.geometry, false, args.weight, *args.packed, args.weight_version);
  const Tensor scratchpad = workspace(plan.scratchpad);
  plan.primitive.execute(stream(), {{DNNL_ARG_SRC, wrap(plan.x, args.x)},
                                    {DNNL_ARG_WEIGHTS, wrap(plan.weight, weight)},
                                    {DNNL_ARG_BIAS, wrap(plan.bias, args.bias)},
                                    {DNNL_ARG_DST, wrap(plan.y, args.y)},
                                    {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratchpad.bytes())}});
}

void backward_data(const ConvolutionBackwardData& args) {
  Plan& plan = backward_data_plan(args.geometry);
  const void* weight = packed_weight(plan, args.geometry, true, args.weight, *args.packed, args.weight_version);
  const Tensor scratchpad = workspace(plan.scratchpad);
  plan.primitive.execute(stream(), {{DNNL_ARG_DIFF_DST, wrap(plan.y, args.dy)},
                                    {DNNL_ARG_WEIGHTS, wrap(plan.weight, weight)},
                                    {DNNL_ARG_DIFF_SRC, wrap(plan.x, args.dx)},
                                    {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratchpad.bytes())}});
}

void backward_weight(const ConvolutionBackwardWeight& args) {
  Plan& plan = backward_weight_plan(args.geometry, args.dbias != nullptr);
  const Tensor scratchpad = workspace(plan.scratchpad);
  const Tensor blocked = plan.reorder ? workspace(plan.weight) : Tensor();
  plan.primitive.execute(stream(), {{DNNL_ARG_SRC, wrap(plan.x, args.x)},
                                    {DNNL_ARG_DIFF_DST, wrap(plan.y, args.dy)},
                                    {DNNL_ARG_DIFF_WEIGHTS, wrap(plan.weight, plan.reorder ? blocked.bytes() : static_cast<void*>(args.dweight))},
                                    {DNNL_ARG_DIFF_BIAS, wrap(plan.bias, args.dbias)},
                                    {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratchpad.bytes())}});
  if (plan.reorder) run_reorder(plan, plan.weight, blocked.bytes(), plan.plain_weight, args.dweight);
}

}  // namespace

ConvolutionKernels convolution_kernels() { return {forward, backward_data, backward_weight}; }

}  // namespace tessera::cpu::onednn
