// SPDX-License-Identifier: Apache-2.0
#include "distributed/runtime.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <random>
#include <set>
#include <sstream>

#include "distributed/affinity.h"
#include "distributed/agreement.h"
#include "distributed/core_rotation.h"
#include "distributed/local_communicator.h"
#include "distributed/mpi/environment.h"
#include "distributed/mpi/session.h"
#include "distributed/watchdog/link.h"
#include "distributed/watchdog/table.h"
#include "distributed/watchdog/watchdog.h"

namespace tessera::distributed {
namespace {

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

uint64_t random_nonce() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

// The first ranks of the first two hosts; none on a single host.
std::vector<int> watchdog_hubs(const std::vector<int>& leaders) {
  const std::set<int> distinct(leaders.begin(), leaders.end());
  if (distinct.size() < 2) return {};
  return {*distinct.begin(), *std::next(distinct.begin())};
}

}  // namespace

Runtime::Runtime() : Runtime(Options{}) {}

Runtime::Runtime(const Options& options) : recorder_(std::make_shared<FlightRecorder>()), exceptions_(std::uncaught_exceptions()) {
  if (mpi::started_by_launcher()) {
    session_ = std::make_unique<mpi::Session>(recorder_);
    if (session_->size() == 1 && mpi::launcher_world_size() > 1) {
      throw Error(ErrorKind::usage, fmt::format("the launcher started {} processes that MPI cannot connect", mpi::launcher_world_size()),
                  "MPI", "use the mpirun of the same MPI, or srun --mpi=pmix");
    }
  }
  if (session_ && session_->size() > 1) {
    world_ = session_->world();
    exchange_hosts(host_name());
    session_->set_crowded(local_size() > static_cast<int>(read_affinity().online));
    if (options.watchdog) start_watchdog();
  } else {
    world_ = std::make_shared<LocalCommunicator>("world", recorder_);
    hosts_ = {host_name()};
    leaders_ = {0};
  }
}

Runtime::~Runtime() {
  if (std::uncaught_exceptions() > exceptions_ && size() > 1) {
    abort(kExitOther,
          fmt::format("tessera: rank {} on host {} ends the job: an error left it while others may wait for it", rank(), host()));
  }
  if (size() > 1) recorder_->wait_until_none_open(Deadline::never());
  rotation_.reset();
  watchdog_.reset();
  world_.reset();
  session_.reset();
}

void Runtime::exchange_hosts(const std::string& host) {
  const std::vector<std::string> texts = all_gather_texts(*world_, fmt::format("{} {}", session_->host_leader(), host), "names of hosts");
  for (const std::string& text : texts) {
    leaders_.push_back(std::stoi(text));
    hosts_.push_back(text.substr(text.find(' ') + 1));
  }
}

void Runtime::start_watchdog() {
  const int leader = leaders_[static_cast<size_t>(rank())];
  const std::vector<int> hubs = watchdog_hubs(leaders_);
  const bool is_hub = std::count(hubs.begin(), hubs.end(), rank()) > 0;
  std::unique_ptr<watchdog::HubListener> listener;
  if (is_hub) listener = std::make_unique<watchdog::HubListener>();
  const uint64_t my_nonce = random_nonce();  // rank 0's counts
  const std::vector<std::string> words =
      all_gather_texts(*world_, fmt::format("{} {}", my_nonce, listener ? listener->address().text() : ""), "start of the watchdog");
  const uint64_t nonce = std::stoull(words[0]);
  const std::string name = fmt::format("/tessera-{:016x}-{}", nonce, leader);

  // The first rank of a host makes the segment, then the others open it; a failure is everybody's.
  std::unique_ptr<watchdog::SlotTable> table;
  for (const bool create : {true, false}) {
    std::optional<Error> failure;
    try {
      if (create == (rank() == leader)) table = std::make_unique<watchdog::SlotTable>(name, size(), create);
    } catch (const Error& error) {
      failure = error;
    }
    if (const auto agreed = agree(failure)) throw *agreed;
  }
  if (rank() == leader) table->unlink();

  std::unique_ptr<watchdog::HostLink> own_hub;
  if (listener) own_hub = watchdog::make_hub(std::move(listener), nonce, leaders_, leader);
  std::vector<std::unique_ptr<watchdog::HostLink>> leaves;
  for (const int hub : hubs) {
    const std::string& text = words[static_cast<size_t>(hub)];
    const auto address = watchdog::HubAddress::parse(text.substr(text.find(' ') + 1));
    if (hub != rank()) leaves.push_back(watchdog::make_leaf(address, nonce, leaders_, leader));
  }
  watchdog_ =
      std::make_unique<watchdog::Watchdog>(rank(), hosts_, leaders_, recorder_, std::move(table), std::move(own_hub), std::move(leaves));
}

int Runtime::rotate_cores() {
  constexpr const char* kCaller = "cores of ranks";
  const RankOnCores mine = read_own_cores();
  const std::vector<std::string> texts = all_gather_texts(*world_, fmt::format("{} {} {}", mine.process, mine.last_cache, fmt::join(mine.cores, " ")), kCaller);
  std::vector<RankOnCores> of_host;
  for (size_t r = 0; r < texts.size(); ++r) {
    if (leaders_[r] != leaders_[static_cast<size_t>(rank())]) continue;
    std::istringstream text(texts[r]);
    RankOnCores& other = of_host.emplace_back();
    text >> other.process >> other.last_cache;
    for (int core = 0; text >> core;) other.cores.push_back(core);
  }
  std::vector<RankOnCores> ranks = ranks_in_turns(of_host, static_cast<size_t>(local_rank()));
  const bool moves = !ranks.empty() && ranks.front().process == mine.process;
  std::vector<int64_t> forbidden = {moves && !may_move(ranks) ? 1 : 0};
  world_->all_reduce(forbidden, forbidden, ReduceOp::max, ReadyEvent::now(), kCaller).wait();
  if (forbidden[0] == 1) return 0;
  const int others = ranks.empty() ? 0 : static_cast<int>(ranks.size()) - 1;
  if (moves) rotation_ = std::make_unique<CoreRotation>(std::move(ranks));
  return others;
}

void Runtime::set_step(int64_t step) {
  recorder_->set_step(step);
  if (rotation_) rotation_->begin_step();
}

int Runtime::local_rank() const {
  const int leader = leaders_[static_cast<size_t>(rank())];
  return static_cast<int>(std::count(leaders_.begin(), leaders_.begin() + rank(), leader));
}

int Runtime::local_size() const {
  return static_cast<int>(std::count(leaders_.begin(), leaders_.end(), leaders_[static_cast<size_t>(rank())]));
}

int Runtime::hosts() const { return static_cast<int>(std::set<int>(leaders_.begin(), leaders_.end()).size()); }

std::vector<watchdog::RankView> Runtime::watch() const { return watchdog_ ? watchdog_->ranks() : std::vector<watchdog::RankView>{}; }

std::optional<Error> Runtime::agree(const std::optional<Error>& mine) { return distributed::agree(*world_, mine, hosts_); }

void Runtime::require_same(std::string_view what, std::string_view mine, std::string_view fix) {
  distributed::require_same(*world_, what, mine, hosts_, fix);
}

void Runtime::abort(int exit_status, std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(nullptr);
  if (session_) session_->abort(exit_status);
  _exit(exit_status);
}

}  // namespace tessera::distributed
