// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/config/kinds.h"
#include "core/config/resolve.h"

namespace tessera::launcher {

/// A recipe, resolved, with what identifies it.
struct Job {
  config::Resolved resolved;
  std::string text;  ///< resolved YAML
  std::string hash;  ///< of the mathematics

  const config::Recipe& recipe() const { return resolved.recipe; }
};

/// Throws Error(usage) with file and line.
Job load_job(const std::filesystem::path& recipe, std::span<const std::string> overrides, const config::KindRegistry& registry);

/// The same from the resolved text that a checkpoint holds.
Job job_from_text(const std::string& text, const std::string& source, const config::KindRegistry& registry);

}  // namespace tessera::launcher
