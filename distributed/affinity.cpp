// SPDX-License-Identifier: Apache-2.0
#include "distributed/affinity.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tessera::distributed {
namespace {

std::string ranges_text(const std::vector<int>& cores) {
  std::string text;
  for (size_t i = 0; i < cores.size();) {
    size_t end = i + 1;
    while (end < cores.size() && cores[end] == cores[end - 1] + 1) ++end;
    if (!text.empty()) text += ',';
    text += end - i > 1 ? fmt::format("{}-{}", cores[i], cores[end - 1]) : fmt::format("{}", cores[i]);
    i = end;
  }
  return text;
}

// "0-3,8" as the kernel writes lists of cores.
void add_ranges(const std::string& text, cpu_set_t& set) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    unsigned first = 0;
    const char* end = part.data() + part.size();
    const auto parsed = std::from_chars(part.data(), end, first);
    unsigned last = first;
    if (parsed.ptr < end && *parsed.ptr == '-') std::from_chars(parsed.ptr + 1, end, last);
    for (unsigned core = first; core <= last && core < CPU_SETSIZE; ++core) CPU_SET(core, &set);
  }
}

// The cores of the memory node that the calling thread runs on.
cpu_set_t cores_of_this_node() {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned core = 0;
  unsigned node = 0;
  if (getcpu(&core, &node) != 0) return set;
  std::ifstream file(fmt::format("/sys/devices/system/node/node{}/cpulist", node));
  std::string line;
  if (std::getline(file, line)) add_ranges(line, set);
  return set;
}

}  // namespace

Affinity read_affinity() {
  Affinity affinity;
  affinity.online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return affinity;
  for (size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) affinity.allowed.push_back(static_cast<int>(core));
  }
  return affinity;
}

std::string describe(const Affinity& affinity) {
  return fmt::format("core{} {} of {}", affinity.allowed.size() == 1 ? "" : "s", ranges_text(affinity.allowed), affinity.online);
}

std::string affinity_warning(const Affinity& affinity, int threads, int ranks_on_host) {
  const int allowed = static_cast<int>(affinity.allowed.size());
  if (allowed == 0) return "";
  if (ranks_on_host * threads > affinity.online) {
    return fmt::format("{} ranks of {} threads share {} cores; use fewer ranks or a smaller run.threads", ranks_on_host, threads,
                       affinity.online);
  }
  if (allowed < threads) {
    return fmt::format("bound to {} with run.threads {}; start with mpirun --map-by slot:PE={} --bind-to core, or --bind-to none",
                       describe(affinity), threads, threads);
  }
  return "";
}

struct ThreadAffinity::Cores {
  cpu_set_t own, wide;
};

ThreadAffinity::ThreadAffinity() : cores_(std::make_unique<Cores>()) {
  CPU_ZERO(&cores_->own);
  sched_getaffinity(0, sizeof cores_->own, &cores_->own);
  const cpu_set_t node = cores_of_this_node();
  CPU_OR(&cores_->wide, &node, &cores_->own);
}

ThreadAffinity::~ThreadAffinity() = default;

void ThreadAffinity::set_wide(bool wide) {
  if (wide == wide_ || CPU_EQUAL(&cores_->own, &cores_->wide)) return;
  if (!wide) sched_getaffinity(getpid(), sizeof cores_->own, &cores_->own);  // it may have been moved
  const cpu_set_t& set = wide ? cores_->wide : cores_->own;
  sched_setaffinity(0, sizeof set, &set);
  wide_ = wide;
}

void widen_affinity_of_this_thread() { ThreadAffinity().set_wide(true); }

}  // namespace tessera::distributed
