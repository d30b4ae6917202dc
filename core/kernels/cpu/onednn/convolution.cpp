// SPDX-License-Identifier: Apache-2.0
// Convolutions: activations stay channels-last, weights are packed into oneDNN's layout once an update, and every primitive
// is made once for each geometry and thread. Its forward pass sums an element's terms in one f32 chain: a long one is taken in slices of the input
// channels, whose sums are added, so that errors grow with the root of a slice's terms.
#include <algorithm>
#include <optional>

#include "core/base/lru_cache.h"
#include "core/kernels/cpu/convolution.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/onednn/engine.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu::onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr size_t kCachedPlans = 512;
constexpr size_t kPackedLayouts = 40;    // of a weight: a slice has its own
constexpr int64_t kFewestChannels = 16;  // of a slice

/// What one primitive of a forward pass does: all of it, or a slice of the input channels.
struct Forward {
  ConvolutionGeometry geometry;  ///< with the slice's channels
  int64_t all_inputs;            ///< of a pixel
  bool with_bias, adds;          ///< to what the slices before have made

  bool operator==(const Forward&) const = default;
};

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
  size_t operator()(const Forward& f) const { return (*this)(f.geometry) * 4 + static_cast<size_t>(f.all_inputs) * 8 + (f.with_bias ? 1 : 0) + (f.adds ? 2 : 0); }
};

memory::desc describe(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

/// [out, in, h, w], or with groups [groups, out / groups, in / groups, h, w]: the same bytes.
memory::dims weight_dims(const ConvolutionGeometry& g) {
  if (g.groups == 1) return {g.out_channels, g.in_channels, g.kernel_height, g.kernel_width};
  return {g.groups, g.out_channels / g.groups, g.in_channels / g.groups, g.kernel_height, g.kernel_width};
}

/// Descriptors and padding that all three directions share.
struct Descriptors {
  Descriptors(const ConvolutionGeometry& g, bool with_bias)
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

  /// Of a slice: its channels lie between those of others.
  explicit Descriptors(const Forward& f) : Descriptors(f.geometry, f.with_bias) {
    const ConvolutionGeometry& g = f.geometry;
    if (f.adds) {
      dnnl::post_ops add;
      add.append_sum();
      attributes.set_post_ops(add);
    }
    if (f.all_inputs == g.in_channels) return;
    const int64_t row = g.in_width * f.all_inputs, window = g.kernel_height * g.kernel_width;
    slice = {x.get_dims(), memory::data_type::f32, memory::dims{g.in_height * row, 1, row, f.all_inputs}};
    plain_weight = {weight_dims(g), memory::data_type::f32, memory::dims{f.all_inputs * window, window, g.kernel_width, 1}};
  }

  dnnl::convolution_forward::primitive_desc forward() const {
    return {engine(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x, weight, bias, y, strides, dilation,
            padding_before, padding_after, attributes};
  }

  memory::desc x, y, weight, plain_weight, bias;
  memory::desc slice;  ///< x where it lies between other channels; zero where there are none
  memory::dims strides, dilation, padding_before, padding_after;
  dnnl::primitive_attr attributes;
};

/// One direction of one geometry: the primitive, its weight layout, and the reorder between that and row-major.
struct Plan {
  dnnl::primitive primitive;
  memory::desc x, y, weight, plain_weight, bias, scratchpad;
  std::optional<dnnl::reorder> reorder;  ///< none where the layouts are the same
  memory::desc slice;                ///< x where it lies between other channels
  std::optional<dnnl::reorder> cut;  ///< the slice to x; none where there are no others
};

template <typename PrimitiveDesc>
Plan make_plan(const PrimitiveDesc& desc, const Descriptors& descriptors, const memory::desc& weight, bool pack) {
  Plan plan{dnnl::primitive(desc), descriptors.x, descriptors.y, weight, descriptors.plain_weight, descriptors.bias, desc.scratchpad_desc(), {}, {}, {}};
  if (weight != descriptors.plain_weight) {
    const memory::desc& from = pack ? descriptors.plain_weight : weight;
    const memory::desc& to = pack ? weight : descriptors.plain_weight;
    plan.reorder = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
  }
  return plan;
}

using PlanCache = LruCache<ConvolutionGeometry, Plan, GeometryHash>;

Plan& forward_plan(const Forward& what) {
  thread_local LruCache<Forward, Plan, GeometryHash> cache(kCachedPlans);
  return cache.get(what, [&] {
    const Descriptors descriptors(what);
    const auto desc = descriptors.forward();
    Plan plan = make_plan(desc, descriptors, desc.weights_desc(), true);
    if (what.all_inputs == what.geometry.in_channels) return plan;
    plan.slice = descriptors.slice;
    plan.cut = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), plan.slice, engine(), plan.x));
    return plan;
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

/// Input channels of a slice at most: all of them, but for long chains without groups.
int64_t channels_of_slice(const ConvolutionGeometry& g) {
  const int64_t window = g.kernel_height * g.kernel_width;
  if (g.groups > 1 || g.in_channels * window <= kLongestChain) return std::max<int64_t>(1, g.in_channels);
  return std::max(kFewestChannels, kLongestChain / window / kFewestChannels * kFewestChannels);
}

void run_forward(const ConvolutionForward& args, const Forward& what, int64_t first_channel) {
  Plan& plan = forward_plan(what);
  const int64_t window = what.geometry.kernel_height * what.geometry.kernel_width;
  const void* weight = packed_weight(plan, what.geometry, false, args.weight + first_channel * window, *args.packed, args.weight_version);
  const Tensor scratchpad = workspace(plan.scratchpad), cut = plan.cut ? workspace(plan.x) : Tensor();
  if (plan.cut) {
    memory from = wrap(plan.slice, args.x + first_channel), to = wrap(plan.x, cut.bytes());
    plan.cut->execute(stream(), from, to);
  }
  plan.primitive.execute(stream(), {{DNNL_ARG_SRC, wrap(plan.x, plan.cut ? cut.bytes() : static_cast<const void*>(args.x))},
                                    {DNNL_ARG_WEIGHTS, wrap(plan.weight, weight)},
                                    {DNNL_ARG_BIAS, wrap(plan.bias, args.bias)},
                                    {DNNL_ARG_DST, wrap(plan.y, args.y)},
                                    {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratchpad.bytes())}});
}

void forward(const ConvolutionForward& args) {
  Forward what{args.geometry, args.geometry.in_channels, args.bias != nullptr, false};
  const Pieces slices(what.all_inputs, channels_of_slice(args.geometry));
  for (int64_t slice = 0; slice < slices.count; ++slice) {
    what.geometry.in_channels = slices.size(slice);
    what.adds = slice > 0, what.with_bias = args.bias && !what.adds;
    run_forward(args, what, slices.begin(slice));
  }
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
