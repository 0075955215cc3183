// Requests handed to the service without sockets, over fake plans and workers that run when the test says so.
#include "serving/http/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "core/files/file.h"
#include "core/test_support.h"
#include "serving/serving_test_support.h"

namespace triage::serving {
namespace {

using namespace testing_serving;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

constexpr std::size_t kLongJson = 100'000;  // bytes, beyond what is read at once

class ServiceTest : public ::testing::Test {
 protected:
  struct Answered {
    HttpResponse response;
    std::thread::id by;
  };

  ServiceTest() {
    fs::create_directories(directory_.path() / "m");
    write_file_atomic(directory_.path() / "m" / "plan.json", "");
    RepositoryOptions options{.sources = {directory_.path().string()}};
    options.open = [this](const std::string&, const ClassifierOptions&) {
      const std::vector<StageSetup> setup(1);
      runtime::OpenPlan open{.plan = runtime::testing_executor::make_plan(setup)};
      auto fake = runtime::testing_executor::make_fake(setup, 0);
      fake_ = fake.get();
      open.sessions.push_back(std::move(fake));
      open.engines.emplace_back("fake");
      return open;
    };
    repository_ = std::make_unique<PlanRepository>(std::move(options), workers_, metrics_);
    std::promise<void> loaded;
    repository_->load("m", {}, [&](const std::optional<RequestError>&) { loaded.set_value(); });
    loaded.get_future().wait();
    service_ = std::make_unique<Service>(ServiceOptions{}, *repository_, *workers_, *metrics_, curves_);
  }

  static std::shared_ptr<HttpRequest> infer(const std::string& json, const std::string& behind) {
    auto request = std::make_shared<HttpRequest>();
    request->method = "POST";
    request->path = "/v2/models/m/infer";
    request->headers = {{"host", "localhost"}, {"inference-header-content-length", std::to_string(json.size())}};
    request->received = steady_seconds();
    request->body.assign(json.begin(), json.end());
    request->body.insert(request->body.end(), behind.begin(), behind.end());
    return request;
  }
  static std::shared_ptr<HttpRequest> binary() {  // one image of 2 x 2 x 1
    return infer(
        R"({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 1], "parameters": {"binary_data_size": 4}}]})",
        std::string(4, '\0'));
  }
  static std::shared_ptr<HttpRequest> json(std::size_t bytes) {
    return infer(
        R"({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 1], "data": [0, 1, 2, 3]}]})" +
            std::string(bytes, ' '),
        "");
  }

  std::future<Answered> ask(const std::shared_ptr<HttpRequest>& request) {
    const auto answered = std::make_shared<std::promise<Answered>>();
    service_->handle(request, HttpReply([answered](HttpResponse response) {
                       answered->set_value({std::move(response), std::this_thread::get_id()});
                     }));
    return answered->get_future();
  }
  static bool is_answered(const std::future<Answered>& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  std::size_t images_waiting() const { return repository_->find("m")->scheduler->queue().images; }

  TempDir directory_;
  std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(0);
  std::shared_ptr<MetricsRegistry> metrics_ = std::make_shared<MetricsRegistry>();
  engine::FakeSession* fake_ = nullptr;
  PlanCurves curves_;
  std::unique_ptr<PlanRepository> repository_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, LongJsonIsReadByAnotherThread) {
  std::future<Answered> refused = ask(infer("{}", ""));
  ASSERT_TRUE(is_answered(refused));
  EXPECT_EQ(refused.get().by, std::this_thread::get_id());
  const Answered elsewhere = ask(infer("{}" + std::string(kLongJson, ' '), "")).get();
  EXPECT_EQ(elsewhere.response.status, 400);
  EXPECT_THAT(elsewhere.response.body, HasSubstr("inputs"));
  EXPECT_NE(elsewhere.by, std::this_thread::get_id());
  std::future<Answered> image = ask(json(kLongJson));
  while (!workers_->run_one()) std::this_thread::yield();  // until it has been read
  EXPECT_EQ(image.get().response.status, 200);
}

// While all readers are held up, a small request is read, run and answered.
TEST_F(ServiceTest, LongJsonHoldsUpNobodyElse) {
  std::promise<void> go_on;
  const std::shared_future<void> held(go_on.get_future());
  constexpr int kMoreThanReaders = 4;
  std::atomic<int> ended{0};
  for (int i = 0; i < kMoreThanReaders; ++i) {
    service_->handle(infer("{}" + std::string(kLongJson, ' '), ""), HttpReply([&, held](const HttpResponse&) {
                       held.wait();
                       ++ended;
                     }));
  }
  std::future<Answered> small = ask(binary());
  EXPECT_EQ(images_waiting(), 1u);
  EXPECT_TRUE(workers_->run_one());
  ASSERT_TRUE(is_answered(small));
  EXPECT_EQ(small.get().response.status, 200);
  EXPECT_EQ(ended, 0);
  go_on.set_value();
  service_.reset();  // reads what still waits
  EXPECT_EQ(ended, kMoreThanReaders);
}

TEST_F(ServiceTest, WhatAClientThatIsGoneHasAskedDoesNotRun) {
  const std::shared_ptr<HttpRequest> leaves = binary(), stays = binary();
  std::future<Answered> nobodys = ask(leaves), somebodys = ask(stays);
  leaves->client.gone();
  while (workers_->run_one()) continue;
  EXPECT_EQ(nobodys.get().response.status, 503);
  EXPECT_EQ(somebodys.get().response.status, 200);
  EXPECT_EQ(fake_->images(), 1);
  const std::shared_ptr<HttpRequest> has_left = json(kLongJson);
  has_left->client.gone();
  EXPECT_EQ(ask(has_left).get().response.status, 503);
  EXPECT_EQ(images_waiting(), 0u);
}

// Of one client after the other, a plan that is known to be quick runs in the thread that asks.
TEST_F(ServiceTest, WhoIsAloneWaitsForNoWorker) {
  for (int i = 0; i < 20; ++i) {  // then it is known
    std::future<Answered> answer = ask(binary());
    EXPECT_FALSE(is_answered(answer));
    EXPECT_TRUE(workers_->run_one());
    EXPECT_EQ(answer.get().response.status, 200);
  }
  const std::shared_ptr<HttpRequest> alone = binary();
  alone->alone = true;
  EXPECT_TRUE(is_answered(ask(alone)));
  std::future<Answered> first = ask(binary());
  const std::shared_ptr<HttpRequest> second = binary();
  second->alone = true;
  std::future<Answered> behind = ask(second);
  EXPECT_FALSE(is_answered(behind));
  while (workers_->run_one()) continue;
  EXPECT_TRUE(is_answered(first) && is_answered(behind));
}

}  // namespace
}  // namespace triage::serving
