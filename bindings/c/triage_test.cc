// The C API against the C++ one, which this program has a copy of its own of; what the library shows to others;
// programs in C.
#include "triage.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <sstream>
#include <thread>

#include "core/allocation_test_support.h"
#include "core/command_test_support.h"
#include "runtime/test_two_engines.h"

namespace triage::runtime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kClasses = 12;

struct Freed {
  void operator()(triage_classifier* classifier) const { triage_free(classifier); }
};
using Handle = std::unique_ptr<triage_classifier, Freed>;

class CApi : public TwoEnginesTest {
 protected:
  CApi() {
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<std::uint8_t>(i * i * 31);
    for (std::size_t i = 0; i < kImages; ++i) {
      images_.push_back({&pixels_[i * 12], 2, 2, 3});
      views_.push_back({&pixels_[i * 12], 2, 2, 3});
    }
  }
  std::string plan() const { return directory_.path().string(); }
  Handle open(const triage_options* options = nullptr) {
    triage_classifier* classifier = nullptr;
    EXPECT_EQ(triage_load(plan().c_str(), options, &classifier, &error_), TRIAGE_OK) << error_.message;
    return Handle(classifier);
  }
  // The text of a call that is refused with this code.
  std::string refused(triage_code expected, triage_code found) const {
    EXPECT_EQ(found, expected) << error_.message;
    EXPECT_EQ(error_.code, expected);
    EXPECT_EQ(error_.message_length, std::strlen(error_.message));
    return error_.message;
  }

  static constexpr std::size_t kImages = 40;
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(kImages * 12);
  std::vector<triage_image> images_;
  std::vector<ImageView> views_;
  triage_error error_ = TRIAGE_ERROR_INIT;
};

TEST_F(CApi, AnswersAsCpp) {
  for (const char* engine : {"onnxruntime", "compiled"}) {
    triage_options options = TRIAGE_OPTIONS_INIT;
    options.engine = engine;
    const Handle classifier = open(&options);
    const auto cpp = load({.engine = engine});
    ASSERT_TRUE(classifier && cpp);
    for (const std::size_t count : {std::size_t{1}, std::size_t{16}, kImages}) {
      std::vector<triage_outcome> outcomes(count);
      std::vector<float> logits(count * kClasses), probabilities(logits.size()), scores(count);
      std::vector<triage_class_probability> top(count * 2);
      triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
      outputs.outcomes = outcomes.data();
      outputs.logits = logits.data();
      outputs.probabilities = probabilities.data();
      outputs.top = top.data();
      outputs.top_count = 2;
      outputs.scores = scores.data();
      ASSERT_EQ(triage_classify(classifier.get(), images_.data(), count, &outputs, &error_), TRIAGE_OK);
      EXPECT_STREQ(error_.message, "");

      std::vector<Outcome> expected(count);
      std::vector<float> expected_logits(logits.size()), expected_probabilities(logits.size()), expected_scores(count);
      std::vector<ClassProbability> expected_top(top.size());
      ASSERT_TRUE(cpp->classify(std::span(views_).first(count), expected,
                                {.logits = expected_logits,
                                 .probabilities = expected_probabilities,
                                 .top = expected_top,
                                 .scores = expected_scores}));
      EXPECT_EQ(scores, expected_scores);
      EXPECT_EQ(logits, expected_logits);
      EXPECT_EQ(probabilities, expected_probabilities);
      for (std::size_t i = 0; i < count; ++i) {
        const triage_outcome& got = outcomes[i];
        EXPECT_EQ(std::tuple(got.label, got.probability, got.exit, got.score),
                  std::tuple(expected[i].label, expected[i].probability, expected[i].exit, expected[i].score));
        EXPECT_GT(got.microseconds, 0);
      }
      for (std::size_t k = 0; k < top.size(); ++k)
        EXPECT_EQ(std::tuple(top[k].label, top[k].probability),
                  std::tuple(expected_top[k].label, expected_top[k].probability));
    }
    const triage_outputs none = TRIAGE_OUTPUTS_INIT;
    EXPECT_EQ(triage_classify(classifier.get(), nullptr, 0, &none, &error_), TRIAGE_OK);
  }
}

TEST_F(CApi, EncodedImagesAnswerAsCpp) {
  const Handle classifier = open();
  const auto cpp = load({.decoder = &image_decoder()});
  ASSERT_TRUE(classifier && cpp);
  const std::string png = read_file(fs::path(TRIAGE_FIXTURES) / "images" / "rgb.png");
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(png.data());
  const triage_encoded_image image{bytes, png.size()}, cut{bytes, png.size() / 2};
  triage_outcome outcome;
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  outputs.outcomes = &outcome;
  ASSERT_EQ(triage_classify_encoded(classifier.get(), &image, 1, &outputs, &error_), TRIAGE_OK) << error_.message;
  const auto expected = cpp->classify(EncodedImage{bytes, png.size()});
  ASSERT_TRUE(expected);
  EXPECT_EQ(std::tuple(outcome.label, outcome.probability), std::tuple(expected->label, expected->probability));
  EXPECT_THAT(refused(TRIAGE_BAD_INPUT, triage_classify_encoded(classifier.get(), &cut, 1, &outputs, &error_)),
              HasSubstr("images[0]: "));
}

TEST_F(CApi, InfoSaysWhatRuns) {
  triage_options options = TRIAGE_OPTIONS_INIT;
  options.threads = 0;
  const Handle classifier = open(&options);
  ASSERT_TRUE(classifier);
  triage_info info = TRIAGE_INFO_INIT;
  ASSERT_EQ(triage_get_info(classifier.get(), &info, &error_), TRIAGE_OK);
  EXPECT_STREQ(info.name, "both");
  EXPECT_STREQ(info.policy, "confidence");
  EXPECT_STREQ(info.engine, "compiled");
  EXPECT_STREQ(info.engine_note, "");
  EXPECT_THAT(info.threads_note, HasSubstr(": "));
  EXPECT_STREQ(info.fit, "squash");
  EXPECT_EQ(info.classes, 12u);
  EXPECT_STREQ(info.class_names[11], "11");
  EXPECT_EQ(info.stages, 2u);
  EXPECT_STREQ(info.stage_names[1], "big");
  EXPECT_STREQ(info.stage_engines[0], "compiled");
  EXPECT_GE(info.stage_threads[0], 1);
  EXPECT_EQ(std::tuple(info.height, info.width, info.channels, info.decodes), std::tuple(2, 2, 3, 1));
}

TEST_F(CApi, ThresholdsAndStatistics) {
  const double never = 1, always = -1;
  triage_options options = TRIAGE_OPTIONS_INIT;
  options.thresholds = &never;
  options.threshold_count = 1;
  const Handle classifier = open(&options);
  ASSERT_TRUE(classifier);
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  const auto classify = [&] { return triage_classify(classifier.get(), images_.data(), kImages, &outputs, &error_); };
  EXPECT_EQ(classify(), TRIAGE_OK);
  EXPECT_EQ(triage_set_thresholds(classifier.get(), &always, 1, &error_), TRIAGE_OK);
  double now = 0;
  EXPECT_EQ(triage_get_thresholds(classifier.get(), &now, 1, &error_), TRIAGE_OK);
  EXPECT_EQ(now, always);
  EXPECT_EQ(classify(), TRIAGE_OK);
  EXPECT_EQ(classify(), TRIAGE_OK);
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_set_thresholds(classifier.get(), nullptr, 0, &error_)),
            "thresholds: found 0, expected 1 (one per exit but the last) for plan 'both'");
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_get_thresholds(classifier.get(), &now, 2, &error_)),
            "count: found 2, expected 1, one threshold per exit but the last");
  images_[3].pixels = nullptr;
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, classify()), "images[3]: pixels: found null");

  triage_statistics statistics = TRIAGE_STATISTICS_INIT;
  std::uint64_t exits[2] = {};
  statistics.exits = exits;
  statistics.exit_count = 2;
  ASSERT_EQ(triage_get_statistics(classifier.get(), &statistics, &error_), TRIAGE_OK) << error_.message;
  EXPECT_THAT(exits, ElementsAre(kImages, 2 * kImages));
  EXPECT_EQ(std::tuple(statistics.calls, statistics.errors, statistics.images, statistics.sent_on),
            std::tuple(3u, 1u, 3 * kImages, 2 * kImages));
  EXPECT_GT(statistics.microseconds, 0);
  EXPECT_EQ(statistics.exits, exits);
  statistics.exit_count = 3;
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_get_statistics(classifier.get(), &statistics, &error_)),
            "statistics: exit_count: found 3, expected 2, the number of stages");
}

TEST_F(CApi, WhatIsMissingIsNamed) {
  const Handle classifier = open();
  triage_classifier* none = classifier.get();
  EXPECT_EQ(refused(TRIAGE_NOT_FOUND, triage_load("nowhere", nullptr, &none, &error_)),
            "nowhere/plan.json: no such file; expected a plan directory");
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_load(nullptr, nullptr, &none, &error_)), "plan_directory: found NULL");
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_load("", nullptr, nullptr, &error_)), "classifier: found NULL");
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_classify(nullptr, images_.data(), 1, &outputs, &error_)),
            "classifier: found NULL");
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_classify(classifier.get(), nullptr, 1, &outputs, &error_)),
            "images: found NULL");
  EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_classify(classifier.get(), images_.data(), 1, nullptr, &error_)),
            "outputs: found NULL");
  triage_class_probability top[13];
  outputs.top = top;
  for (const std::size_t count : {0u, 13u}) {
    outputs.top_count = count;
    EXPECT_EQ(refused(TRIAGE_BAD_INPUT, triage_classify(classifier.get(), images_.data(), 1, &outputs, &error_)),
              std::format("outputs: top_count: found {}, expected 1 to 12", count));
  }
  EXPECT_EQ(triage_get_info(classifier.get(), nullptr, nullptr), TRIAGE_BAD_INPUT);  // nobody wants the text
  triage_free(nullptr);
}

TEST_F(CApi, LongTextsAreCutAtACharacter) {
  std::string directory = "x";
  for (int part = 0; part < 10; ++part) {
    for (int i = 0; i < 100; ++i) directory += "ä";  // two bytes, of which the last that fits would be the first
    directory += "/";
  }
  triage_classifier* none = nullptr;
  ASSERT_EQ(triage_load(directory.c_str(), nullptr, &none, &error_), TRIAGE_NOT_FOUND);
  EXPECT_GT(error_.message_length, 2000u);
  EXPECT_EQ(std::string(error_.message), directory.substr(0, 1006));
}

// A caller of a version that knows fewer fields: as if it ended earlier. No struct of version 1 may be shorter.
TEST_F(CApi, StructsOfOtherVersions) {
  struct Newer {
    triage_options known = TRIAGE_OPTIONS_INIT;
    std::uint64_t later = 0;
  } newer;
  newer.known.struct_size = sizeof newer;
  EXPECT_TRUE(open(&newer.known));
  newer.later = 1;
  triage_classifier* classifier = nullptr;
  const auto load_with = [&](const triage_options& options) {
    return triage_load(plan().c_str(), &options, &classifier, &error_);
  };
  EXPECT_THAT(refused(TRIAGE_UNSUPPORTED, load_with(newer.known)),
              HasSubstr("options: struct_size: found 56 with fields set beyond the 48 of library "));
  triage_options options = TRIAGE_OPTIONS_INIT;
  for (const std::size_t size : {std::size_t{0}, sizeof options - 1, std::size_t{1} << 40}) {
    options.struct_size = size;
    EXPECT_EQ(refused(TRIAGE_BAD_INPUT, load_with(options)),
              std::format("options: struct_size: found {}, expected sizeof, 48 or more", size));
  }
  const Handle opened = open();
  struct NewerInfo {
    triage_info known = TRIAGE_INFO_INIT;
    std::uint64_t later = 7;
  } info;
  info.known.struct_size = sizeof info;
  EXPECT_EQ(triage_get_info(opened.get(), &info.known, &error_), TRIAGE_OK);
  EXPECT_EQ(info.known.struct_size, sizeof info);
  EXPECT_EQ(info.known.classes, 12u);
  EXPECT_EQ(info.later, 0u);  // the library has nothing to say there
  error_ = {};                // forgotten: nothing is done
  EXPECT_EQ(triage_load(plan().c_str(), nullptr, &classifier, &error_), TRIAGE_BAD_INPUT);
  EXPECT_EQ(classifier, nullptr);
}

TEST_F(CApi, ThreadsHaveErrorsOfTheirOwn) {
  const Handle classifier = open();
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        triage_error error = TRIAGE_ERROR_INIT;
        triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
        std::vector<triage_image> images = images_;
        images[static_cast<std::size_t>(t)].width = 3;
        const std::string expected =
            std::format("images[{}]: found 2x3x3, expected 2x2x3 (height x width x channels)", t);
        for (int i = 0; i < 50; ++i) {
          wrong +=
              triage_classify(classifier.get(), images.data(), images.size(), &outputs, &error) != TRIAGE_BAD_INPUT;
          wrong += error.message != expected;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(CApi, AllocatesNothingForFewImagesAndOnceForMany) {
  const Handle classifier = open();
  std::vector<triage_outcome> outcomes(kImages);
  std::vector<triage_class_probability> top(kImages);
  std::vector<float> logits(kImages * kClasses);
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  outputs.outcomes = outcomes.data();
  outputs.logits = logits.data();
  outputs.top = top.data();
  outputs.top_count = 1;
  const auto classify = [&](std::size_t count) {
    triage_code code = TRIAGE_OK;
    const int allocations =
        allocations_of([&] { code = triage_classify(classifier.get(), images_.data(), count, &outputs, &error_); });
    return code == TRIAGE_OK ? allocations : -1;
  };
  classify(kImages);
  EXPECT_EQ(classify(1), 0);
  EXPECT_EQ(classify(16), 0);
  EXPECT_EQ(classify(17), 3);  // images, outcomes, the likeliest
  EXPECT_EQ(classify(kImages), 3);
}

// What a program that was compiled once relies on. Where this fails and it is meant: only appended fields and functions
// are no break; everything else is another SONAME. Then abi.txt is what this shows.
TEST(CAbi, IsWhatIsCommitted) {
  const Ran layout = run_command(ABI_PRINT), symbols = run_command(std::string("nm -D --defined-only ") + LIBRARY);
  ASSERT_EQ(std::tuple(layout.code, symbols.code), std::tuple(0, 0)) << symbols.output;
  std::string found = layout.output;
  std::istringstream lines(symbols.output);
  for (std::string address, kind, name; lines >> address >> kind >> name;)
    found += "symbol " + kind + " " + name + "\n";
  EXPECT_EQ(found, read_file(ABI));
}

TEST(CAbi, VersionsAndNames) {
  EXPECT_EQ(triage_abi_version(), TRIAGE_ABI_VERSION);
  EXPECT_STREQ(triage_version(), version());
  EXPECT_STREQ(triage_code_name(TRIAGE_OK), "ok");
  EXPECT_STREQ(triage_code_name(TRIAGE_UNREADABLE), "unreadable");
  EXPECT_STREQ(triage_code_name(99), "unknown");
  const Ran dynamic = run_command(std::string("readelf -d ") + LIBRARY);
  EXPECT_THAT(dynamic.output, AllOf(HasSubstr("[libtriage.so.1]"), HasSubstr("NODELETE")));
}

TEST_F(CApi, AHostOfPluginsLoadsItAgainAndAgain) {
  const Ran host = run_command(std::string(PLUGIN_HOST) + " " + LIBRARY + " " + plan());
  EXPECT_EQ(host.code, 0);
  EXPECT_EQ(host.output, "as before\n");
}

TEST_F(CApi, TheExampleInC) {
  const std::string image = (fs::path(TRIAGE_FIXTURES) / "images" / "photo.jpg").string();
  const Ran good = run_command(std::string(CLASSIFY_C) + " " + plan() + " " + image);
  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.output, testing::ContainsRegex("^([0-9]+ 0\\.[0-9]{3}\n){3}exit (little|big), [0-9]+ us\n$"));
  EXPECT_EQ(run_command(std::string(CLASSIFY_C)).code, 2);
  const Ran missing = run_command(std::string(CLASSIFY_C) + " nowhere " + image);
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.output, "nowhere/plan.json: no such file; expected a plan directory\n");
  EXPECT_EQ(run_command(std::string(CLASSIFY_C) + " " + plan() + " " + plan() + "/plan.json").code, 1);
}

}  // namespace
}  // namespace triage::runtime
