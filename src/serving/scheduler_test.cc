#include "serving/scheduler.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>

#include "core/rng.h"
#include "engine/status.h"
#include "serving/serving_test_support.h"

namespace triage::serving {
namespace {

using namespace testing_serving;  // NOLINT(google-build-using-namespace)
using runtime::testing_executor::kClasses;
using runtime::testing_executor::unsure;
using ::testing::ElementsAre;

const std::vector<StageSetup> kTwo{{}, {}};
const std::vector<StageSetup> kMixed{{.carry = 3}, {.source = 0, .carry = 2}, {}};  // image, features, image

std::vector<ImageView> some(const Images& images, std::size_t first, std::size_t count) {
  return {images.views.begin() + static_cast<std::ptrdiff_t>(first),
          images.views.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

TEST(Scheduler, OneImageRunsAtOnceAndAlone) {
  Bench bench(kMixed);
  const Images images(4);
  Asked asked;
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 2, 1))).refused);  // leaves at the first exit
  EXPECT_TRUE(bench.workers->run_one());
  ASSERT_TRUE(asked.reply);
  ASSERT_FALSE(asked.reply->error);
  expect_answer(asked.reply->answers.at(0), 2, 3);
  EXPECT_EQ(asked.reply->queue_us, 0);
  EXPECT_FALSE(bench.workers->run_one());
  EXPECT_EQ(bench.scheduler->queue().images, 0u);
  EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
}

TEST(Scheduler, OnlyImagesThatGoOnWaitForTheNextStageAndRequestsShareItsBatch) {
  Bench bench(kTwo, {.max_batch = 8});
  const Images images(16);
  Asked first, second;
  ASSERT_FALSE(bench.scheduler->submit(first.request(some(images, 0, 8))).refused);
  ASSERT_FALSE(bench.scheduler->submit(second.request(some(images, 8, 8))).refused);
  EXPECT_TRUE(bench.workers->run_one());  // the first eight: half of them are unsure
  EXPECT_THAT(bench.scheduler->queue().waiting, ElementsAre(8u, 4u));
  EXPECT_TRUE(bench.workers->run_one());
  EXPECT_THAT(bench.scheduler->queue().waiting, ElementsAre(0u, 8u));
  EXPECT_EQ(bench.scheduler->queue().images, 8u);
  EXPECT_TRUE(bench.workers->run_one());
  EXPECT_FALSE(bench.workers->run_one());
  EXPECT_EQ(bench.fake.fakes[1]->runs(), 1);
  EXPECT_EQ(bench.fake.fakes[1]->largest_run(), 8);
  for (int i = 0; i < 8; ++i) {
    expect_answer(first.reply->answers.at(i), i, 2);
    expect_answer(second.reply->answers.at(i), i + 8, 2);
  }
}

// Whatever order requests come and batches run in, an image has the answer that it has alone.
TEST(Scheduler, AnswersDoNotDependOnCompany) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    Bench bench(kMixed, {.max_batch = 1 + static_cast<int>(rng.below(9)), .max_images = 5000, .max_bytes = 1 << 30});
    const Images images(256);
    std::vector<std::unique_ptr<Asked>> asked;
    std::vector<std::size_t> firsts;
    for (int step = 0; step < 300; ++step) {
      bench.now += 0.001 * rng.uniform();
      if (rng.uniform() < 0.3) {
        const std::size_t count = 1 + rng.below(12), first = rng.below(static_cast<std::uint32_t>(256 - count));
        asked.push_back(std::make_unique<Asked>());
        firsts.push_back(first);
        ASSERT_FALSE(bench.scheduler->submit(asked.back()->request(some(images, first, count))).refused);
      } else {
        bench.workers->run_one();
      }
    }
    bench.run_all();
    for (std::size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(asked[i]->calls, 1);
      ASSERT_FALSE(asked[i]->reply->error);
      for (std::size_t k = 0; k < asked[i]->reply->answers.size(); ++k)
        expect_answer(asked[i]->reply->answers[k], static_cast<int>(firsts[i] + k), 3);
    }
    EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
  }
}

// Exits that compare, and one that answers from the mean of all: what earlier stages said goes with the image.
TEST(Scheduler, ExitsThatAnswerTogetherAnswerAsTheExecutorsDo) {
  const std::vector<StageSetup> setup{{}, {}, {}};
  const auto sessions = [&] {
    std::vector<std::unique_ptr<engine::Session>> made;
    for (int s = 0; s < 3; ++s) made.push_back(runtime::testing_executor::make_fake(setup, s));
    return made;
  };
  std::set<int> exits;
  for (const double threshold : {0.2, 0.05}) {  // the fakes' first two stages disagree by 0.07
    plan::Plan plan = runtime::testing_executor::make_plan(setup);
    plan.policy = plan::PolicyKind::agreement;
    plan.stages[1].exit.threshold = threshold;
    plan.stages[2].exit.answer_weights = {0.4, 0.1, 0.5};
    Images images(64);
    const runtime::Executor executor(plan, sessions());
    ASSERT_TRUE(executor.classify(images.views, images.outcomes));
    const auto workers = std::make_shared<Workers>(0);
    Scheduler scheduler(std::make_shared<runtime::StageSet>(plan, sessions()), workers, {.max_batch = 7});
    std::vector<Asked> asked(16);
    for (int i = 0; i < 16; ++i) {
      ASSERT_FALSE(scheduler.submit(asked[i].request(some(images, 4 * static_cast<std::size_t>(i), 4))).refused);
      if (i % 3 == 0) workers->run_one();
    }
    while (workers->run_one()) {
    }
    for (int i = 0; i < 64; ++i) {
      const Outcome &found = asked[i / 4].reply->answers.at(i % 4).outcome, &expected = images.outcomes[i];
      EXPECT_EQ(found.label, expected.label) << i;
      EXPECT_EQ(found.exit, expected.exit) << i;
      EXPECT_EQ(found.probability, expected.probability) << i;
      EXPECT_EQ(found.score, expected.score) << i;
      exits.insert(found.exit);
    }
  }
  EXPECT_EQ(exits.size(), 3u);
}

TEST(Scheduler, WhatFillsABatchGoesFirstAndOfEqualsTheLaterStage) {
  Bench bench(kTwo, {.max_batch = 4});
  const Images images(16);
  Asked unsure_ones, more;
  ASSERT_FALSE(bench.scheduler->submit(unsure_ones.request(some(images, 1, 1))).refused);
  bench.workers->run_one();  // image 1 goes on
  ASSERT_FALSE(bench.scheduler->submit(more.request(some(images, 0, 3))).refused);
  bench.workers->run_one();
  EXPECT_EQ(bench.fake.fakes[0]->largest_run(), 3);
  EXPECT_FALSE(unsure_ones.reply);
  EXPECT_THAT(bench.scheduler->queue().waiting, ElementsAre(0u, 2u));
  Asked two;
  ASSERT_FALSE(bench.scheduler->submit(two.request(some(images, 2, 2))).refused);
  bench.workers->run_one();
  EXPECT_EQ(bench.fake.fakes[1]->largest_run(), 2);
  EXPECT_TRUE(unsure_ones.reply);
  bench.run_all();
}

TEST(Scheduler, WhoHasWaitedTooLongGoesBeforeFullerBatches) {
  Bench bench(kTwo, {.max_batch = 4, .max_queue_delay = 0.002});
  const Images images(16);
  Asked alone, crowd;
  ASSERT_FALSE(bench.scheduler->submit(alone.request(some(images, 1, 1))).refused);
  bench.workers->run_one();
  bench.now += 0.0015;
  ASSERT_FALSE(bench.scheduler->submit(crowd.request(some(images, 0, 8))).refused);
  bench.workers->run_one();
  EXPECT_FALSE(alone.reply);
  bench.now += 0.001;
  bench.workers->run_one();
  ASSERT_TRUE(alone.reply);
  EXPECT_NEAR(alone.reply->answers[0].visits[1].queue_us, 2500, 1e-3);
  EXPECT_EQ(bench.fake.fakes[0]->runs(), 2);
  bench.run_all();
}

// Each image of the second stage takes 4 ms: batches of two, once that is known.
TEST(Scheduler, BatchesAreAsLargeAsTheirTimeAllows) {
  const std::vector<StageSetup> setup{{}, {}};
  double now = 0;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(runtime::testing_executor::make_fake(setup, 0));
  sessions.push_back(std::make_unique<engine::FakeSession>(
      engine::SessionInfo{.input_size = runtime::testing_executor::kPixels, .classes = kClasses},
      [&](const engine::FakeRow& row) {
        runtime::testing_executor::answer(row, 1);
        now += 0.004;
      }));
  const auto& big = static_cast<const engine::FakeSession&>(*sessions[1]);
  const auto workers = std::make_shared<Workers>(0);
  Scheduler scheduler(
      std::make_shared<runtime::StageSet>(runtime::testing_executor::make_plan(setup), std::move(sessions)), workers,
      {.max_batch_time = 0.010, .clock = [&] { return now; }});
  const Images images(16);
  Asked first, then;
  ASSERT_FALSE(scheduler.submit(first.request(some(images, 1, 1))).refused);
  while (workers->run_one()) {
  }
  ASSERT_FALSE(scheduler.submit(then.request(some(images, 0, 16))).refused);
  while (workers->run_one()) {
  }
  EXPECT_EQ(big.images(), 9);
  EXPECT_EQ(big.runs(), 5);
  EXPECT_EQ(big.largest_run(), 2);
  for (const Answer& answer : then.reply->answers) EXPECT_GT(answer.outcome.label, -1);
}

// Each image takes 1 ms at the first stage, and 4 ms more where it goes on; one half does. A queue of 16 takes 48 ms.
TEST(Scheduler, WhatCannotBeDoneByItsDeadlineIsRefusedAtOnce) {
  const std::vector<StageSetup> setup{{}, {}};
  double now = 0;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (const int stage : {0, 1}) {
    sessions.push_back(std::make_unique<engine::FakeSession>(
        engine::SessionInfo{.input_size = runtime::testing_executor::kPixels, .classes = kClasses},
        [&now, stage](const engine::FakeRow& row) {
          runtime::testing_executor::answer(row, stage);
          now += stage == 0 ? 0.001 : 0.004;
        }));
  }
  const auto workers = std::make_shared<Workers>(0);
  Scheduler scheduler(
      std::make_shared<runtime::StageSet>(runtime::testing_executor::make_plan(setup), std::move(sessions)), workers,
      {.clock = [&] { return now; }});
  const Images images(16);
  const auto asks = [&](Asked& asked, std::size_t count, double deadline) {
    Request request = asked.request(some(images, 0, count));
    request.deadline = deadline;
    return scheduler.submit(std::move(request));
  };
  Asked unknown, learnt, waiting, hopeless, in_time, expired;
  ASSERT_FALSE(asks(learnt, 16, kNoDeadline).refused);
  ASSERT_FALSE(asks(unknown, 1, now + 1e-6).refused);  // nothing ran yet: nothing is known
  while (workers->run_one()) {
  }
  double each = 0;  // of what the first 16 say of themselves, in ms
  for (const Answer& answer : learnt.reply->answers) each += answer.visits.size() > 1 ? 5.0 / 16 : 1.0 / 16;
  ASSERT_FALSE(asks(waiting, 16, kNoDeadline).refused);
  const Submitted refused = asks(hopeless, 1, now + 0.9e-3 * 16 * each);
  ASSERT_TRUE(refused.refused);
  EXPECT_EQ(refused.refused->code, RequestErrorCode::queue_full);
  EXPECT_THAT(refused.refused->message,
              ::testing::AllOf(::testing::HasSubstr("16 images wait, for about"), ::testing::HasSubstr("deadline")));
  EXPECT_FALSE(asks(in_time, 1, now + 1.1e-3 * 16 * each).refused);
  EXPECT_EQ(scheduler.queue().images, 17u);
  while (workers->run_one()) {
  }
  EXPECT_EQ(hopeless.calls, 0);
  EXPECT_TRUE(waiting.reply && !waiting.reply->error);
  // Those whose time is over cost nothing more: behind them there is no wait.
  ASSERT_FALSE(asks(expired, 16, now + 1e-3).refused);
  now += 1e-3;
  EXPECT_FALSE(asks(in_time, 1, now + 1e-3).refused);
  while (workers->run_one()) {
  }
}

TEST(Scheduler, RefusesWhatDoesNotFitAndSaysSo) {
  Bench bench(kTwo, {.max_images = 6, .max_bytes = 1000});
  const Images images(16);
  Asked asked;
  const auto code = [&](Request request) { return bench.scheduler->submit(std::move(request)).refused->code; };
  EXPECT_EQ(code(asked.request({})), RequestErrorCode::bad_input);
  EXPECT_EQ(code(asked.request(some(images, 0, 7))), RequestErrorCode::bad_input);  // never fits
  ImageView wide = images.views[0];
  wide.width = 3;
  EXPECT_EQ(code(asked.request(std::span(&wide, 1))), RequestErrorCode::bad_input);
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 4))).refused);
  const Submitted full = bench.scheduler->submit(asked.request(some(images, 0, 3)));
  ASSERT_TRUE(full.refused);
  EXPECT_EQ(full.refused->code, RequestErrorCode::queue_full);
  EXPECT_THAT(full.refused->message, ::testing::HasSubstr("at most 6"));
  bench.run_all();
  EXPECT_EQ(asked.calls, 1);
  EXPECT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 3))).refused);
  Request thresholds = asked.request(some(images, 0, 1));
  thresholds.thresholds = {0.1, 0.2};
  EXPECT_EQ(code(std::move(thresholds)), RequestErrorCode::bad_input);
  Request encoded = asked.request({});
  encoded.encoded.push_back({.bytes = images.pixels.data(), .size = 4});
  EXPECT_EQ(code(std::move(encoded)), RequestErrorCode::unsupported);
  bench.scheduler->stop();
  EXPECT_EQ(code(asked.request(some(images, 0, 1))), RequestErrorCode::stopping);
  bench.run_all();
  EXPECT_EQ(asked.calls, 2);
}

TEST(Scheduler, BytesAreBoundedByPixelsAndWhatStagesHandOn) {
  Bench bench(kTwo, {.max_images = 100, .max_bytes = 3 * 20});  // 4 pixels and their 4 floats
  const Images images(4);
  Asked asked;
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 2))).refused);
  EXPECT_EQ(bench.scheduler->queue().bytes, 40u);
  EXPECT_EQ(bench.scheduler->submit(asked.request(some(images, 0, 2))).refused->code, RequestErrorCode::queue_full);
  EXPECT_EQ(bench.scheduler->submit(asked.request(some(images, 0, 4))).refused->code, RequestErrorCode::bad_input);
  bench.run_all();
}

TEST(Scheduler, ExpiredAndCancelledImagesDoNotRun) {
  Bench bench(kTwo, {.max_batch = 4});
  const Images images(16);
  Asked late, gone, fine, late_between;
  Request request = late.request(some(images, 0, 3));
  request.deadline = bench.now + 0.010;
  ASSERT_FALSE(bench.scheduler->submit(std::move(request)).refused);
  const Submitted cancelled = bench.scheduler->submit(gone.request(some(images, 3, 2)));
  ASSERT_FALSE(bench.scheduler->submit(fine.request(some(images, 6, 1))).refused);
  bench.now += 0.011;
  cancelled.ticket.cancel();
  bench.run_all();
  EXPECT_EQ(late.reply->error->code, RequestErrorCode::deadline_expired);
  EXPECT_EQ(gone.reply->error->code, RequestErrorCode::cancelled);
  EXPECT_EQ(late.calls + gone.calls, 2);
  EXPECT_FALSE(fine.reply->error);
  EXPECT_EQ(bench.fake.fakes[0]->images(), 1);
  request = late_between.request(some(images, 0, 2));
  request.deadline = bench.now + 0.010;
  ASSERT_FALSE(bench.scheduler->submit(std::move(request)).refused);
  bench.workers->run_one();
  bench.now += 0.010;
  bench.run_all();
  EXPECT_EQ(late_between.reply->error->code, RequestErrorCode::deadline_expired);
  EXPECT_EQ(bench.fake.fakes[1]->images(), 0);
  EXPECT_EQ(bench.scheduler->queue().images, 0u);
  EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
  cancelled.ticket.cancel();  // of a request that is no more
}

TEST(Scheduler, AnImageThatFailsFailsItsRequestAlone) {
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(std::make_unique<engine::FakeSession>(
      engine::SessionInfo{.input_size = runtime::testing_executor::kPixels, .classes = kClasses},
      [](const engine::FakeRow& row) {
        runtime::testing_executor::answer(row, 0);
        if (runtime::testing_executor::number(row) == 5) row.logits[0] = std::nanf("");
      }));
  const auto workers = std::make_shared<Workers>(0);
  Scheduler scheduler(std::make_shared<runtime::StageSet>(
                          runtime::testing_executor::make_plan(std::vector<StageSetup>{{}}), std::move(sessions)),
                      workers);
  const Images images(16);
  Asked first, bad, last;
  ASSERT_FALSE(scheduler.submit(first.request(some(images, 0, 4))).refused);
  ASSERT_FALSE(scheduler.submit(bad.request(some(images, 4, 4))).refused);
  ASSERT_FALSE(scheduler.submit(last.request(some(images, 8, 4))).refused);
  while (workers->run_one()) {
  }
  EXPECT_FALSE(first.reply->error);
  EXPECT_FALSE(last.reply->error);
  ASSERT_TRUE(bad.reply->error);
  EXPECT_EQ(bad.reply->error->code, RequestErrorCode::engine_failure);
  EXPECT_THAT(bad.reply->error->message, ::testing::HasSubstr("stage0"));
  EXPECT_EQ(scheduler.queue().images, 0u);
}

TEST(Scheduler, ThresholdsOfThePlanAndOfARequest) {
  Bench bench(kTwo);
  const Images images(4);
  EXPECT_THAT(bench.scheduler->thresholds(), ElementsAre(0.5));
  EXPECT_THROW(bench.scheduler->set_thresholds(std::vector{0.1, 0.2}), engine::Failure);
  Asked stays, goes;
  Request own = goes.request(some(images, 2, 1));
  own.thresholds = {runtime::testing_executor::kAlways};
  ASSERT_FALSE(bench.scheduler->submit(stays.request(some(images, 1, 1))).refused);
  ASSERT_FALSE(bench.scheduler->submit(std::move(own)).refused);
  bench.scheduler->set_thresholds(std::vector{runtime::testing_executor::kNever});  // met by what is under way
  bench.run_all();
  EXPECT_EQ(stays.reply->answers[0].outcome.exit, 0);
  EXPECT_EQ(goes.reply->answers[0].outcome.exit, 1);
}

TEST(Scheduler, LogitsAndProbabilitiesWhereTheyAreWanted) {
  Bench bench(kTwo);
  const Images images(4);
  Asked plain, wants;
  ASSERT_FALSE(bench.scheduler->submit(plain.request(some(images, 1, 2))).refused);
  Request request = wants.request(some(images, 1, 2));
  request.wants_logits = request.wants_probabilities = true;
  ASSERT_FALSE(bench.scheduler->submit(std::move(request)).refused);
  bench.run_all();
  EXPECT_TRUE(plain.reply->answers[0].logits.empty());
  EXPECT_TRUE(plain.reply->answers[0].probabilities.empty());
  for (const Answer& answer : wants.reply->answers) {
    ASSERT_EQ(answer.logits.size(), static_cast<std::size_t>(kClasses));
    ASSERT_EQ(answer.probabilities.size(), static_cast<std::size_t>(kClasses));
    EXPECT_EQ(std::ranges::max(answer.probabilities), answer.outcome.probability);
    EXPECT_GT(answer.logits[answer.outcome.label], 0);
  }
}

struct Recorder : Observer {
  void request_taken(std::size_t images) override { taken.push_back(images); }
  void batch_ran(const BatchReport& report) override { batches.push_back(report); }
  void image_answered(const Answer& answer) override { exits.push_back(answer.outcome.exit); }
  void request_ended(const RequestReport& report) override { ended.push_back(report); }
  void audited(const AuditReport& report) override {
    audits.push_back(report.exit);
    visits.emplace_back(report.visits.begin(), report.visits.end());
  }
  void sampled(std::span<const StageVisit> seen) override { sampled_visits.push_back(seen.size()); }
  std::vector<BatchReport> batches;
  std::vector<std::size_t> taken, sampled_visits;
  std::vector<int> exits, audits;
  std::vector<RequestReport> ended;
  std::vector<std::vector<StageVisit>> visits;
};

TEST(Scheduler, AuditedImagesRunToTheEndBehindEverybodyElse) {
  const auto recorder = std::make_shared<Recorder>();
  Bench bench(kMixed, {.max_batch = 4}, {recorder});
  bench.scheduler->set_audit_share(1);
  const Images images(8);
  Asked early, other;
  ASSERT_FALSE(bench.scheduler->submit(early.request(some(images, 0, 1))).refused);
  bench.workers->run_one();
  ASSERT_TRUE(early.reply);  // answered before its audit
  EXPECT_EQ(early.reply->answers[0].outcome.exit, 0);
  EXPECT_EQ(bench.scheduler->queue().images, 0u);
  EXPECT_EQ(bench.scheduler->queue().audited, 1u);
  EXPECT_GT(bench.scheduler->queue().bytes, 0u);
  ASSERT_FALSE(bench.scheduler->submit(other.request(some(images, 1, 1))).refused);
  bench.workers->run_one();
  bench.workers->run_one();
  bench.workers->run_one();
  EXPECT_TRUE(other.reply);
  EXPECT_THAT(recorder->audits, ElementsAre());
  bench.run_all();
  EXPECT_THAT(recorder->audits, ElementsAre(0));
  EXPECT_THAT(recorder->sampled_visits, ElementsAre(3, 3));  // and the one that came to the end by itself
  ASSERT_EQ(recorder->visits[0].size(), 3u);
  for (int s = 0; s < 3; ++s) EXPECT_EQ(recorder->visits[0][s].label, s % kClasses);
  EXPECT_THAT(recorder->exits, ElementsAre(0, 2));
  EXPECT_EQ(early.reply->answers[0].visits.size(), 1u);
  EXPECT_EQ(bench.scheduler->queue().audited, 0u);
  EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
}

TEST(Scheduler, AuditsAreBoundedAndGivenUpWhenItDrains) {
  const auto recorder = std::make_shared<Recorder>();
  Bench bench(kTwo, {.max_audited = 3}, {recorder});
  bench.scheduler->set_audit_share(1);
  const Images images(16);
  Asked asked;
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 16))).refused);
  bench.workers->run_one();
  EXPECT_EQ(bench.scheduler->queue().audited, 3u);
  bench.workers->run_one();
  ASSERT_TRUE(asked.reply);
  EXPECT_THAT(recorder->sampled_visits, ElementsAre());  // no room for early leavers: none of the others either
  bench.scheduler->drain();
  EXPECT_EQ(bench.scheduler->queue().audited, 0u);
  EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
}

TEST(Scheduler, ObserversSeeBatchesImagesAndRequests) {
  const auto recorder = std::make_shared<Recorder>();
  Bench bench(kTwo, {.max_images = 8}, {recorder});
  const Images images(16);
  Asked asked;
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 8))).refused);
  ASSERT_TRUE(bench.scheduler->submit(asked.request(some(images, 0, 1))).refused);
  bench.now += 0.5;
  bench.run_all();
  ASSERT_EQ(recorder->batches.size(), 2u);
  EXPECT_EQ(recorder->batches[0].images, 8);
  EXPECT_EQ(recorder->batches[0].sent_on, 4);
  EXPECT_NEAR(recorder->batches[0].longest_wait_us, 5e5, 1);
  EXPECT_EQ(recorder->batches[1].stage, 1);
  EXPECT_THAT(recorder->taken, ElementsAre(8u));
  EXPECT_EQ(recorder->exits.size(), 8u);
  ASSERT_EQ(recorder->ended.size(), 2u);
  EXPECT_EQ(recorder->ended[0].error, RequestErrorCode::queue_full);
  EXPECT_FALSE(recorder->ended[0].taken);
  EXPECT_FALSE(recorder->ended[1].error);
  EXPECT_TRUE(recorder->ended[1].taken);
  EXPECT_NEAR(recorder->ended[1].total_us, 5e5, 1);
}

struct FakeDecoder : ImageDecoder {  // a file is one byte, the image's number
  Result<DecodedImage> decode(const EncodedImage& image, const DecodeRequest& request) const override {
    if (image.size != 1) return ErrorInfo{ErrorCode::bad_input, "no image"};
    DecodedImage decoded{.height = request.height, .width = request.width, .channels = request.channels};
    for (int k = 0; k < runtime::testing_executor::kPixels; ++k)
      decoded.pixels.push_back(static_cast<std::uint8_t>(image.bytes[0] + k));
    return decoded;
  }
};

TEST(Scheduler, EncodedImagesAreDecodedByWorkers) {
  const FakeDecoder decoder;
  Bench bench(kTwo, {.decoder = &decoder});
  const std::vector<std::uint8_t> files{4, 5, 6};
  Asked good, bad;
  Request request = good.request({}), damaged = bad.request({});
  for (const std::uint8_t& file : files) request.encoded.push_back({.bytes = &file, .size = 1});
  damaged.encoded = {{.bytes = files.data(), .size = 1}, {.bytes = files.data(), .size = 3}};
  ASSERT_FALSE(bench.scheduler->submit(std::move(request)).refused);
  ASSERT_FALSE(bench.scheduler->submit(std::move(damaged)).refused);
  EXPECT_EQ(bench.scheduler->queue().decoding, 5u);
  bench.run_all();
  for (int i = 0; i < 3; ++i) expect_answer(good.reply->answers.at(i), i + 4, 2);
  ASSERT_TRUE(bad.reply->error);
  EXPECT_EQ(bad.reply->error->code, RequestErrorCode::bad_input);
  EXPECT_THAT(bad.reply->error->message, ::testing::HasSubstr("images[1]"));
  EXPECT_EQ(bench.scheduler->queue().bytes, 0u);
  EXPECT_EQ(bench.scheduler->queue().images, 0u);
}

TEST(Scheduler, WhatIsQueuedWhenItEndsIsTold) {
  Bench bench(kTwo);
  const Images images(4);
  Asked asked;
  ASSERT_FALSE(bench.scheduler->submit(asked.request(some(images, 0, 4))).refused);
  bench.scheduler.reset();
  EXPECT_EQ(asked.calls, 1);
  EXPECT_EQ(asked.reply->error->code, RequestErrorCode::stopping);
  EXPECT_FALSE(bench.workers->run_one());
}

// Everything that was taken ends once, with several threads everywhere; what is not cancelled is answered right.
TEST(Scheduler, ManyThreadsLoseNothing) {
  constexpr int kClients = 4, kRequests = 400;
  const auto workers = std::make_shared<Workers>(3);
  const FakeStages fake = fake_stages(kMixed);
  Scheduler scheduler(fake.stages, workers, {.max_batch = 8, .max_images = 64});
  scheduler.set_audit_share(0.2);
  const Images images(256);
  std::atomic<int> taken = 0, ended = 0, wrong = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      Rng rng(static_cast<std::uint64_t>(c));
      for (int r = 0; r < kRequests; ++r) {
        const std::size_t count = 1 + rng.below(10), first = rng.below(static_cast<std::uint32_t>(256 - count));
        Request request;
        request.images = some(images, first, count);
        request.done = [&, count, first](const Reply& reply) {
          ++ended;
          if (reply.error && reply.error->code != RequestErrorCode::cancelled) ++wrong;
          if (reply.error) return;
          if (reply.answers.size() != count) ++wrong;
          for (std::size_t i = 0; i < reply.answers.size(); ++i) {
            const int exit = reply.answers[i].outcome.exit;
            if (reply.answers[i].outcome.label != static_cast<int>(first + i + exit) % kClasses) ++wrong;
            if (exit < 2 && unsure(static_cast<int>(first + i), exit)) ++wrong;
          }
        };
        const Submitted submitted = scheduler.submit(std::move(request));
        if (submitted.refused && submitted.refused->code != RequestErrorCode::queue_full) ++wrong;
        if (!submitted.refused) ++taken;
        if (rng.uniform() < 0.1) submitted.ticket.cancel();
        if (rng.uniform() < 0.1) std::this_thread::yield();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  scheduler.drain();
  EXPECT_EQ(ended, taken);
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(taken, 0);
  EXPECT_EQ(scheduler.queue().images, 0u);
  EXPECT_EQ(scheduler.queue().bytes, 0u);
  EXPECT_EQ(scheduler.queue().audited, 0u);
}

// A client that asks again from `done` finds the room of its last request.
TEST(Scheduler, RoomIsGivenBackBeforeDoneIsCalled) {
  const auto workers = std::make_shared<Workers>(2);
  const FakeStages fake = fake_stages(kTwo);
  Scheduler scheduler(fake.stages, workers, {.max_images = 3});
  const Images images(3);
  std::atomic<int> refused = 0, left = 300;
  std::latch all(3);
  std::function<void()> ask = [&] {
    Request request;
    request.images = some(images, 0, 1);
    request.done = [&](const Reply&) {
      if (left.fetch_sub(1) > 0)
        ask();
      else
        all.count_down();
    };
    if (scheduler.submit(std::move(request)).refused) {
      ++refused;
      all.count_down();
    }
  };
  for (int i = 0; i < 3; ++i) ask();
  all.wait();
  EXPECT_EQ(refused, 0);
  scheduler.drain();
}

}  // namespace
}  // namespace triage::serving
