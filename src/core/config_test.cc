#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

constexpr const char* kText = R"(name = "pair"
seed = 17
[train]
epochs = 9
rate = 0.5
warmup = 1
bf16 = true
widths = [24, 64]
tags = ["a", "b"]
[[stage]]
name = "little"
[[stage]]
name = "big"
)";

std::string refused(const std::vector<std::string>& settings) {
  try {
    const Config config = Config::parse(kText, "c.toml", settings);
    ConfigSection root = config.root(), train = root.section("train");
    int epochs = 0;
    train.read("epochs", epochs, 1, 1000);
    for (ConfigSection& stage : root.sections("stage")) {
      std::string name;
      stage.read("name", name);
      stage.finish();
    }
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Config, SettingsTakeThePlaceOfWhatTheTextSays) {
  const std::vector<std::string> settings{"seed=4",          "train.epochs=3",        "stage.big.epochs=10",
                                          "stage.*.lr=0.25", "train.augment.shift=1", "data.file=a/b.tds",
                                          "name=\"17\"",     "train.tags=[\"x\"]"};
  const Config config = Config::parse(kText, "c.toml", settings);
  const auto read = [](const Config& of) {
    ConfigSection root = of.root(), train = root.section("train"), augment = train.section("augment");
    std::uint64_t seed = 0;
    int epochs = 0, shift = 0;
    std::string file, name, out;
    std::vector<std::string> tags;
    root.read("seed", seed);
    root.read("name", name);
    root.section("data").read("file", file);
    train.read("epochs", epochs, 1, 1000);
    train.read("tags", tags);
    augment.read("shift", shift, 0, 9);
    out = std::format("{} {} {} {} {} {}", seed, name, file, epochs, shift, tags.at(0));
    for (ConfigSection& stage : root.sections("stage")) {
      double lr = 0;
      int more = 0;
      stage.read("lr", lr, 0, 1);
      stage.read("epochs", more, 0, 99);
      stage.read("name", name);
      out += std::format(" {}:{},{}", name, lr, more);
    }
    return out;
  };
  const std::string expected = "4 17 a/b.tds 3 1 x little:0.25,0 big:0.25,10";
  EXPECT_EQ(read(config), expected);
  EXPECT_EQ(read(Config::parse(config.text(), "again.toml")), expected) << "the text that is kept says the same";
  const Config twice = Config::parse(config.text(), "c.toml", settings);
  EXPECT_EQ(twice.text(), config.text());
}

TEST(Config, SettingsThatFitNothingAreNamed) {
  EXPECT_EQ(refused({"epochs"}), "--set epochs: expected KEY=VALUE, such as stage.big.epochs=10");
  EXPECT_EQ(refused({"=1"}), "--set =1: expected KEY=VALUE, such as stage.big.epochs=10");
  EXPECT_EQ(refused({"train..epochs=1"}), "--set train..epochs=1: expected names with dots between them before '='");
  EXPECT_EQ(refused({"train.=1"}), "--set train.=1: expected names with dots between them before '='");
  EXPECT_EQ(refused({"stage.huge.epochs=1"}),
            "--set stage.huge.epochs=1: expected a [[stage]] named 'huge', found none");
  EXPECT_EQ(refused({"stage.big=1"}), "--set stage.big=1: expected a key behind 'big'");
  EXPECT_EQ(refused({"seed.x=1"}), "--set seed.x=1: expected a table 'seed', found a value");
  EXPECT_EQ(refused({"train.epochs=many"}),
            "c.toml with --set: key 'train.epochs': expected an integer from 1 to 1000, found 'many'");
  EXPECT_EQ(refused({"stage.big.x=1"}), "c.toml with --set: key 'stage[1].x' is unknown; expected one of: name");
  EXPECT_EQ(refused({"train.epochs=1]\n[train2]"}),
            "c.toml with --set: key 'train.epochs': expected an integer from 1 to 1000, found '''1]\n[train2]'''");
}

TEST(Config, ReadsEveryKindAndKeepsDefaults) {
  const Config config = Config::parse(kText, "c.toml");
  ConfigSection root = config.root(), train = root.section("train");
  std::string name, missing = "default";
  std::uint64_t seed = 0;
  int epochs = 0;
  double rate = 0, warmup = 0;
  bool bf16 = false;
  std::vector<int> widths;
  std::vector<std::string> tags;
  root.read("name", name);
  root.read("seed", seed);
  root.read("missing", missing);
  train.read("epochs", epochs, 1, 1000);
  train.read("rate", rate, 0, 1);
  train.read("warmup", warmup, 0, 10);  // an integer is a number
  train.read("bf16", bf16);
  train.read("widths", widths, 1, 4096);
  train.read("tags", tags);
  std::vector<std::string> stages;
  for (ConfigSection& stage : root.sections("stage")) stage.read("name", stages.emplace_back());
  EXPECT_NO_THROW(root.finish());
  EXPECT_EQ(name, "pair");
  EXPECT_EQ(missing, "default");
  EXPECT_EQ(seed, 17u);
  EXPECT_EQ(epochs, 9);
  EXPECT_EQ(rate, 0.5);
  EXPECT_EQ(warmup, 1);
  EXPECT_TRUE(bf16);
  EXPECT_EQ(widths, (std::vector<int>{24, 64}));
  EXPECT_EQ(tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(stages, (std::vector<std::string>{"little", "big"}));
  EXPECT_EQ(config.text(), kText);
  EXPECT_EQ(config.origin(), "c.toml");
}

TEST(Config, WrongTypesAndRangesNameLineKeyFoundAndExpected) {
  const Config config = Config::parse(kText, "c.toml");
  ConfigSection root = config.root(), train = root.section("train");
  int number = 5;
  bool flag = false;
  std::string text;
  std::vector<int> numbers;
  std::uint64_t seed = 0;
  EXPECT_EQ(error_of([&] { train.read("epochs", number, 10, 20); }),
            "c.toml:4: key 'train.epochs': expected an integer from 10 to 20, found 9");
  EXPECT_EQ(error_of([&] { train.read("rate", number, 0, 20); }),
            "c.toml:5: key 'train.rate': expected an integer from 0 to 20, found 0.5");
  EXPECT_EQ(error_of([&] { root.read("name", flag); }), "c.toml:1: key 'name': expected true or false, found 'pair'");
  EXPECT_EQ(error_of([&] { root.read("seed", text); }), "c.toml:2: key 'seed': expected a string, found 17");
  EXPECT_EQ(error_of([&] { train.read("widths", numbers, 1, 32); }),
            "c.toml:8: key 'train.widths': expected integers from 1 to 32 in the list, found 64");
  EXPECT_EQ(error_of([&] { train.read("tags", numbers, 1, 32); }),
            "c.toml:9: key 'train.tags': expected integers from 1 to 32 in the list, found 'a'");
  EXPECT_EQ(error_of([&] { root.read("train", seed); }),
            "c.toml:3: key 'train': expected an integer of 0 or more, found a table of 6 keys");
  EXPECT_EQ(error_of([&] { root.section("name"); }), "c.toml:1: key 'name': expected a table, found 'pair'");
  EXPECT_EQ(error_of([&] { root.sections("train"); }),
            "c.toml:3: key 'train': expected a list of tables, found a table of 6 keys");
  EXPECT_EQ(error_of([&] { root.require("arch"); }), "c.toml: key 'arch' is missing");
  EXPECT_EQ(error_of([&] { train.require("arch"); }), "c.toml:3: key 'train.arch' is missing");
  EXPECT_EQ(error_of([&] { train.fail_at("rate", "a power of two"); }),
            "c.toml:5: key 'train.rate': expected a power of two, found 0.5");
  EXPECT_EQ(number, 5);
  EXPECT_TRUE(numbers.empty());
}

TEST(Config, UnknownKeysAreErrorsAlsoInSections) {
  const auto finish_after = [](const char* text) {
    return error_of([&] {
      const Config config = Config::parse(text, "c.toml");
      ConfigSection root = config.root();
      int value = 0;
      root.read("epochs", value, 0, 10);
      root.section("train").read("rate", value, 0, 10);
      for (ConfigSection& stage : root.sections("stage")) stage.read("width", value, 0, 10);
      root.finish();
    });
  };
  EXPECT_EQ(finish_after("epochs = 1\n[train]\nrate = 1\n[[stage]]\nwidth = 1\n"), "no error");
  EXPECT_EQ(finish_after("\nepoch = 1\n"), "c.toml:2: key 'epoch' is unknown; expected one of: epochs, stage, train");
  EXPECT_EQ(finish_after("[train]\nrates = 1\n"), "c.toml:2: key 'train.rates' is unknown; expected one of: rate");
  EXPECT_EQ(finish_after("[[stage]]\nwidth = 1\n[[stage]]\nx = 1\n"),
            "c.toml:4: key 'stage[1].x' is unknown; expected one of: width");
  EXPECT_EQ(finish_after("[trains]\n"), "c.toml:1: key 'trains' is unknown; expected one of: epochs, stage, train");
}

TEST(Config, RenamedKeysAreUnderstoodAndSaid) {
  const HeardWarnings heard;
  const auto read = [](const char* text, int low) {
    const Config config = Config::parse(text, "c.toml");
    ConfigSection section = config.root().section("search");
    section.renamed("most_trials", "max_trials");
    int trials = 0;
    section.read("max_trials", trials, low, 100);
    config.root().finish();
    return trials;
  };
  EXPECT_EQ(read("[search]\nmax_trials = 7\n", 0), 7);
  EXPECT_TRUE(heard.texts().empty());
  EXPECT_EQ(read("[search]\nmost_trials = 8\n", 0), 8);
  EXPECT_THAT(heard.texts(),
              testing::ElementsAre("c.toml:2: key 'search.most_trials' is now 'search.max_trials'; the old "
                                   "name will not be understood by the next version"));
  EXPECT_EQ(error_of([&] { read("[search]\nmost_trials = 8\n", 9); }),
            "c.toml:2: key 'search.most_trials': expected an integer from 9 to 100, found 8");
  EXPECT_EQ(
      error_of([&] { read("[search]\nmost_trials = 8\nmax_trials = 7\n", 0); }),
      "c.toml:2: key 'search.most_trials' is the old name of 'search.max_trials': expected one of them, found both");
  EXPECT_EQ(error_of([&] { read("[search]\nother = 8\n", 0); }),
            "c.toml:2: key 'search.other' is unknown; expected one of: max_trials");
}

TEST(Config, NotFiniteNumbersAreOutOfEveryRange) {
  for (const char* text : {"x = nan", "x = inf", "x = -inf"}) {
    const Config config = Config::parse(text, "c.toml");
    double value = 0;
    EXPECT_THROW(config.root().read("x", value, -1e300, 1e300), Error) << text;
  }
  const Config negative = Config::parse("seed = -1", "c.toml");
  std::uint64_t seed = 0;
  EXPECT_THROW(negative.root().read("seed", seed), Error);
}

TEST(Config, SyntaxErrorsNameThePlace) {
  EXPECT_EQ(error_of([] { Config::parse("a = 1\nb = ]", "c.toml"); }).substr(0, 28), "c.toml:2:5: not valid TOML: ");
  EXPECT_THROW(Config::parse("a = 1\na = 2", "c.toml"), Error);
  EXPECT_THROW(Config::parse(std::string(100'000, '['), "c.toml"), Error);
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_EQ(error_of([&] { Config::parse("b = 1\n" + deep + " = 1", "c.toml"); }),
            "c.toml:2: expected at most 16 dots in a key, found more");
  EXPECT_NO_THROW(Config::parse("a = 'x'  # ...................................", "c.toml"));
}

TEST(Config, SectionsOutliveTheConfig) {
  const TempDir directory;
  write_file_atomic(directory / "c.toml", kText);
  ConfigSection train = Config::load(directory / "c.toml").root().section("train");
  int epochs = 0;
  train.read("epochs", epochs, 0, 100);
  EXPECT_EQ(epochs, 9);
  EXPECT_TRUE(train.has("rate"));
  EXPECT_FALSE(train.section("absent").has("rate"));
}

}  // namespace
}  // namespace triage
