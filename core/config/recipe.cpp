// SPDX-License-Identifier: Apache-2.0
#include "core/config/recipe.h"

namespace tessera::config {
namespace {

/// Keeps every sum of samples far inside 64 bits.
constexpr double kMaxBatchSamples = 1e9;
constexpr double kMaxSteps = 1e12;
constexpr double kMaxEpochs = 1e6;

}  // namespace

void RunConfig::declare(Fields& fields) {
  fields.add("name", name, {.doc = "what the run is called in logs", .effect = Effect::free});
  fields.add("seed", seed, {.doc = "key of every random number", .minimum = 0});
  fields.add("threads", threads,
             {.doc = "threads of kernels, a rank; never derived from the machine", .minimum = 1, .maximum = 1024});
  fields.add("out", out, {.doc = "run folder that every host sees; runs/NAME when not given", .effect = Effect::free});
  fields.add("peak_gflops", peak_gflops,
             {.doc = "rate of matrix products of a rank's cores, the largest square of `tessera bench --only gemm`; with it, metrics hold the share that the model uses (mfu)",
              .unit = "GFLOP/s",
              .effect = Effect::free,
              .above = 0,
              .late = true});
  fields.add("rotate_cores", rotate_cores,
             {.doc = "ranks of a host that have cores of their own hand these round within a step, if it is long enough, so that a slow core slows all by its share "
                     "instead of holding all up",
              .effect = Effect::free,
              .late = true});
}

void RenameRule::declare(Fields& fields) {
  fields.add("pattern", pattern, {.doc = "regular expression (Perl's, by PCRE2) that is searched for in the names of the file", .required = true});
  fields.add("replacement", replacement, {.doc = "what stands in place of every match; $1 is what the first group matched", .required = true});
}

void InitConfig::declare(Fields& fields) {
  fields.add("weights", weights, {.doc = "safetensors file to start from; null: initialise from run.seed"});
  fields.add("strict", strict, {.doc = "whether every tensor of model and file must have its counterpart"});
  fields.add("rename", rename, {.doc = "makes the model's names of the file's: search and replace, a rule after the other", .late = true});
  fields.add("skip", skip,
             {.doc = "regular expressions (as rename's), searched for in the names after rename: such tensors are not loaded, the model's own keep their fresh start", .late = true});
}

void DataBlock::declare(Fields& fields) {
  KindBlock::declare(fields);
  fields.add("workers", workers,
             {.doc = "threads that prepare samples, a rank; 0: the training thread does",
              .effect = Effect::free,
              .minimum = 0,
              .maximum = 1024});
  fields.add("prefetch_quanta", prefetch_quanta,
             {.doc = "how far preparation may run ahead", .unit = "quanta", .effect = Effect::free, .minimum = 1, .maximum = 4096});
  fields.add("on_error", on_error,
             {.doc = "what a sample that cannot be read does: stop ends the run, skip leaves its place empty (it weighs nothing, and is named and counted)",
              .choices = {"stop", "skip"},
              .late = true});
  fields.add("balanced", balanced, {.doc = "training draws every class equally often; an epoch is as many draws as there are samples", .late = true});
  fields.add("bucket_quanta", bucket_quanta,
             {.doc = "training sorts the samples of so many quanta at a time by length, so that a quantum's are about equally long, and puts these quanta in an order of their own; 0: never",
              .unit = "quanta", .minimum = 0, .maximum = 65536, .late = true});
}

void BatchConfig::declare(Fields& fields) {
  fields.add("global_samples", global_samples,
             {.doc = "samples of one optimizer update, over all ranks",
              .unit = "samples",
              .minimum = 1,
              .maximum = kMaxBatchSamples,
              .required = true});
  fields.add("micro_samples", micro_samples,
             {.doc = "samples of a quantum, which is never split between ranks; divides global_samples",
              .unit = "samples",
              .minimum = 1,
              .maximum = kMaxBatchSamples,
              .required = true});
}

void TrainConfig::declare(Fields& fields) {
  fields.add("epochs", epochs,
             {.doc = "length of training; or give steps",
              .unit = "epochs",
              .effect = Effect::extendable,
              .minimum = 1,
              .maximum = kMaxEpochs});
  fields.add("steps", steps,
             {.doc = "length of training; or give epochs",
              .unit = "steps",
              .effect = Effect::extendable,
              .minimum = 1,
              .maximum = kMaxSteps});
  fields.add("max_wall_s", max_wall_s,
             {.doc = "stop after a checkpoint when this long has passed", .unit = "s", .effect = Effect::free, .above = 0});
  fields.add("log_every_steps", log_every_steps,
             {.doc = "steps between two lines of metrics", .unit = "steps", .effect = Effect::free, .minimum = 1});
}

void ParameterGroup::declare(Fields& fields) {
  fields.add("match", match,
             {.doc = "pattern of full parameter names: * stands for any characters, ? for one, [a-c] for one of a set", .required = true});
  fields.add("weight_decay", weight_decay, {.doc = "instead of optimizer.weight_decay; null: the same", .minimum = 0});
  fields.add("learning_rate_factor", learning_rate_factor, {.doc = "multiplies the learning rate", .minimum = 0});
  fields.add("frozen", frozen, {.doc = "never updated, and without a gradient: backward ends at the lowest parameter that is not frozen"});
  fields.add("fixed_statistics", fixed_statistics,
             {.doc = "of running statistics (batch norm's) whose names match: they no longer move, and training normalises by them instead of the batch's, as PyTorch's eval()",
              .late = true});
}

void OptimizerBlock::declare(Fields& fields) {
  KindBlock::declare(fields);
  fields.add("learning_rate", learning_rate, {.doc = "size of an update, before the schedule", .above = 0, .required = true});
  fields.add("clip_norm", clip_norm, {.doc = "scale the gradient down to this Euclidean norm; null: never", .above = 0});
  fields.add("groups", groups, {.doc = "settings by parameter name; of a parameter the first match counts", .late = true});
  fields.add("no_decay_on_norms_and_biases", no_decay_on_norms_and_biases,
             {.doc = "no weight decay on parameters of one dim, unless a group says otherwise", .late = true});
}

void EmaConfig::declare(Fields& fields) {
  fields.add("decay", decay,
             {.doc = "share of the average of weights that an update keeps; null: no average", .minimum = 0, .below = 1, .late = true});
}

void PrecisionConfig::declare(Fields& fields) {
  fields.add("compute", compute, {.doc = "what activations, weights and gradients are rounded to where they enter matrix products and convolutions; sums, results and all else stay f32, "
                                "and so do parameters and checkpoints. bf16 saves no time where the processor has no such arithmetic",
                         .choices = {"f32", "bf16", "f16"}});
}

void MemoryConfig::declare(Fields& fields) {
  fields.add("recompute", recompute,
             {.doc = "what backward computes anew instead of keeping it: the inner results of a model's blocks, which changes no bit",
              .effect = Effect::free,
              .choices = {"none", "block"}});
  fields.add("cuda_graph", cuda_graph, {.doc = "capture a step as a CUDA graph and replay it", .effect = Effect::free});
}

void MeshConfig::declare(Fields& fields) {
  const auto axis = [&](const char* name, int64_t& ranks, const char* doc) {
    fields.add(name, ranks, {.doc = doc, .unit = "ranks", .effect = Effect::free, .minimum = -1});
  };
  axis("data", data, "ranks that share the quanta of a step; -1: the rest");
  axis("shard", shard, "ranks that share parameters, gradients and optimizer state");
  axis("pipeline", pipeline, "ranks that share the layers");
  axis("context", context, "ranks that share a sequence");
  axis("tensor", tensor, "ranks that share a layer");
  axis("expert", expert, "ranks that share the experts");
}

void SyncConfig::declare(Fields& fields) {
  fields.add("reduction", reduction,
             {.doc = "exact: the same bits for every number of ranks; fastest promises nothing", .choices = {"exact", "fastest"}});
  fields.add("bucket_bytes", bucket_bytes,
             {.doc = "gradient that is synchronised in one go", .unit = "bytes", .effect = Effect::free, .minimum = 1});
  fields.add("dealing", dealing,
             {.doc = "how quanta are dealt to ranks", .effect = Effect::free, .choices = {"contiguous", "strided"}});
}

void CheckpointConfig::declare(Fields& fields) {
  fields.add("every_steps", every_steps,
             {.doc = "save after so many steps; null: by time only", .unit = "steps", .effect = Effect::free, .minimum = 1});
  fields.add("every_s", every_s,
             {.doc = "save when so long has passed; null: by steps only", .unit = "s", .effect = Effect::free, .above = 0});
  fields.add("keep_last", keep_last, {.doc = "checkpoints to keep", .effect = Effect::free, .minimum = 1});
  fields.add("keep_best", keep_best,
             {.doc = "metric of evaluations: a checkpoint is saved after the best so far, and kept beside the last; loss and perplexity are best when small, others when large",
              .effect = Effect::free,
              .late = true});
}

void EvaluateConfig::declare(Fields& fields) {
  fields.add("every_epochs", every_epochs,
             {.doc = "evaluate after so many epochs", .unit = "epochs", .effect = Effect::free, .minimum = 1});
  fields.add("every_steps", every_steps,
             {.doc = "evaluate after so many steps", .unit = "steps", .effect = Effect::free, .minimum = 1});
  fields.add("split", split, {.doc = "part of the data set to evaluate on", .effect = Effect::free});
  fields.add("average", average,
             {.doc = "evaluate the moving average of the weights as well, where ema.decay makes one: twice the time", .effect = Effect::free});
  fields.add("sample_images", sample_images,
             {.doc = "images of the split that TensorBoard shows with the model's predictions; 0: none", .unit = "samples", .effect = Effect::free, .minimum = 0, .maximum = 256});
  fields.add("confusion_classes", confusion_classes,
             {.doc = "classifiers of so many classes or fewer get a confusion matrix, as numbers and as a picture; of more, only averages over classes are reported",
              .effect = Effect::free, .minimum = 0, .maximum = 1024});
  fields.add("histograms", histograms, {.doc = "TensorBoard shows how the numbers of each tensor and its gradient are spread", .effect = Effect::free});
}

void Recipe::declare(Fields& fields) {
  fields.add("schema", schema, {.doc = "version of the recipe's language", .minimum = 1, .maximum = 1, .required = true});
  fields.add("run", run, {.doc = "name, randomness and place of the run"});
  fields.add("model", model, {.doc = "what is trained"});
  fields.add("task", task, {.doc = "loss and metrics"});
  fields.add("init", init, {.doc = "weights to start from"});
  fields.add("data", data, {.doc = "what it is trained on"});
  fields.add("batch", batch, {.doc = "samples of a step and of a quantum"});
  fields.add("train", train, {.doc = "how long to train, and what to log"});
  fields.add("optimizer", optimizer, {.doc = "how gradients update weights"});
  fields.add("schedule", schedule, {.doc = "learning rate over time"});
  fields.add("ema", ema, {.doc = "exponential moving average of the weights, in checkpoints and exported on its own"});
  fields.add("device", device, {.doc = "where kernels run", .choices = {"cpu", "cuda"}});
  fields.add("precision", precision, {.doc = "types of numbers"});
  fields.add("memory", memory, {.doc = "what is traded for memory and launch time"});
  fields.add("mesh", mesh, {.doc = "ranks along the axes of parallelism"});
  fields.add("sync", sync, {.doc = "how gradients are summed over ranks"});
  fields.add("checkpoint", checkpoint, {.doc = "when to save and what to keep"});
  fields.add("evaluate", evaluate, {.doc = "when to evaluate, and on what"});
}

std::vector<KindBlockInfo> kind_blocks() {
  Recipe recipe;
  Fields fields;
  recipe.declare(fields);
  std::vector<KindBlockInfo> blocks;
  for (Fields::Field& field : fields.entries()) {
    Fields::Field* kind = field.block ? field.block->find("kind") : nullptr;
    if (!kind) continue;
    KindBlockInfo info{field.name, *std::get<std::string*>(kind->target), field.block->names()};
    std::erase(info.common_keys, "kind");
    blocks.push_back(std::move(info));
  }
  return blocks;
}

}  // namespace tessera::config
