// SPDX-License-Identifier: Apache-2.0
// The slots of all ranks in memory that the ranks of a host share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "distributed/watchdog/slot.h"

namespace tessera::distributed::watchdog {

class SlotTable {
 public:
  /// The first rank of a host creates the segment, the others open it; `name` starts with a slash. Throws Error(runtime).
  SlotTable(const std::string& name, int ranks, bool create);
  ~SlotTable();
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;

  /// Once all have opened it: the memory goes with its last process, whatever ends that.
  void unlink() const;

  /// A rank writes its own slot, and whoever speaks for the host at the moment those of other hosts' ranks.
  void write(int rank, const RankSlot& slot);
  /// The newest whole slot. A process that stopped while it wrote is seen with its former slot.
  RankSlot read(int rank);

 private:
  struct Cell;

  std::string name_;
  size_t size_bytes_ = 0;
  Cell* cells_ = nullptr;
  std::vector<RankSlot> last_;
};

}  // namespace tessera::distributed::watchdog
