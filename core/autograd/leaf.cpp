// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/leaf.h"

#include "core/base/error.h"
#include "core/base/profiler.h"
#include "core/kernels/kernels.h"

namespace tessera::autograd {

void Leaf::accept(Tensor gradient) {
  TESSERA_ASSERT(gradient.shape() == view_.shape(), "gradient of shape " + gradient.shape().text() + " for a parameter of shape " + view_.shape().text());
  if (gradient.bytes() == view_.bytes()) {
    // It was written in place.
  } else if (!written_) {
    copy_into(gradient, view_);
  } else {
    const Tensor part = contiguous(gradient);
    kernels_for(view_.device()).elementwise.add({view_.elements(), view_.data<float>(), part.data<float>(), view_.data<float>()});
  }
  written_ = true;
  if (--uses_ == 0) fire();
}

Tensor Leaf::gradient_target(const Shape& shape, bool channels_last) {
  if (!written_ && !channels_last && shape == view_.shape()) return view_;
  return Node::gradient_target(shape, channels_last);
}

Tensor Leaf::take_received() {
  if (!written_) return {};
  written_ = false;
  return view_;
}

Tensor Leaf::early_target(const Shape& shape) {
  if (written_ || shape != view_.shape()) return Node::early_target(shape);
  written_ = true;
  return view_;
}

void Leaf::end_use() {
  if (--uses_ > 0) return;
  if (!written_) fill_zero(view_);
  fire();
}

void Leaf::fire() {
  fired_ = true;
  if (!hook_) return;
  const ProfileScope scope(Phase::gradient_sum, "sum gradients");
  hook_->gradient_ready(index_);
}

void Leaf::finish_backward() {
  if (!fired_) {
    if (!written_) fill_zero(view_);
    fire();
  }
  reset();
}

void Leaf::reset() {
  uses_ = 0;
  written_ = fired_ = false;
}

}  // namespace tessera::autograd
