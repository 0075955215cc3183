// What a child of fork() gets from an engine that its parent has loaded: the right answer or an error, never a wait
// without end (an alarm ends it, and the test fails).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "engine/compiled/compiled_session.h"
#include "engine/onnxruntime/onnx_session.h"
#include "engine/threads/forks.h"
#include "runtime/live_thresholds.h"
#include "runtime/test_two_engines.h"

namespace {

bool is_child = false;
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHeapForks = false;  // its heap has no handlers of fork(): another thread's lock stays locked in a child
#else
constexpr bool kHeapForks = true;
#endif

}  // namespace

// LeakSanitizer asks at the end of a process. In a child, what only its parent's other threads knew looks lost.
extern "C" int __lsan_is_turned_off() { return is_child ? 1 : 0; }  // NOLINT(bugprone-reserved-identifier)

namespace triage::runtime {
namespace {

constexpr unsigned kAlarmSeconds = 60;
enum class Leave { at_once, with_destructors };

// How a child that does `work` ends: what that returned, 128 + the signal that killed it.
template <class Work>
int status_of_child(Leave leave, const Work& work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(kAlarmSeconds);
    is_child = true;
    const int result = work();
    leave == Leave::at_once ? ::_exit(result) : std::exit(result);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// In static memory, so that exit() takes them down.
struct Kept {
  std::unique_ptr<engine::Session> session;
  std::unique_ptr<Classifier> classifier;
};
Kept& kept() {
  static Kept all;
  return all;
}

class ForkTest : public TwoEnginesTest {
 protected:
  ForkTest() {
    for (std::size_t i = 0; i < images_.size(); ++i) images_[i] = static_cast<float>(i * 37 % 101) / 101;
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<std::uint8_t>(i * 37 % 251);
    for (int i = 0; i < kImages; ++i) views_.push_back({&pixels_[static_cast<std::size_t>(i) * 12], 2, 2, 3});
  }
  ~ForkTest() override { kept() = {}; }

  static std::unique_ptr<engine::Session> opened(Result<std::unique_ptr<engine::Session>> result) {
    if (!result) throw Error(result.error().message);
    return std::move(*result);
  }
  std::unique_ptr<engine::Session> open(const std::string& engine, int threads) const {
    if (engine == "onnxruntime")
      return opened(engine::open_onnx((directory_ / "big.onnx").string(), {.threads = threads}));
    engine::CompiledOptions options{.threads = threads};
    options.seconds_of_run = [](int of) { return 1.0 / of; };  // all of them, small as it is
    return opened(engine::open_compiled((directory_ / "big.program").string(), options));
  }
  // The logits of all images, or nothing and the error.
  std::vector<float> logits(const engine::Session& session, ErrorInfo* error = nullptr) const {
    std::vector<float> values(kImages * 12);
    const Status status = session.run(kImages, {.input = images_.data(), .logits = values.data()});
    if (status) return values;
    if (error) *error = status.error();
    return {};
  }
  std::vector<int> labels(const Classifier& classifier) const {
    std::vector<Outcome> outcomes(kImages);
    const Status status = classifier.classify(views_, outcomes);
    std::vector<int> found;
    for (const Outcome& outcome : outcomes) found.push_back(status ? outcome.label : -1);
    return found;
  }

  static constexpr int kImages = 5;
  std::vector<float> images_ = std::vector<float>(kImages * 12);
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(kImages * 12);
  std::vector<ImageView> views_;
};

TEST_F(ForkTest, AChildAnswersAsItsParentOrSaysWhyNot) {
  for (const char* engine : {"onnxruntime", "compiled"}) {
    for (const int threads : {1, 2, 4}) {
      for (const bool used : {false, true}) {
        for (const Leave leave : {Leave::at_once, Leave::with_destructors}) {
          SCOPED_TRACE(std::format("{} threads {} used {} leave {}", engine, threads, used, static_cast<int>(leave)));
          kept().session = open(engine, threads);
          const std::vector<float> expected = logits(*open(engine, 1));
          if (used) {
            EXPECT_EQ(logits(*kept().session), expected);
          }
          const bool cut_off = std::string(engine) == "onnxruntime" && threads > 1;
          const auto work = [&] {
            ErrorInfo error;
            for (int time = 0; time < 3; ++time) {
              const std::vector<float> found = logits(*kept().session, &error);
              if (!cut_off && found != expected) return 1;
              if (cut_off && error.code != ErrorCode::unsupported) return 2;
              if (cut_off && error.message.find("load the plan after the fork") == std::string::npos) return 3;
            }
            return 0;
          };
          EXPECT_EQ(status_of_child(leave, work), 0);
          EXPECT_EQ(status_of_child(leave, [&] { return status_of_child(leave, work); }), 0);  // a grandchild
          EXPECT_EQ(logits(*kept().session), expected);
        }
      }
    }
  }
}

TEST_F(ForkTest, AChildMayNotUseWhatItHasAndLoadItsOwn) {
  for (const char* engine : {"onnxruntime", "compiled"}) {
    kept().session = open(engine, 2);
    const std::vector<float> expected = logits(*kept().session);
    for (const Leave leave : {Leave::at_once, Leave::with_destructors}) {
      EXPECT_EQ(status_of_child(leave, [] { return 0; }), 0);
      EXPECT_EQ(status_of_child(leave,
                                [&] {
                                  kept().session = open(engine, 2);  // the parent's goes
                                  return logits(*kept().session) == expected ? 0 : 1;
                                }),
                0)
          << engine;
    }
  }
}

TEST_F(ForkTest, AWholePlanIsClassifiedInAChild) {
  for (const auto& [engine, threads] : {std::pair("onnxruntime", 1), {"compiled", 1}, {"compiled", 2}, {"auto", 4}}) {
    auto loaded = load({.engine = engine, .threads = threads, .thresholds = {0.5}});
    ASSERT_TRUE(loaded) << loaded.error().message;
    kept().classifier = std::make_unique<Classifier>(std::move(*loaded));
    const std::vector<int> expected = labels(*kept().classifier);
    EXPECT_THAT(expected, testing::Each(testing::Ge(0)));
    for (const Leave leave : {Leave::at_once, Leave::with_destructors}) {
      EXPECT_EQ(status_of_child(leave, [&] { return labels(*kept().classifier) == expected ? 0 : 1; }), 0) << engine;
    }
  }
}

// Other threads are in the middle of runs, and in whatever locks those take, when it is forked.
TEST_F(ForkTest, AProcessMayForkWhileItClassifies) {
  if (!kHeapForks) GTEST_SKIP() << "AddressSanitizer's heap";
  for (const auto& [engine, threads] : {std::pair("onnxruntime", 1), {"compiled", 1}, {"compiled", 3}}) {
    auto loaded = load({.engine = engine, .threads = threads});
    ASSERT_TRUE(loaded) << loaded.error().message;
    kept().classifier = std::make_unique<Classifier>(std::move(*loaded));
    kept().session = open(engine, threads);
    const std::vector<int> expected = labels(*kept().classifier);
    const std::vector<float> expected_logits = logits(*kept().session);
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    for (int other = 0; other < 2; ++other) {
      others.emplace_back([&] {
        while (!stop.load()) {
          if (labels(*kept().classifier) != expected || logits(*kept().session) != expected_logits) std::abort();
        }
      });
    }
    for (int i = 0; i < 8; ++i) {
      const auto work = [&] {
        return labels(*kept().classifier) == expected && logits(*kept().session) == expected_logits ? 0 : 1;
      };
      EXPECT_EQ(status_of_child(i % 2 == 0 ? Leave::at_once : Leave::with_destructors, work), 0) << engine << threads;
    }
    stop.store(true);
    for (std::thread& other : others) other.join();
  }
}

// Another thread writes thresholds without a pause, and has their lock most of the time: the child finds one whole set,
// and can write the next.
TEST(Forks, AProcessMayForkWhileThresholdsChange) {
  static constexpr std::array kOne{0.25, 0.25, 0.25}, kOther{0.75, 0.75, 0.75}, kThird{0.5, 0.5, 0.5};
  LiveThresholds thresholds(kOne);
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&] {
      while (!stop.load()) {
        thresholds.set(kOne);
        thresholds.set(kOther);
        written.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const int before = written.load();
    while (written.load() == before) std::this_thread::yield();
    const auto work = [&] {
      const ThresholdSet found = thresholds.now();
      if (found[0] != found[1] || found[1] != found[2] || (found[0] != kOne[0] && found[0] != kOther[0])) return 1;
      thresholds.set(kThird);
      return thresholds.now()[2] == kThird[2] ? 0 : 2;
    };
    EXPECT_EQ(status_of_child(Leave::at_once, work), 0);
  }
  stop.store(true);
  for (std::thread& writer : writers) writer.join();
}

TEST_F(ForkTest, ManyThreadsOfAChildShareATeam) {
  kept().session = open("compiled", 3);
  const std::vector<float> expected = logits(*kept().session);
  const auto work = [&] {
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&] {
        for (int i = 0; i < 50; ++i) wrong += logits(*kept().session) == expected ? 0 : 1;
      });
    }
    for (std::thread& caller : callers) caller.join();
    return wrong.load() == 0 ? 0 : 1;
  };
  EXPECT_EQ(status_of_child(Leave::with_destructors, work), 0);
}

TEST(Forks, EachChildHasItsNumber) {
  engine::watch_forks();
  const unsigned here = engine::process_generation();
  const auto steps = [&] { return static_cast<int>(engine::process_generation() - here); };
  EXPECT_EQ(status_of_child(Leave::at_once, steps), 1);
  EXPECT_EQ(status_of_child(Leave::at_once, [&] { return status_of_child(Leave::at_once, steps); }), 2);
  EXPECT_EQ(steps(), 0);
}

}  // namespace
}  // namespace triage::runtime
