#include "route/score_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/fake/fake_session.h"
#include "route/synthetic_test.h"

namespace triage::route {
namespace {

using testing::HasSubstr;

fs::path temporary(const std::string& name) { return fs::path(testing::TempDir()) / name; }

void expect_equal(const ScoreTable& a, const ScoreTable& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.indices, b.indices);
  EXPECT_EQ(a.labels, b.labels);
  ASSERT_EQ(a.stages.size(), b.stages.size());
  for (std::size_t s = 0; s < a.stages.size(); ++s) {
    EXPECT_EQ(a.stages[s].name, b.stages[s].name);
    EXPECT_EQ(a.stages[s].feature_width, b.stages[s].feature_width);
    EXPECT_EQ(a.stages[s].logits, b.stages[s].logits);
    EXPECT_EQ(a.stages[s].features, b.stages[s].features);
  }
}

TEST(ScoreTableFile, RoundTripAndDamage) {
  const fs::path path = temporary("table.scores");
  const ScoreTable table = synthetic_table({.count = 20});
  save_score_table(path, table);
  expect_equal(load_score_table(path), table);

  const std::string good = read_file(path);
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}, std::size_t{30}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] ^= 1;
    write_file_atomic(path, bad);
    EXPECT_THAT(error_of([&] { load_score_table(path); }), HasSubstr("table.scores")) << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, good.size() / 2, good.size() - 1}) {
    write_file_atomic(path, good.substr(0, size));
    EXPECT_THROW(load_score_table(path), Error) << size;
  }
  fs::remove(path);
}

TEST(ScoreTableFile, KeepsLabelsOverTheFirstByte) {
  const fs::path path = temporary("many.scores");
  ScoreTable table = synthetic_table({.count = 3, .classes = 300});
  table.labels = {0, 255, 299};
  save_score_table(path, table);
  expect_equal(load_score_table(path), table);
  table.labels[1] = 300;
  save_score_table(path, table);
  EXPECT_THAT(error_of([&] { load_score_table(path); }), HasSubstr("label 300 of 300 classes"));
  fs::remove(path);
}

TEST(ScoreTableFile, DamageIsRefused) {
  const TempDir directory;
  const fs::path path = directory / "table.scores";
  save_score_table(path, synthetic_table({.count = 20}));
  const Damage found = damage(path, 50, [&] { return load_score_table(path).key; });
  EXPECT_EQ(found.refused, 50);
}

TEST(ScoreTable, TableOfStagesTakesThemInThatOrder) {
  ScoreTable table = synthetic_table({.count = 5});
  table.key = "of all";
  const ScoreTable part = table_of_stages(table, {{1, 0}});
  ASSERT_EQ(part.stages.size(), 2u);
  EXPECT_EQ(part.stages[0].logits, table.stages[1].logits);
  EXPECT_EQ(part.stages[1].features, table.stages[0].features);
  EXPECT_EQ(part.labels, table.labels);
  EXPECT_EQ(table_of_stages(table, {{1}}).stages.size(), 1u);
}

TEST(ScoreTable, SelectTakesRows) {
  const ScoreTable table = synthetic_table({.count = 5});
  const std::vector<std::uint32_t> rows{4, 1};
  const ScoreTable part = select(table, rows);
  EXPECT_THAT(part.indices, testing::ElementsAre(4, 1));
  EXPECT_TRUE(std::ranges::equal(part.logits(1, 0), table.logits(1, 4)));
  EXPECT_TRUE(std::ranges::equal(part.features(0, 1), table.features(0, 1)));
}

// Three stages: an image stage, a feature stage that reads its carry, and another image stage.
struct Fill : testing::Test {
  plan::Plan plan;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  fs::path path = temporary("fill.triage");

  Fill() {
    plan.name = "three";
    plan.input = {1, 2, 2};
    plan.classes = {"a", "b"};
    for (int s = 0; s < 3; ++s) {
      plan::Stage& stage = plan.stages.emplace_back();
      stage.name = "stage" + std::to_string(s);
      stage.arch = plan::ArchSpec::parse("4");
      stage.feature_width = s == 0 ? 1 : 0;
    }
    plan.stages[1].input = plan::StageInput::features;
    plan.stages[1].source = 0;
    // Logits tell which pixels arrived; the carry is the last pixel doubled.
    add({4, 2, 1, 1}, [](const engine::FakeRow& row) {
      row.logits[0] = row.input[0], row.logits[1] = row.input[3];
      row.features[0] = row.input[1];
      if (!row.carry.empty()) row.carry[0] = 2 * row.input[3];
    });
    add({1, 2, 0, 0}, [](const engine::FakeRow& row) { row.logits[0] = row.input[0], row.logits[1] = 0; });
    add({4, 2, 0, 0}, [](const engine::FakeRow& row) { row.logits[0] = 0, row.logits[1] = row.input[2]; });
  }
  void add(engine::SessionInfo shape, engine::FakeSession::Answer answer) {
    sessions.push_back(std::make_unique<engine::FakeSession>(shape, std::move(answer)));
  }
  data::Dataset dataset(std::vector<std::string> classes = {"a", "b"}) {
    data::RawDataset raw;
    raw.info = {.name = "tiny",
                .source = "test",
                .channels = 1,
                .height = 2,
                .width = 2,
                .classes = classes,
                .train_count = 4,
                .test_count = 3};
    for (int i = 0; i < 7; ++i) {
      for (int p = 0; p < 4; ++p) raw.pixels.push_back(static_cast<std::uint8_t>(10 * i + p));
      raw.labels.push_back(static_cast<Label>(i % 2));
    }
    data::write_dataset(raw, path);
    return data::Dataset::open(path);
  }
  ~Fill() override { fs::remove(path); }
};

TEST_F(Fill, AllStagesOnAllImagesWhateverTheBatch) {
  const data::Dataset data = dataset();
  const std::vector<std::uint32_t> indices{5, 0, 3, 6, 2};
  const ScoreTable table = fill_score_table(plan, sessions, data, indices, {.batch = 2});
  EXPECT_EQ(table.indices, indices);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto pixel = [&](int p) { return static_cast<float>(10 * indices[i] + p) / 255; };
    EXPECT_EQ(table.labels[i], indices[i] % 2);
    EXPECT_NEAR(table.logits(0, i)[0], pixel(0), 1e-6);
    EXPECT_NEAR(table.logits(0, i)[1], pixel(3), 1e-6);
    EXPECT_NEAR(table.features(0, i)[0], pixel(1), 1e-6);
    EXPECT_NEAR(table.logits(1, i)[0], 2 * pixel(3), 1e-6);  // went through the carry
    EXPECT_NEAR(table.logits(2, i)[1], pixel(2), 1e-6);
  }
  expect_equal(fill_score_table(plan, sessions, data, indices, {.batch = 100}), table);
}

TEST_F(Fill, TellsHowFarItIsAndStopsBetweenBatches) {
  const data::Dataset data = dataset();
  const std::vector<std::uint32_t> indices{5, 0, 3, 6, 2};
  RecordingSink whole;
  fill_score_table(plan, sessions, data, indices, {.batch = 2, .label = "score it", .context = whole.context()});
  EXPECT_THAT(whole.said(), testing::ElementsAre("start score it 0/5 images", "finish score it 5/5"));
  EXPECT_THAT(whole.counts(), testing::ElementsAre(2, 4, 5));
  RecordingSink stopped;
  stopped.stop_at(4);
  EXPECT_THROW(fill_score_table(plan, sessions, data, indices, {.batch = 2, .context = stopped.context()}),
               Interrupted);
  EXPECT_THAT(stopped.counts(), testing::ElementsAre(2, 4));
}

TEST_F(Fill, KeyFollowsWhatTheTableDependsOn) {
  const data::Dataset data = dataset();
  const std::vector<std::uint32_t> indices{1, 2};
  const std::string key = score_table_key(plan, data.info(), indices);
  EXPECT_NE(key, score_table_key(plan, data.info(), std::vector<std::uint32_t>{2, 1}));
  plan.stages[1].sha256 = "other";
  EXPECT_NE(key, score_table_key(plan, data.info(), indices));
}

TEST_F(Fill, RefusesWhatDoesNotFit) {
  const std::vector<std::uint32_t> indices{0};
  EXPECT_THAT(error_of([&] { fill_score_table(plan, sessions, dataset({"a", "c"}), indices); }), HasSubstr("'c'"));
  EXPECT_THAT(error_of([&] { fill_score_table(plan, sessions, dataset({"a", "b", "c"}), indices); }),
              HasSubstr("3 classes"));
  const data::Dataset data = dataset();
  auto* first = static_cast<engine::FakeSession*>(sessions[0].get());
  first->fail_with(ErrorInfo{ErrorCode::engine_failure, "engine says no"});
  EXPECT_THAT(error_of([&] { fill_score_table(plan, sessions, data, indices); }),
              testing::AllOf(HasSubstr("stage0"), HasSubstr("engine says no")));
  sessions[0] = std::make_unique<engine::FakeSession>(engine::SessionInfo{4, 2, 1, 1}, [](const engine::FakeRow& row) {
    row.logits[0] = std::nanf(""), row.features[0] = 0;
  });
  EXPECT_THAT(error_of([&] { fill_score_table(plan, sessions, data, indices); }), HasSubstr("finite logits"));
  plan.stages[0].feature_width = 5;
  EXPECT_THAT(error_of([&] { fill_score_table(plan, sessions, data, indices); }), HasSubstr("5 features"));
}

}  // namespace
}  // namespace triage::route
