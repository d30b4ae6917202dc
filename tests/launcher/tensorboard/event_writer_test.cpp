// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/event_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

#include "launcher/tensorboard/event.pb.h"
#include "launcher/tensorboard/record.h"
#include "tests/temporary_folder.h"

namespace tessera::launcher {
namespace {

class EventWriterTest : public testing::Test {
 protected:
  EventWriter writer(int64_t first_step) {
    return EventWriter(folder_, first_step, [this](const std::string& problem) { problems_.push_back(problem); });
  }

  const test::TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
  std::vector<std::string> problems_;
};

template <typename Unsigned>
Unsigned take(std::string_view& bytes) {
  Unsigned value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

uint32_t unmasked(uint32_t value) {
  const uint32_t rotated = value - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

/// Takes the framing apart by its definition, checks every checksum.
std::vector<tensorboard::Event> events_of(const std::filesystem::path& path) {
  const std::string content = read_file(path, ErrorKind::data);
  std::string_view rest = content;
  std::vector<tensorboard::Event> events;
  while (!rest.empty()) {
    const std::string_view length_bytes = rest.substr(0, 8);
    const auto length = take<uint64_t>(rest);
    EXPECT_EQ(unmasked(take<uint32_t>(rest)), crc32c(length_bytes));
    const std::string_view payload = rest.substr(0, length);
    rest.remove_prefix(length);
    EXPECT_EQ(unmasked(take<uint32_t>(rest)), crc32c(payload));
    EXPECT_TRUE(events.emplace_back().ParseFromArray(payload.data(), static_cast<int>(payload.size())));
  }
  return events;
}

TEST(Crc32c, PublishedVectors) {  // RFC 3720, B.4
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  descending.assign(ascending.rbegin(), ascending.rend());
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(crc32c(descending), 0x113fdb5cu);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(TfRecord, Framing) {
  const std::string record = tf_record("abc");
  ASSERT_EQ(record.size(), 8 + 4 + 3 + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\3\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
}

TEST_F(EventWriterTest, HoldsWhatWasAdded) {
  std::filesystem::path path;
  {
    EventWriter events = writer(1);
    path = events.path();
    events.scalar("train/loss", 1, 0.5);
    events.text("recipe", 1, "# title");
    events.scalar("train/loss", 2, 0.25);
  }
  const std::vector<tensorboard::Event> events = events_of(path);
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[1].session_log().status(), tensorboard::SessionLog::START);
  EXPECT_EQ(events[2].step(), 1);
  EXPECT_GT(events[2].wall_time(), 1.6e9);
  ASSERT_EQ(events[2].summary().value_size(), 1);
  EXPECT_EQ(events[2].summary().value(0).tag(), "train/loss");
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.5f);
  EXPECT_EQ(events[3].summary().value(0).metadata().plugin_data().plugin_name(), "text");
  EXPECT_EQ(events[3].summary().value(0).tensor().string_val(0), "# title");
  EXPECT_EQ(events[4].step(), 2);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(EventWriterTest, HoldsPicturesAndHistograms) {
  std::filesystem::path path;
  {
    EventWriter events = writer(1);
    path = events.path();
    events.image("samples", 7, Picture(5, 3, {1, 2, 3}));
    const float values[] = {1.0f, 2.0f, 2.0f, 65.0f};
    events.histogram("weights", 7, histogram_of(values));
    events.histogram("nothing", 7, {});
  }
  const std::vector<tensorboard::Event> events = events_of(path);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[2].step(), 7);
  const auto& image = events[2].summary().value(0).image();
  EXPECT_EQ(image.width(), 5);
  EXPECT_EQ(image.height(), 3);
  EXPECT_EQ(image.encoded_image_string().substr(1, 3), "PNG");
  const auto& histogram = events[3].summary().value(0).histo();
  EXPECT_EQ(histogram.min(), 1.0);
  EXPECT_EQ(histogram.max(), 65.0);
  EXPECT_EQ(histogram.num(), 4.0);
  EXPECT_EQ(histogram.sum(), 70.0);
  ASSERT_EQ(histogram.bucket_size(), 64);
  EXPECT_EQ(histogram.bucket(0), 1.0);
  EXPECT_EQ(histogram.bucket(1), 2.0);
  EXPECT_EQ(histogram.bucket(63), 1.0);
  EXPECT_EQ(histogram.bucket_limit(63), 65.0);
}

TEST_F(EventWriterTest, AResumedRunStartsALaterFileThatDropsStaleSteps) {
  // A clock that was ahead when the first part ran.
  const std::filesystem::path first = folder_ / "events.out.tfevents.9000000000.host.1";
  { OutputFile(first, ErrorKind::data).sync_and_close(); }
  EventWriter second = writer(501);
  EXPECT_GT(second.path().filename().string(), first.filename().string());
  const std::vector<tensorboard::Event> events = events_of(second.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].step(), 501);
  EXPECT_EQ(events[1].session_log().status(), tensorboard::SessionLog::START);
}

TEST_F(EventWriterTest, TwoWritersInOneSecondKeepTheirFiles) {
  EventWriter first = writer(1);
  EventWriter second = writer(2);
  EXPECT_LT(first.path(), second.path());
}

TEST_F(EventWriterTest, AFolderThatCannotBeMadeIsReportedOnce) {
  const std::filesystem::path file = folder_ / "file";
  { OutputFile(file, ErrorKind::data).sync_and_close(); }
  EventWriter events(file / "below", 1, [this](const std::string& problem) { problems_.push_back(problem); });
  events.scalar("loss", 1, 1.0);
  events.flush();
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_NE(problems_[0].find(file.string()), std::string::npos) << problems_[0];
  EXPECT_EQ(problems_[0].find('\n'), std::string::npos);
}

TEST_F(EventWriterTest, AFullDiskIsReportedOnceAndNothingIsThrown) {
  EventWriter events = writer(1);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // write() then says EFBIG
  ::setrlimit(RLIMIT_FSIZE, &small);
  for (int step = 1; step < 200; ++step) {
    events.scalar("train/loss", step, 1.0);
    events.flush();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_NE(problems_[0].find(events.path().string()), std::string::npos) << problems_[0];
}

TEST(CodeBlock, IndentsEveryLine) {
  EXPECT_EQ(code_block("a: 1\n\nb:\n  c: 2\n"), "    a: 1\n    \n    b:\n      c: 2\n");
  EXPECT_EQ(code_block("no end"), "    no end");
  EXPECT_EQ(code_block(""), "");
}

}  // namespace
}  // namespace tessera::launcher
