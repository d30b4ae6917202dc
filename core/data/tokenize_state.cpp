// SPDX-License-Identifier: Apache-2.0
#include "core/data/tokenize_state.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace tessera::data {

std::string text_of_state(const TokenizeState& state) {
  const nlohmann::ordered_json json = {{"identity", state.identity},
                                       {"shards", state.shards},
                                       {"input", state.input},
                                       {"document", state.document},
                                       {"tokens_of_document", state.tokens_of_document},
                                       {"done_bytes", state.done_bytes},
                                       {"all_tokens", state.all_tokens},
                                       {"finished", state.finished}};
  return json.dump(1) + "\n";
}

TokenizeState parse_state(std::string_view text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    TokenizeState state;
    state.identity = json.at("identity").get<std::string>();
    state.shards = json.at("shards").get<int64_t>();
    state.input = json.at("input").get<size_t>();
    state.document = json.at("document").get<int64_t>();
    state.tokens_of_document = json.at("tokens_of_document").get<int64_t>();
    state.done_bytes = json.at("done_bytes").get<uint64_t>();
    state.all_tokens = json.at("all_tokens").get<int64_t>();
    state.finished = json.at("finished").get<bool>();
    return state;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::data, "it does not say how far the shards are", where, "remove it and the shards of this name, and begin anew");
  }
}

}  // namespace tessera::data
