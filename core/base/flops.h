// SPDX-License-Identifier: Apache-2.0
// Floating-point operations of matrix products and convolutions that the thread that trains has asked for: what a model's utilisation of a machine is
// computed from. A multiplication and its addition count as two; work done anew to save memory does not count (Chowdhery et al. 2022, appendix B).
#pragma once

namespace tessera {

inline constinit thread_local double counted_flops = 0.0;

inline void count_flops(double flops) { counted_flops += flops; }

/// Nothing counts on this thread while the object lives.
class UncountedFlops {
 public:
  UncountedFlops() : before_(counted_flops) {}
  ~UncountedFlops() { counted_flops = before_; }
  UncountedFlops(const UncountedFlops&) = delete;
  UncountedFlops& operator=(const UncountedFlops&) = delete;

 private:
  double before_;
};

}  // namespace tessera
