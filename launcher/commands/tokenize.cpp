// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <chrono>

#include "core/data/token_shards.h"
#include "core/data/tokenize.h"
#include "launcher/commands/commands.h"
#include "launcher/report/progress.h"

namespace tessera::launcher {
namespace {

double megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

std::string progress_text(const data::TokenizeProgress& at, double elapsed_s) {
  const auto now = static_cast<double>(at.done_bytes - at.resumed_bytes);
  const auto left = static_cast<double>(at.all_bytes - at.done_bytes);
  const std::string eta = now > 0 ? clock_text(elapsed_s * left / now) : "?";
  return fmt::format("{:.1f} of {:.1f} MB, {} tokens, {} shards, {:.1f} MB/s, {} left", megabytes(at.done_bytes), megabytes(at.all_bytes), at.tokens, at.shards,
                     now / 1e6 / std::max(elapsed_s, 1e-9), eta);
}

}  // namespace

int tokenize(const TokenizeArguments& arguments) {
  const auto tokenizer = text::open_tokenizer(arguments.tokenizer);
  data::TokenizePlan plan;
  plan.inputs.assign(arguments.inputs.begin(), arguments.inputs.end());
  plan.out = arguments.out;
  plan.name = arguments.name;
  plan.key = arguments.key;
  plan.shard_tokens = arguments.shard_tokens;
  plan.threads = arguments.threads;
  Progress progress(true);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed_s = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const data::TokenizeProgress result = data::tokenize_files(*tokenizer, plan, [&](const data::TokenizeProgress& at) {
    if (progress.due()) progress.update(progress_text(at, elapsed_s()));
  });
  progress.line(fmt::format("{} tokens of a vocabulary of {} in {} shards {}/{}_*.bin ({:.1f} s)", result.tokens, tokenizer->vocabulary(), result.shards,
                            plan.out.string(), plan.name, elapsed_s()));
  return kExitDone;
}

}  // namespace tessera::launcher
