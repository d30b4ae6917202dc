// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/event_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>

#include "launcher/tensorboard/event.pb.h"
#include "launcher/tensorboard/record.h"

namespace tessera::launcher {
namespace {

constexpr std::string_view kFilePrefix = "events.out.tfevents.";
constexpr std::chrono::seconds kFlushInterval(5);

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// The start time in the name of an event file; -1 for other files.
int64_t time_of_name(std::string_view name) {
  if (!name.starts_with(kFilePrefix)) return -1;
  name.remove_prefix(kFilePrefix.size());
  int64_t time_s = -1;
  std::from_chars(name.data(), name.data() + name.size(), time_s);
  return time_s;
}

/// A name that sorts behind the event files of `folder`, even where the clock went back or two start in one second.
std::filesystem::path next_path(const std::filesystem::path& folder) {
  auto time_s = static_cast<int64_t>(now_s());
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    time_s = std::max(time_s, time_of_name(entry.path().filename().string()) + 1);
  }
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return folder / fmt::format("{}{:010}.{}.{}", kFilePrefix, time_s, host, ::getpid());
}

}  // namespace

/// Runs `action` unless writing has failed before; its failure is the one that is reported.
template <typename Action>
void EventWriter::guarded(Action action) {
  try {
    action();
  } catch (const std::exception& problem) {
    file_.reset();
    pending_.clear();
    if (report_) report_(fmt::format("TensorBoard events are no longer written: {}", problem.what()));
  }
}

EventWriter::EventWriter(const std::filesystem::path& folder, int64_t first_step, Report report)
    : report_(std::move(report)), last_flush_(std::chrono::steady_clock::now()) {
  guarded([&] {
    std::filesystem::create_directories(folder);
    path_ = next_path(folder);
    file_ = std::make_unique<OutputFile>(path_, ErrorKind::runtime);
  });
  tensorboard::Event version;
  version.set_file_version("brain.Event:2");
  add(version, first_step);
  tensorboard::Event start;
  start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  add(start, first_step);
  flush();
}

EventWriter::~EventWriter() { flush(); }

void EventWriter::scalar(std::string_view tag, int64_t step, double value) {
  tensorboard::Event event;
  tensorboard::Summary::Value* summary = event.mutable_summary()->add_value();
  summary->set_tag(std::string(tag));
  summary->set_simple_value(static_cast<float>(value));
  add(event, step);
}

void EventWriter::text(std::string_view tag, int64_t step, std::string_view markdown) {
  tensorboard::Event event;
  tensorboard::Summary::Value* summary = event.mutable_summary()->add_value();
  summary->set_tag(std::string(tag));
  summary->mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  summary->mutable_metadata()->set_data_class(tensorboard::SummaryMetadata::DATA_CLASS_TENSOR);
  tensorboard::TensorProto* tensor = summary->mutable_tensor();
  tensor->set_dtype(tensorboard::TensorProto::DT_STRING);
  tensor->mutable_tensor_shape();
  tensor->add_string_val(std::string(markdown));
  add(event, step);
}

void EventWriter::image(std::string_view tag, int64_t step, const Picture& picture) {
  tensorboard::Event event;
  tensorboard::Summary::Value* summary = event.mutable_summary()->add_value();
  summary->set_tag(std::string(tag));
  tensorboard::Summary::Image* image = summary->mutable_image();
  image->set_width(static_cast<int32_t>(picture.width));
  image->set_height(static_cast<int32_t>(picture.height));
  image->set_colorspace(3);
  image->set_encoded_image_string(png_of(picture));
  add(event, step);
}

void EventWriter::histogram(std::string_view tag, int64_t step, const Histogram& histogram) {
  if (histogram.count == 0) return;
  tensorboard::Event event;
  tensorboard::Summary::Value* summary = event.mutable_summary()->add_value();
  summary->set_tag(std::string(tag));
  tensorboard::HistogramProto* proto = summary->mutable_histo();
  proto->set_min(histogram.minimum);
  proto->set_max(histogram.maximum);
  proto->set_num(static_cast<double>(histogram.count));
  proto->set_sum(histogram.sum);
  proto->set_sum_squares(histogram.sum_of_squares);
  proto->mutable_bucket_limit()->Add(histogram.upper_limits.begin(), histogram.upper_limits.end());
  proto->mutable_bucket()->Add(histogram.counts.begin(), histogram.counts.end());
  add(event, step);
}

void EventWriter::add(tensorboard::Event& event, int64_t step) {
  if (!file_) return;
  event.set_wall_time(now_s());
  event.set_step(step);
  pending_ += tf_record(event.SerializeAsString());
  if (std::chrono::steady_clock::now() - last_flush_ >= kFlushInterval) flush();
}

void EventWriter::flush() {
  last_flush_ = std::chrono::steady_clock::now();
  if (!file_ || pending_.empty()) return;
  guarded([&] {
    file_->write(pending_.data(), pending_.size());
    pending_.clear();
  });
}

std::string code_block(std::string_view text) {
  std::string block;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    block.append("    ").append(text.substr(0, end));
    text.remove_prefix(end);
  }
  return block;
}

}  // namespace tessera::launcher
