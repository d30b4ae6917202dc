// SPDX-License-Identifier: Apache-2.0
// Everything a recipe may name, and how it is made.
#pragma once

#include <memory>
#include <string_view>

#include "core/config/kinds.h"
#include "core/config/recipe.h"
#include "core/data/dataset.h"
#include "core/data/text_table.h"
#include "core/data/webdataset.h"
#include "core/task/task.h"
#include "core/text/tokenizer.h"

namespace tessera::recipes {

/// All kinds of models, tasks, data sets, optimizers and schedules.
config::KindRegistry make_registry();

/// The task with its model; no memory is allocated for parameters yet. Throws Error(usage) for sizes that do not fit.
std::unique_ptr<Task> make_task(const config::Recipe& recipe);

/// Makes what opening the split needs on disk, for one process of a job; most kinds need nothing. False: the observer stopped it.
bool prepare_dataset(const config::DataBlock& block, std::string_view split, const data::PrepareObserver& observer);

/// `progress` is told of kinds that read all of a split at once. Throws Error(data) for missing or broken files, Error(usage) for a split that the data set does not have.
std::shared_ptr<const data::Dataset> open_dataset(const config::DataBlock& block, std::string_view split, const data::ReadingProgress& progress = {});

/// What the data's token ids stand for. Throws Error(usage) for data that is no text.
std::shared_ptr<const text::Tokenizer> make_tokenizer(const config::DataBlock& block);

/// Throws Error(usage) that names key and fix where samples do not have the shape that the model takes or targets that the task takes, or have more classes.
void check_data_fits(const config::Recipe& recipe, const data::Dataset& dataset);

}  // namespace tessera::recipes
