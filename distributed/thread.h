// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

namespace tessera::distributed {

/// A thread that no signal reaches: they are the main thread's business.
std::thread start_thread(std::function<void()> body);

}  // namespace tessera::distributed
