// SPDX-License-Identifier: Apache-2.0
#include "distributed/local_communicator.h"

#include <cstring>

namespace tessera::distributed {
namespace {

class InlineExecutor : public Executor {
 public:
  bool run(std::function<void()> task) override {
    task();
    return true;
  }
};

std::shared_ptr<CommunicatorIdentity> identity_of_one(const std::string& name) {
  auto identity = std::make_shared<CommunicatorIdentity>();
  identity->name = name;
  identity->world_ranks = {0};
  return identity;
}

void carry_out(const CollectiveRequest& request) {
  if (request.combine_terms) {
    const auto* own = reinterpret_cast<const float*>(request.input.data());
    if (request.input.elements() > 0) request.combine_terms(0, request.input.elements(), {&own, 1});
    return;
  }
  const size_t size_bytes = request.input.size_bytes();
  if (size_bytes > 0 && request.input.data() != request.output.data()) {
    std::memcpy(request.output.data(), request.input.data(), size_bytes);
  }
}

}  // namespace

LocalCommunicator::LocalCommunicator(const std::string& name, std::shared_ptr<FlightRecorder> recorder)
    : Communicator(0, 1, identity_of_one(name), std::move(recorder), std::make_shared<InlineExecutor>()) {}

std::shared_ptr<Communicator> LocalCommunicator::split(int color, int, const std::string& axis) {
  if (color < 0) return nullptr;
  return std::make_shared<LocalCommunicator>(axis, recorder());
}

void LocalCommunicator::start(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) {
  ready.on_finished([work, request = std::move(request)](const std::exception_ptr& error) {
    work->recorder().started(work->record());
    if (!error) work->write_output([&] { carry_out(request); });
    work->finish(error);
  });
}

}  // namespace tessera::distributed
