// SPDX-License-Identifier: Apache-2.0
// What all ranks must find alike: failures and identities. Collective: every rank of the communicator calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "distributed/communicator.h"

namespace tessera::distributed {

/// Every rank's text, in rank order.
std::vector<std::string> all_gather_texts(Communicator& communicator, std::string_view mine, const char* caller);

/// Every rank passes its own failure or none. If any failed, all get the same error: the lowest failed rank's, told to be
/// of that rank and host (`hosts` has a name for each rank) unless all ranks report the same.
std::optional<Error> agree(Communicator& communicator, const std::optional<Error>& mine, const std::vector<std::string>& hosts);

/// Throws the same Error(usage) on every rank if `mine` is not the same everywhere; it names the ranks and hosts that differ
/// from rank 0. `what` is for example "recipe"; `fix` says what to do.
void require_same(Communicator& communicator, std::string_view what, std::string_view mine, const std::vector<std::string>& hosts,
                  std::string_view fix);

}  // namespace tessera::distributed
