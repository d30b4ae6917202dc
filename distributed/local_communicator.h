// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "distributed/communicator.h"

namespace tessera::distributed {

/// One rank: every collective is at most a copy, done as soon as its ready event is, on the thread that makes it ready.
class LocalCommunicator : public Communicator {
 public:
  LocalCommunicator(const std::string& name, std::shared_ptr<FlightRecorder> recorder);

  std::shared_ptr<Communicator> split(int color, int key, const std::string& axis) override;

 protected:
  void start(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) override;
};

}  // namespace tessera::distributed
