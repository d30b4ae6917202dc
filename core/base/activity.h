// SPDX-License-Identifier: Apache-2.0
// A process-wide sign of life: bumped by every op, in forward and backward, and read by the watchdog to tell a rank that computes slowly from
// one that is stuck. Nothing but diagnostics may depend on it.
#pragma once

#include <atomic>
#include <cstdint>

namespace tessera {

inline constinit std::atomic<uint64_t> activity_ticks{0};

inline void tick_activity() { activity_ticks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace tessera
