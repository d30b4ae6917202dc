// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/peer_memory.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <random>
#include <system_error>

#include "core/base/error.h"
#include "distributed/mpi/engine.h"

namespace tessera::distributed::mpi {
namespace {

/// Where a rank's probe lies and what stands there: another host's process of that number would show something else.
struct Probe {
  int64_t process;
  uint64_t address;
  uint64_t content;
};

uint64_t random_bits() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

// The bytes that were read; -1 with errno.
ssize_t read_from(pid_t process, const void* address, void* target, size_t size_bytes) {
  const iovec local{target, size_bytes};
  const iovec remote{const_cast<void*>(address), size_bytes};  // only read
  return process_vm_readv(process, &local, 1, &remote, 1, 0);
}

bool shows(const Probe& probe) {
  uint64_t content = 0;
  const ssize_t count = read_from(static_cast<pid_t>(probe.process), reinterpret_cast<const void*>(probe.address), &content, sizeof content);  // NOLINT
  return count == sizeof content && content == probe.content;
}

}  // namespace

std::vector<int> ranks_of_this_host(MPI_Comm comm) {
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
  int size = 0, rank = 0;
  MPI_Comm_size(host, &size);
  MPI_Comm_rank(comm, &rank);
  std::vector<int> ranks(static_cast<size_t>(size));
  check(MPI_Allgather(&rank, 1, MPI_INT, ranks.data(), 1, MPI_INT, host), "MPI_Allgather");
  MPI_Comm_free(&host);
  return ranks;
}

PeerMemory::PeerMemory(MPI_Comm comm) {
  int size = 0, rank = 0;
  MPI_Comm_size(comm, &size);
  MPI_Comm_rank(comm, &rank);
  const uint64_t content = random_bits();
  const Probe mine{getpid(), reinterpret_cast<uint64_t>(&content), content};
  std::vector<Probe> probes(static_cast<size_t>(size));
  check(MPI_Allgather(&mine, sizeof mine, MPI_BYTE, probes.data(), sizeof mine, MPI_BYTE, comm), "MPI_Allgather");
  std::vector<char> reads(probes.size(), 0), is_read(probes.size(), 0);
  for (const int peer : ranks_of_this_host(comm)) reads[static_cast<size_t>(peer)] = peer != rank && shows(probes[static_cast<size_t>(peer)]);
  check(MPI_Alltoall(reads.data(), 1, MPI_CHAR, is_read.data(), 1, MPI_CHAR, comm), "MPI_Alltoall");  // keeps `content` until all have read it
  for (size_t peer = 0; peer < probes.size(); ++peer) processes_.push_back(reads[peer] && is_read[peer] ? static_cast<pid_t>(probes[peer].process) : 0);
  int all = std::count(processes_.begin(), processes_.end(), 0) == 1;  // itself
  check(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_LAND, comm), "MPI_Allreduce");
  all_reach_all_ = all != 0;
}

bool PeerMemory::reaches_any() const {
  return std::any_of(processes_.begin(), processes_.end(), [](pid_t process) { return process > 0; });
}

void PeerMemory::share(const std::shared_ptr<SharedBlock>& block) {
  std::erase_if(own_, [](const std::weak_ptr<SharedBlock>& other) { return other.expired(); });
  own_.push_back(block);
}

Offer PeerMemory::offer(const std::byte* data, size_t size_bytes) const {
  for (const std::weak_ptr<SharedBlock>& weak : own_) {
    const std::shared_ptr<SharedBlock> block = weak.lock();
    if (!block || data < block->data() || data + size_bytes > block->data() + block->name().size_bytes) continue;
    return {data, size_bytes, block->name(), static_cast<size_t>(data - block->data())};
  }
  return {data, size_bytes};
}

const std::byte* PeerMemory::view(int peer, const Offer& offer) {
  if (offer.block.file < 0) return nullptr;
  const auto [place, is_new] = mapped_.try_emplace({peer, offer.block.inode});
  if (is_new) place->second = SharedBlock::of(processes_[static_cast<size_t>(peer)], offer.block);
  return place->second ? place->second->data() + offer.offset_bytes : nullptr;
}

bool PeerMemory::read(int peer, const std::byte* address, std::byte* target, size_t size_bytes) const {
  while (size_bytes > 0) {
    const ssize_t count = read_from(processes_[static_cast<size_t>(peer)], address, target, size_bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ESRCH) return false;
    if (count <= 0) {
      throw Error(ErrorKind::runtime,
                  fmt::format("reading {} bytes of rank {}'s memory failed: {}", size_bytes, peer, std::generic_category().message(count < 0 ? errno : EFAULT)),
                  "process_vm_readv");
    }
    address += count;
    target += count;
    size_bytes -= static_cast<size_t>(count);
  }
  return true;
}

}  // namespace tessera::distributed::mpi
