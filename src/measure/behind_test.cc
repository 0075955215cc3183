#include "measure/behind.h"

#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "core/test_support.h"

namespace triage::measure {
namespace {

// Callables on a clock of the test: each takes `own` seconds after itself and `own * after[before]` after others.
class Machine {
 public:
  std::vector<Callable> callables() {
    std::vector<Callable> made;
    for (std::size_t i = 0; i < 3; ++i)
      made.emplace_back([this, i](std::size_t) {
        now_ += own_[i] * after_[i][before_];
        before_ = i;
        ++runs_;
      });
    return made;
  }
  Clock clock() {
    return [this] { return now_; };
  }
  double ratio(std::size_t one, std::size_t other) const { return after_[one][other]; }
  std::size_t runs() const { return runs_; }

 private:
  double own_[3] = {1e-3, 4e-3, 0.5}, after_[3][3] = {{1, 1.5, 2}, {1.1, 1, 1.3}, {1, 1.02, 1}}, now_ = 0;
  std::size_t before_ = 0, runs_ = 0;
};

TEST(Behind, EachPairIsFoundWhateverTheWindow) {
  for (const double seconds : {0.0, 0.05, 5.0}) {
    Machine machine;
    const auto ratios =
        behind_ratios(machine.callables(), {.window_seconds = 0.1, .min_seconds = seconds}, machine.clock());
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(ratios[i][j], machine.ratio(i, j), 1e-9) << i << " after " << j;
    }
  }
}

TEST(Behind, NothingGetsFasterByIt) {
  double now = 0;
  std::size_t before = 0;
  std::vector<Callable> subjects;
  for (std::size_t i = 0; i < 2; ++i)
    subjects.emplace_back([&now, &before, i](std::size_t) { now += std::exchange(before, i) == i ? 2e-3 : 1e-3; });
  const auto ratios = behind_ratios(subjects, {}, [&] { return now; });
  EXPECT_EQ(ratios, (std::vector<std::vector<double>>{{1, 1}, {1, 1}}));
}

TEST(Behind, StopsWhenAsked) {
  Machine machine;
  std::atomic<bool> stop = false;
  auto callables = machine.callables();
  const std::vector<Callable> stopping{callables[0], [&](std::size_t run) {
                                         callables[1](run);
                                         stop = true;
                                       }};
  EXPECT_THROW(behind_ratios(stopping, {.stop = StopToken(stop)}, machine.clock()), Interrupted);
  EXPECT_LT(machine.runs(), 200u);
}

}  // namespace
}  // namespace triage::measure
