// SPDX-License-Identifier: Apache-2.0
#include "distributed/reduce.h"

#include <type_traits>

#include "core/base/error.h"

namespace tessera::distributed {
namespace {

template <typename Element>
Element sum_of(Element a, Element b) {
  if constexpr (std::is_integral_v<Element>) {
    using Unsigned = std::make_unsigned_t<Element>;
    return static_cast<Element>(static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)));
  } else {
    return a + b;
  }
}

// ivdep: element i depends on element i alone, also when `out` is one of the inputs.
template <typename Element, typename Function>
void loop(const std::byte* a_bytes, const std::byte* b_bytes, std::byte* out_bytes, size_t elements, Function function) {
  const auto* a = reinterpret_cast<const Element*>(a_bytes);
  const auto* b = reinterpret_cast<const Element*>(b_bytes);
  auto* out = reinterpret_cast<Element*>(out_bytes);
#pragma GCC ivdep
  for (size_t i = 0; i < elements; ++i) out[i] = function(a[i], b[i]);
}

template <typename Element>
void combine_typed(ReduceOp op, const std::byte* a, const std::byte* b, std::byte* out, size_t elements) {
  switch (op) {
    case ReduceOp::sum: return loop<Element>(a, b, out, elements, [](Element x, Element y) { return sum_of(x, y); });
    case ReduceOp::max: return loop<Element>(a, b, out, elements, [](Element x, Element y) { return x < y ? y : x; });
    case ReduceOp::min: return loop<Element>(a, b, out, elements, [](Element x, Element y) { return y < x ? y : x; });
  }
}

}  // namespace

size_t size_bytes_of(ElementType type) {
  switch (type) {
    case ElementType::f64:
    case ElementType::i64: return 8;
    case ElementType::f32:
    case ElementType::i32:
    case ElementType::u32: return 4;
    case ElementType::u8:
    case ElementType::byte: return 1;
  }
  return 1;
}

std::string_view name_of(ElementType type) {
  switch (type) {
    case ElementType::f32: return "f32";
    case ElementType::f64: return "f64";
    case ElementType::i64: return "i64";
    case ElementType::i32: return "i32";
    case ElementType::u32: return "u32";
    case ElementType::u8: return "u8";
    case ElementType::byte: return "byte";
  }
  return "?";
}

std::string_view name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum: return "sum";
    case ReduceOp::max: return "max";
    case ReduceOp::min: return "min";
  }
  return "?";
}

void combine(ReduceOp op, ElementType type, const std::byte* a, const std::byte* b, std::byte* out, size_t elements) {
  switch (type) {
    case ElementType::f32: return combine_typed<float>(op, a, b, out, elements);
    case ElementType::f64: return combine_typed<double>(op, a, b, out, elements);
    case ElementType::i64: return combine_typed<int64_t>(op, a, b, out, elements);
    case ElementType::i32: return combine_typed<int32_t>(op, a, b, out, elements);
    case ElementType::u32: return combine_typed<uint32_t>(op, a, b, out, elements);
    case ElementType::u8: return combine_typed<uint8_t>(op, a, b, out, elements);
    case ElementType::byte: break;
  }
  TESSERA_ASSERT(false, "bytes have no arithmetic");
}

}  // namespace tessera::distributed
