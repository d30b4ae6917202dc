// SPDX-License-Identifier: Apache-2.0
// Published weights: the Llama of 260,000 parameters of llama2.c.
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "launcher/generate/generator.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"

namespace tessera {
namespace {

const std::filesystem::path kFolder = TESSERA_STORIES_FOLDER;

class Stories : public testing::Test {
 protected:
  Stories()
      : job_(launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / "language/llama/stories260k.yaml", {}, recipes::make_registry())),
        task_(recipes::make_task(job_.recipe())),
        parameters_(task_->model(), 1),
        tokenizer_(text::open_tokenizer(kFolder / "tok512.bin")) {
    checkpoint::import_weights(checkpoint::weight_entries(parameters_), kFolder / "stories260K.bin", job_.recipe().init);
    parameters_.values_changed();
  }

  std::string greedy(const std::string& prompt, bool cache, int64_t tokens) {
    std::string text;
    launcher::generate_text(dynamic_cast<nn::Decoder&>(task_->model()), *tokenizer_,
                            {.prompt = prompt, .most_tokens = tokens, .cache = cache, .sampling = {.temperature = 0.0}}, [&](std::string_view part) { text += part; });
    return text;
  }

  launcher::Job job_;
  std::unique_ptr<Task> task_;
  nn::FlatParameters parameters_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

/// What llama2.c's own program writes for these weights.
TEST_F(Stories, GreedyTextIsThePublishedOne) {
  const std::string page = read_file(kFolder / "stories260K.md", ErrorKind::data);
  const size_t begin = page.find("Once upon a time"), end = page.find("\n```", begin);
  const std::string wanted = page.substr(begin, end - begin);
  ASSERT_GT(wanted.size(), 400u);
  const std::string text = greedy("", true, 256);  // as many as that program writes
  EXPECT_EQ(text.substr(0, wanted.size()), wanted);
  EXPECT_LT(text.size(), wanted.size() + 10);
}

TEST_F(Stories, TheCacheChangesNoText) {
  for (const std::string prompt : {"", "Once", "Lily and Tom", "The dog said, \"", "It was a caf\u00e9."}) {
    EXPECT_EQ(greedy(prompt, true, 60), greedy(prompt, false, 60)) << prompt;
  }
}

}  // namespace
}  // namespace tessera
