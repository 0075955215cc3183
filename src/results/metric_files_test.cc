#include "results/metric_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>
#include <sstream>

#include "core/test_support.h"
#include "results/event_file.h"

namespace triage::results {
namespace {

using testing::ElementsAre;

TrainingStep epoch(const std::string& stage, int number) {
  return {.stage = stage,
          .epoch = number,
          .step = 10 * number,
          .loss = 2.0 / number,
          .train_accuracy = 0.25 * number,
          .rate = 0.5,
          .images_per_s = 800,
          .seconds = 3.0 * number};
}

// --- a reader of event files, by the field numbers of event.proto and summary.proto

struct Event {
  double wall_time = 0;
  std::uint64_t step = 0;
  std::string version;
  std::map<std::string, float> scalars;
};

class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}
  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = varint();
    field = tag >> 3;
    const std::uint64_t wire = tag & 7;
    if (wire == 0) {
      number = varint();
    } else {
      value = take(wire == 1 ? 8 : wire == 5 ? 4 : varint());
    }
    return true;
  }
  std::uint64_t field = 0, number = 0;
  std::string_view value;

 private:
  std::uint64_t varint() {
    std::uint64_t result = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return result;
    }
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size()) throw std::out_of_range("the message is cut off");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view bytes_;
};

template <class Value>
Value as(std::string_view bytes) {
  Value value;
  EXPECT_EQ(bytes.size(), sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Event event_of(std::string_view content) {
  Event event;
  for (Message message(content); message.next();) {
    if (message.field == 1) event.wall_time = as<double>(message.value);
    if (message.field == 2) event.step = message.number;
    if (message.field == 3) event.version = message.value;
    if (message.field != 5) continue;
    for (Message summary(message.value); summary.next();) {
      std::string name;
      float scalar = 0;
      for (Message value(summary.value); value.next();) {
        if (value.field == 1) name = value.value;
        if (value.field == 2) scalar = as<float>(value.value);
      }
      event.scalars[name] = scalar;
    }
  }
  return event;
}

std::uint32_t unmasked(std::string_view bytes) { return std::rotl(as<std::uint32_t>(bytes) - 0xa282ead8U, 15); }

std::vector<Event> read_events(const fs::path& file) {
  const std::string bytes = read_file(file);
  std::vector<Event> events;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto length = as<std::uint64_t>(rest.substr(0, 8));
    EXPECT_EQ(unmasked(rest.substr(8, 4)), crc32c(rest.substr(0, 8)));
    const std::string_view content = rest.substr(12, length);
    EXPECT_EQ(unmasked(rest.substr(12 + length, 4)), crc32c(content));
    events.push_back(event_of(content));
    rest.remove_prefix(16 + length);
  }
  return events;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::istringstream in(read_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// ---

TEST(EventFile, Crc32c) {  // RFC 3720, B.4; "123456789": the catalogue's check value of CRC-32/ISCSI
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(MetricFiles, ARowAndAnEventForEachEpoch) {
  const TempDir run;
  MetricFiles files(run.path(), {.csv = true, .tensorboard = true});
  files.begin("big", 0);
  files.append(epoch("big", 1));
  TrainingStep last = epoch("big", 2);
  last.validation_accuracy = 0.75;
  files.append(last);
  files.begin("a,b", 0);
  files.append(epoch("a,b", 1));
  EXPECT_THAT(lines_of(run / "metrics.csv"),
              ElementsAre("stage,epoch,step,loss,train_accuracy,validation_accuracy,learning_rate,images_per_second,"
                          "seconds,subnet_loss,smallest_validation_accuracy",
                          "big,1,10,2,0.25,,0.5,800,3,,", "big,2,20,1,0.5,0.75,0.5,800,6,,",
                          "\"a,b\",1,10,2,0.25,,0.5,800,3,,"));
  const std::vector<Event> events = read_events(run / "tensorboard/big/events.out.tfevents.0.triage");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_EQ(events[1].step, 10u);
  EXPECT_EQ(events[2].step, 20u);
  EXPECT_NEAR(events[2].wall_time - events[1].wall_time, 3, 1e-6);
  EXPECT_EQ(events[2].scalars, (std::map<std::string, float>{{"loss/train", 1},
                                                             {"accuracy/train", 0.5},
                                                             {"accuracy/validation", 0.75},
                                                             {"learning_rate", 0.5},
                                                             {"images_per_second", 800}}));
  EXPECT_EQ(read_events(run / "tensorboard/a,b/events.out.tfevents.0.triage").size(), 2u);
}

// Killed behind epoch 4, whose checkpoint is of step 25 or was never made; the last row was being written.
TEST(MetricFiles, GoesOnWithoutDoubledOrMissingRows) {
  for (const int known : {25, 0}) {
    const TempDir run;
    const MetricFormats formats{.csv = true, .tensorboard = true};
    {
      MetricFiles files(run.path(), formats);
      files.begin("little", 0);
      files.append(epoch("little", 1));
      files.begin("big", 0);
      for (int number = 1; number <= 4; ++number) files.append(epoch("big", number));
    }
    append_line(run / "metrics.jsonl", "{\"router\": 1}");
    for (const char* file : {"metrics.jsonl", "metrics.csv", "tensorboard/big/events.out.tfevents.0.triage"})
      write_file_atomic(run / file, read_file(run / file) + "{\"stage\": \"b");
    MetricFiles files(run.path(), formats);
    files.begin("big", known);
    for (int number = known / 10 + 1; number <= 5; ++number) files.append(epoch("big", number));
    std::vector<std::string> rows;
    for (const std::string& line : lines_of(run / "metrics.csv")) rows.push_back(line.substr(0, line.rfind(",800")));
    EXPECT_THAT(
        std::vector(rows.begin() + 1, rows.end()),
        ElementsAre("little,1,10,2,0.25,,0.5", "big,1,10,2,0.25,,0.5", "big,2,20,1,0.5,,0.5",
                    std::format("big,3,30,{},0.75,,0.5", 2.0 / 3), "big,4,40,0.5,1,,0.5", "big,5,50,0.4,1.25,,0.5"));
    std::vector<std::uint64_t> steps;
    for (const Event& event : read_events(run / "tensorboard/big/events.out.tfevents.0.triage"))
      steps.push_back(event.step);
    EXPECT_THAT(steps, ElementsAre(0, 10, 20, 30, 40, 50));
    EXPECT_EQ(load_training_log(run / "metrics.jsonl").size(), 6u);
    EXPECT_THAT(read_file(run / "metrics.jsonl"), testing::HasSubstr("router"));
  }
}

TEST(MetricFiles, NamesOfFormats) {
  const MetricFormats both = metric_formats({"tensorboard", "csv"}, "metrics");
  EXPECT_TRUE(both.csv && both.tensorboard);
  EXPECT_FALSE(metric_formats({}, "metrics").csv);
  EXPECT_EQ(error_of([] { metric_formats({"wandb"}, "metrics"); }),
            "metrics: expected csv or tensorboard, found 'wandb'");
}

}  // namespace
}  // namespace triage::results
