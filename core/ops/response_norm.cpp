// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/kernels/kernels.h"
#include "core/ops/channels.h"
#include "core/ops/checks.h"
#include "core/ops/normalisation.h"

namespace tessera::ops {
namespace {

class ResponseNormNode final : public autograd::Node {
 public:
  ResponseNormNode(const ResponseNormOptions& options, Tensor input, Tensor divisor)
      : options_(options), input_(std::move(input)), divisor_(std::move(divisor)) {}

  const char* name() const override { return "local_response_norm"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_innermost(gradient);
    const ChannelExtent extent = channel_extent(input_.shape());
    Tensor dx = empty_like(input_);
    kernels_for(dx.device())
        .normalisation.response_norm_backward({extent.rows(), extent.channels, options_.window, static_cast<float>(options_.alpha),
                                               static_cast<float>(options_.beta), input_.data<float>(), divisor_.data<float>(), dy.data<float>(),
                                               dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  ResponseNormOptions options_;
  Tensor input_, divisor_;
};

}  // namespace

Variable local_response_norm(const Variable& x, const ResponseNormOptions& options) {
  require_channels("local_response_norm", x.value());
  if (options.window < 1 || !(options.alpha >= 0.0) || !(options.start > 0.0)) {
    fail("local_response_norm", "window " + std::to_string(options.window) + ", alpha " + std::to_string(options.alpha) + " and start " +
                                    std::to_string(options.start) + " do not fit: the window is at least 1, alpha not negative, start above 0");
  }
  const Tensor input = channels_innermost(x.value());
  const ChannelExtent extent = channel_extent(input.shape());
  const Tensor output = empty_like(input), divisor = empty_like(input);
  kernels_for(output.device())
      .normalisation.response_norm_forward({extent.rows(), extent.channels, options.window, static_cast<float>(options.alpha),
                                            static_cast<float>(options.beta), static_cast<float>(options.start), input.data<float>(),
                                            output.data<float>(), divisor.data<float>()});
  return autograd::record<ResponseNormNode>(output, {&x}, options, input, divisor);
}

}  // namespace tessera::ops
