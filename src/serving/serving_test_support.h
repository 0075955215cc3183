// Schedulers over the cascades of fake stages that the executor's tests have, on a clock of the test's own.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/executor_test_support.h"
#include "serving/scheduler.h"

namespace triage::serving::testing_serving {

using runtime::testing_executor::Images;
using runtime::testing_executor::StageSetup;

struct FakeStages {
  std::shared_ptr<runtime::StageSet> stages;
  std::vector<engine::FakeSession*> fakes;
};

inline FakeStages fake_stages(const std::vector<StageSetup>& setup) {
  FakeStages made;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
    auto fake = runtime::testing_executor::make_fake(setup, s);
    made.fakes.push_back(fake.get());
    sessions.push_back(std::move(fake));
  }
  made.stages = std::make_shared<runtime::StageSet>(runtime::testing_executor::make_plan(setup), std::move(sessions));
  return made;
}

// Without threads: the test says when a batch runs.
struct Bench {
  explicit Bench(const std::vector<StageSetup>& setup, SchedulerOptions options = {},
                 std::vector<std::shared_ptr<Observer>> observers = {})
      : fake(fake_stages(setup)) {
    options.clock = [this] { return now; };
    scheduler = std::make_unique<Scheduler>(fake.stages, workers, std::move(options), std::move(observers));
  }
  void run_all() {
    while (workers->run_one()) {
    }
  }

  double now = 100;
  FakeStages fake;
  std::shared_ptr<Workers> workers = std::make_shared<Workers>(0);
  std::unique_ptr<Scheduler> scheduler;
};

// A request of some images; what was answered is in `reply` once it was.
struct Asked {
  Request request(std::span<const ImageView> images) {
    Request made;
    made.images.assign(images.begin(), images.end());
    made.done = [this](Reply answer) {
      ++calls;
      reply = std::move(answer);
    };
    return made;
  }
  int calls = 0;
  std::optional<Reply> reply;
};

// What the fakes say of image `number` (executor_test_support.h).
inline void expect_answer(const Answer& answer, int number, int stages) {
  int exit = 0;
  while (exit + 1 < stages && runtime::testing_executor::unsure(number, exit)) ++exit;
  EXPECT_EQ(answer.outcome.exit, exit) << "image " << number;
  EXPECT_EQ(answer.outcome.label, (number + exit) % runtime::testing_executor::kClasses) << "image " << number;
  ASSERT_EQ(answer.visits.size(), exit + 1u) << "image " << number;
}

}  // namespace triage::serving::testing_serving
