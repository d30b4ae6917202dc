// SPDX-License-Identifier: Apache-2.0
#include "launcher/job/job.h"

#include "core/config/hash.h"
#include "core/config/load.h"
#include "core/config/yaml.h"

namespace tessera::launcher {
namespace {

Job resolve_job(const config::Node& document, const config::KindRegistry& registry) {
  Job job{config::resolve(document, registry), {}, {}};
  job.text = config::emit_yaml(job.resolved.document);
  job.hash = config::recipe_hash(job.resolved);
  return job;
}

}  // namespace

Job load_job(const std::filesystem::path& recipe, std::span<const std::string> overrides, const config::KindRegistry& registry) {
  return resolve_job(config::load_document(recipe, overrides, registry), registry);
}

Job job_from_text(const std::string& text, const std::string& source, const config::KindRegistry& registry) {
  return resolve_job(config::parse_yaml(text, source), registry);
}

}  // namespace tessera::launcher
