#include "serving/plan_repository.h"

#include <gmock/gmock.h>

#include <future>

#include "core/error.h"
#include "core/files/file.h"
#include "core/test_support.h"
#include "engine/status.h"
#include "serving/metrics_test_support.h"
#include "serving/plan_index.h"
#include "serving/serving_test_support.h"

namespace triage::serving {
namespace {

using namespace testing_serving;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Directories of plans without networks: open() below makes fakes of them, with as many stages as plan.json says.
class PlanRepositoryTest : public ::testing::Test {
 protected:
  void put(const std::string& folder, const std::string& content) {
    fs::create_directories(directory_.path() / folder);
    write_file_atomic(directory_.path() / folder / "plan.json", content);
  }
  RepositoryOptions options() {
    RepositoryOptions options{.sources = {directory_.path().string()}};
    options.open = [this](const std::string& directory, const ClassifierOptions& classifier) {
      engine_ = classifier.engine;
      if (opening_) opening_();
      const std::string content = read_file(fs::path(directory) / "plan.json");
      if (content == "damaged") engine::fail_with(ErrorCode::damaged, "{}: is damaged", directory);
      const std::vector<StageSetup> setup(std::stoul(content));
      runtime::OpenPlan open{.plan = runtime::testing_executor::make_plan(setup)};
      for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
        open.sessions.push_back(runtime::testing_executor::make_fake(setup, s));
        open.engines.emplace_back("fake");
      }
      if (content.ends_with("compiled")) open.plan.stages[0].set_artifact({.engine = {}, .file = "a.so", .sha256 = ""});
      return open;
    };
    return options;
  }
  void start(RepositoryOptions options) {
    repository_ = std::make_unique<PlanRepository>(std::move(options), workers_, metrics_);
  }
  void start() { start(options()); }

  std::optional<RequestError> load(const std::string& name, const std::string& version = {}) {
    std::promise<std::optional<RequestError>> done;
    repository_->load(name, version, [&](std::optional<RequestError> error) { done.set_value(std::move(error)); });
    return done.get_future().get();
  }
  std::optional<RequestError> unload(const std::string& name, const std::string& version = {}) {
    std::promise<std::optional<RequestError>> done;
    repository_->unload(name, version, [&](std::optional<RequestError> error) { done.set_value(std::move(error)); });
    return done.get_future().get();
  }
  std::string index() const {  // "a/1 READY, b/1 UNAVAILABLE (why)"
    std::string text;
    for (const IndexEntry& entry : repository_->index()) {
      text += std::format("{}{}/{} {}{}", text.empty() ? "" : ", ", entry.name, entry.version, to_string(entry.state),
                          entry.reason.empty() ? "" : " (" + entry.reason + ")");
    }
    return text;
  }
  std::string serves(const std::string& name, const std::string& version = {}) const {
    const auto plan = repository_->find(name, version);
    return plan ? std::format("{}/{} {}", plan->name, plan->version, plan->info.stages.size()) : "none";
  }

  TempDir directory_;
  std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(2);
  std::shared_ptr<MetricsRegistry> metrics_ = std::make_shared<MetricsRegistry>();
  std::function<void()> opening_;  // called by open(), in the loader's thread
  std::string engine_;             // that open() was asked for
  std::unique_ptr<PlanRepository> repository_;
};

TEST_F(PlanRepositoryTest, ScansPlansAndVersions) {
  put("b", "1");
  put("a/2", "1");
  put("a/10", "1");
  put("a/01", "1");
  put("a/x", "1");
  put(".hidden", "1");
  fs::create_directories(directory_ / "empty");
  const PlanIndex index = scan_plans({directory_.path().string()});
  ASSERT_EQ(index.size(), 2u);
  EXPECT_EQ(index.at("b").at(1).filename(), "b");
  EXPECT_EQ(index.at("a").size(), 2u);
  EXPECT_EQ(index.at("a").rbegin()->first, 10u);
  EXPECT_EQ(scan_plans({(directory_ / "b").string() + "/."}).begin()->first, "b");
  EXPECT_THAT(error_of([&] { scan_plans({directory_.path().string(), (directory_ / "b").string()}); }),
              HasSubstr("found a plan 'b'"));
  EXPECT_THAT(error_of([&] { scan_plans({(directory_ / "empty").string()}); }), HasSubstr("found no plan.json"));
  EXPECT_THAT(error_of([&] { scan_plans({(directory_ / "none").string()}); }), HasSubstr("no such directory"));
  put("with space", "1");
  EXPECT_THAT(error_of([&] { scan_plans({directory_.path().string()}); }), HasSubstr("the name of a plan"));
}

TEST_F(PlanRepositoryTest, LoadsUnloadsAndTellsStates) {
  put("a", "2");
  put("b", "1");
  start();
  EXPECT_EQ(index(), "a/1 UNAVAILABLE (it was not loaded), b/1 UNAVAILABLE (it was not loaded)");
  EXPECT_FALSE(repository_->ready());
  EXPECT_EQ(serves("a"), "none");
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(serves("a"), "a/1 2");
  EXPECT_EQ(serves("a", "1"), "a/1 2");
  EXPECT_EQ(serves("a", "2"), "none");
  EXPECT_FALSE(repository_->ready());
  EXPECT_FALSE(load("b"));
  EXPECT_TRUE(repository_->ready());
  EXPECT_FALSE(unload("a"));
  EXPECT_EQ(index(), "a/1 UNAVAILABLE (it was unloaded), b/1 READY");
  EXPECT_EQ(serves("a"), "none");
  Asked asked;
  const Images images(2);
  EXPECT_EQ(repository_->submit("a", "", asked.request(images.views)).refused->code, RequestErrorCode::not_ready);
  for (const char* name : {"c", "", "..", "../b", "/etc", "b/1", "b/../b"}) {
    EXPECT_EQ(repository_->submit(name, "", asked.request(images.views)).refused->code, RequestErrorCode::not_found);
    EXPECT_EQ(load(name)->code, RequestErrorCode::not_found);
    EXPECT_EQ(unload(name)->code, RequestErrorCode::not_found);
  }
  for (const char* version : {"2", "01", "x", "../1"}) {
    EXPECT_EQ(repository_->submit("b", version, asked.request(images.views)).refused->code,
              RequestErrorCode::not_found);
    EXPECT_EQ(load("b", version)->code, RequestErrorCode::not_found);
  }
  EXPECT_EQ(index(), "a/1 UNAVAILABLE (it was unloaded), b/1 READY");
}

TEST_F(PlanRepositoryTest, TheNewestVersionTakesOverAndOthersAreServedByNumber) {
  put("a/1", "1");
  put("a/2", "2");
  start();
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(serves("a"), "a/2 2");
  EXPECT_FALSE(load("a", "1"));
  EXPECT_EQ(serves("a"), "a/2 2");
  EXPECT_EQ(serves("a", "1"), "a/1 1");
  put("a/10", "3");  // found when something is loaded
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(index(), "a/1 UNAVAILABLE (it was unloaded), a/2 UNAVAILABLE (it was unloaded), a/10 READY");
  EXPECT_EQ(serves("a"), "a/10 3");
  fs::remove_all(directory_ / "a/1");
  fs::remove_all(directory_ / "a/10");
  put("b", "1");
  EXPECT_FALSE(load("b"));
  EXPECT_EQ(index(), "a/2 UNAVAILABLE (it was unloaded), a/10 READY, b/1 READY");  // what is loaded serves on
  EXPECT_EQ(serves("a"), "a/10 3");
}

TEST_F(PlanRepositoryTest, ADamagedPlanLeavesTheOldOneServing) {
  put("a", "2");
  put("b", "damaged");
  start();
  EXPECT_FALSE(load("a"));
  put("a", "damaged");
  const auto error = load("a");
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("is damaged"));
  EXPECT_EQ(serves("a"), "a/1 2");
  EXPECT_EQ(load("b")->code, RequestErrorCode::engine_failure);
  EXPECT_THAT(index(), HasSubstr("a/1 READY (it could not be loaded again: "));
  EXPECT_THAT(index(), HasSubstr("b/1 UNAVAILABLE ("));
  put("a", "3");
  EXPECT_FALSE(load("a"));
  EXPECT_THAT(index(), HasSubstr("a/1 READY, "));
  EXPECT_EQ(serves("a"), "a/1 3");
}

TEST_F(PlanRepositoryTest, LoadingIsSeenWhileItHappens) {
  put("a", "1");
  start();
  std::string seen;
  opening_ = [&] { seen = index(); };
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(seen, "a/1 LOADING (it was not loaded)");
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(seen, "a/1 READY");
}

TEST_F(PlanRepositoryTest, OnlyTrustedPlansRunCompiledKernels) {
  put("in/a", "1");
  put("out/b", "1");
  RepositoryOptions trusting = options();
  trusting.sources = {(directory_ / "in").string(), (directory_ / "out").string()};
  trusting.trusted = {(directory_ / "in").string()};
  start(trusting);
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(engine_, "auto");
  EXPECT_FALSE(load("b"));
  EXPECT_EQ(engine_, "onnxruntime");
  repository_.reset();
  trusting.classifier.engine = "compiled";
  start(trusting);
  EXPECT_FALSE(load("a"));
  EXPECT_EQ(load("b")->code, RequestErrorCode::unsupported);
}

// Of kernels that lie there and do not run, and only of those.
TEST_F(PlanRepositoryTest, AnUntrustedPlanWithKernelsSaysThatTheyDoNotRun) {
  put("in/trusted", "1 compiled");
  put("out/untrusted", "1 compiled");
  put("out/none", "1");
  RepositoryOptions trusting = options();
  trusting.sources = {(directory_ / "in").string(), (directory_ / "out").string()};
  trusting.trusted = {(directory_ / "in").string()};
  start(trusting);
  const auto note = [&](const std::string& name) {
    EXPECT_FALSE(load(name));
    return repository_->find(name)->info.engine_note;
  };
  EXPECT_EQ(note("trusted"), "");
  EXPECT_THAT(note("untrusted"), HasSubstr("none that is trusted"));
  EXPECT_EQ(note("none"), "");
  repository_.reset();
  trusting.classifier.engine = "onnxruntime";  // asked for by name: nothing to say
  start(trusting);
  EXPECT_EQ(note("untrusted"), "");
}

TEST_F(PlanRepositoryTest, NoRequestIsLostToReloadsUnloadsAndTheEnd) {
  put("a", "2");
  put("b", "1");
  start();
  ASSERT_FALSE(load("a"));
  const Images images(256);
  std::atomic<int> taken = 0, answered = 0, refused = 0, wrong = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> clients;
  for (int c = 0; c < 3; ++c) {
    clients.emplace_back([&] {
      for (int i = 0; !stop; i = (i + 1) % 256) {
        Request request;
        request.images = {images.views[i]};
        std::promise<void> done;
        request.done = [&](const Reply& reply) {
          if (reply.error)
            ++wrong;
          else
            expect_answer(reply.answers.at(0), i, 2);
          ++answered;
          done.set_value();
        };
        if (repository_->submit("a", "", std::move(request)).refused) {
          ++refused;
          continue;
        }
        ++taken;
        done.get_future().wait();
      }
    });
  }
  for (int reload = 0; reload < 30; ++reload) {
    if (reload % 3 == 1) put("a", "damaged");
    EXPECT_EQ(load("a").has_value(), reload % 3 == 1);
    put("a", "2");
  }
  EXPECT_EQ(refused, 0);  // while it reloads, somebody always serves
  EXPECT_FALSE(unload("a"));
  EXPECT_FALSE(load("a"));
  repository_->stop();
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, taken);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(load("a")->code, RequestErrorCode::stopping);
  EXPECT_EQ(metrics_->counter("nv_inference_request_success", "", {{"model", "a"}, {"version", "1"}}).value(), taken);
}

struct Taken : Observer {
  void request_taken(std::size_t images) override { count += images; }
  std::atomic<std::size_t> count = 0;
};

TEST_F(PlanRepositoryTest, WhoeverWatchesAPlanIsAskedWhenItIsLoaded) {
  put("a/3", "2");
  RepositoryOptions watching = options();
  const auto observer = std::make_shared<Taken>();
  std::string watched;
  watching.watch = [&](const PlanToWatch& plan) {
    watched = std::format("{} {} {}", plan.name, plan.version, fs::path(plan.directory).filename().string());
    plan.stages->thresholds().set(std::array{runtime::testing_executor::kAlways});
    return Watch{.observers = {observer}, .audit_share = 0.5};
  };
  start(watching);
  std::promise<std::string> loaded;
  repository_->load_all([&](const std::string& name, std::optional<RequestError> error) {
    loaded.set_value(error ? error->message : name);
  });
  EXPECT_EQ(loaded.get_future().get(), "a");
  EXPECT_EQ(watched, "a 3 3");
  std::promise<Reply> replied;
  const Images images(2);
  Request request;
  request.images = images.views;
  request.done = [&](Reply reply) { replied.set_value(std::move(reply)); };
  EXPECT_FALSE(repository_->submit("a", "3", std::move(request)).refused);
  EXPECT_EQ(replied.get_future().get().answers.at(0).outcome.exit, 1);
  repository_->stop();
  EXPECT_EQ(observer->count, 2u);
}

TEST_F(PlanRepositoryTest, GaugesComeAndGoWithThePlan) {
  put("a", "2");
  start();
  EXPECT_FALSE(load("a"));
  repository_->collect();
  EXPECT_THAT(metrics_->text(), HasSubstr("triage_threshold{model=\"a\",version=\"1\",stage=\"stage0\"} 0.5\n"));
  EXPECT_GT(metrics_->gauge("process_resident_memory_bytes", "").value(), 1 << 20);
  EXPECT_TRUE(testing_metrics::parse(metrics_->text()));
  EXPECT_FALSE(unload("a"));
  repository_->collect();
  EXPECT_THAT(metrics_->text(), ::testing::Not(HasSubstr("triage_threshold{")));
  EXPECT_THAT(metrics_->text(), HasSubstr("nv_inference_count{model=\"a\",version=\"1\"} 0\n"));
}

}  // namespace
}  // namespace triage::serving
