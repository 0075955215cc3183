// A process that is not ours: what plans of both engines leave of it when they are loaded, run and gone. In a program
// of its own, which no other test has changed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/defs/schema.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <map>
#include <thread>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "runtime/test_two_engines.h"

namespace triage::runtime {
namespace {

std::string processors_of(int thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(thread, sizeof set, &set) != 0) return "gone";
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) text += CPU_ISSET(cpu, &set) ? "1" : "0";
  return text;
}

std::string floating_point_mode() {  // of this thread
  std::string mode = std::to_string(std::fegetround());
#if defined(__x86_64__)
  mode +=
      " " + std::to_string(_mm_getcsr() & ~0x3fU);  // without the flags of what has been computed: denormals, rounding
#endif
  return mode;
}

// What a host may have set and rely on.
std::map<std::string, std::string> state_of_process() {
  std::map<std::string, std::string> state{{"locale", std::setlocale(LC_ALL, nullptr)},
                                           {"directory", fs::current_path().string()},
                                           {"floating point", floating_point_mode()},
                                           {"priority", std::to_string(::getpriority(PRIO_PROCESS, 0))},
                                           {"processors", processors_of(0)}};
  for (char** variable = environ; *variable; ++variable) state["environment"] += std::string(*variable) + "\n";
  const mode_t mask = ::umask(0);
  ::umask(mask);
  state["umask"] = std::to_string(mask);
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) != 0) continue;
    state["signal " + std::to_string(signal)] =
        std::format("{} {}", reinterpret_cast<std::uintptr_t>(action.sa_handler), action.sa_flags);
  }
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  for (int signal = 1; signal < NSIG; ++signal) state["blocked"] += ::sigismember(&blocked, signal) == 1 ? "1" : "0";
  for (const int resource : {RLIMIT_AS, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_NOFILE, RLIMIT_STACK}) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
    state["limit " + std::to_string(resource)] = std::format("{} {}", limit.rlim_cur, limit.rlim_max);
  }
  return state;
}

void ignore(int) {}

// Schemas that the host's libonnx has, one of them the host's own.
std::map<std::string, const onnx::OpSchema*> schemas() {
  std::map<std::string, const onnx::OpSchema*> found{
      {"host.HostsOwn", onnx::OpSchemaRegistry::Schema("HostsOwn", "host")}};
  for (const onnx::OpSchema& schema : onnx::OpSchemaRegistry::get_all_schemas_with_history()) {
    if (!schema.domain().starts_with("ai.onnx") && !schema.domain().empty()) continue;
    const std::string name = std::format("{}.{} {}", schema.domain(), schema.Name(), schema.SinceVersion());
    found[name] = onnx::OpSchemaRegistry::Schema(schema.Name(), schema.SinceVersion(), schema.domain());
  }
  return found;
}

class HostTest : public TwoEnginesTest {
 protected:
  // Loads both engines with several threads, classifies in this thread, and takes them down again.
  void use_triage() const {
    std::vector<std::uint8_t> pixels(12, 77);
    const std::vector<ImageView> views(5, {pixels.data(), 2, 2, 3});
    for (const char* engine : {"onnxruntime", "compiled"}) {
      Result<Classifier> classifier = load({.engine = engine, .threads = 2});
      ASSERT_TRUE(classifier) << classifier.error().message;
      std::vector<Outcome> outcomes(views.size());
      for (int time = 0; time < 20; ++time) ASSERT_TRUE(classifier->classify(views, outcomes));
    }
  }
};

TEST_F(HostTest, FindsItsProcessAsItWas) {
  onnx::OpSchemaRegistry::DomainToVersionRange::Instance().AddDomainToVersion("host", 1, 1);
  onnx::RegisterSchema(onnx::OpSchema("HostsOwn", __FILE__, __LINE__).SetDomain("host").SinceVersion(1));
  const auto operators = schemas();
  ASSERT_GT(operators.size(), 500u);
  ASSERT_NE(operators.at("host.HostsOwn"), nullptr);

  ::setlocale(LC_ALL, "C.UTF-8");
  std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // denormals count as zero
#endif
  for (const int signal : {SIGINT, SIGCHLD, SIGILL, SIGUSR1}) ::signal(signal, ignore);
  ::umask(027);
  cpu_set_t all, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  std::atomic<int> other_thread{0};
  std::atomic<bool> done{false};
  std::thread other([&] {  // of the host, on one processor of its own
    ::sched_setaffinity(0, sizeof one, &one);
    other_thread = ::gettid();
    other_thread.notify_all();
    done.wait(false);
  });
  other_thread.wait(0);

  const auto before = state_of_process();
  const std::string others = processors_of(other_thread);
  testing::internal::CaptureStderr();
  use_triage();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  for (const auto& [what, value] : state_of_process()) {
    EXPECT_EQ(value, before.contains(what) ? before.at(what) : "nothing") << what;
  }
  EXPECT_EQ(processors_of(other_thread), others);
  done = true;
  done.notify_all();
  other.join();
  std::fesetround(FE_TONEAREST);

  const auto operators_now = schemas();
  for (const auto& [name, schema] : operators) {
    ASSERT_TRUE(operators_now.contains(name)) << name;
    EXPECT_EQ(operators_now.at(name), schema) << name;  // where the host's pointers lead
  }
}

}  // namespace
}  // namespace triage::runtime
