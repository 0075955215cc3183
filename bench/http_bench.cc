// A server of a plan against the plan in this process, and against another server; scripts/serving starts the servers.
// Images: of the data set's test split, in order. Prints JSON.
//   http_bench added PLAN DATA --port N
//       µs that one client on one connection waits longer than for Classifier: medians
//   http_bench throughput PLAN DATA --port N
//       64 connections, one image each, against batches of 64 in this process
//   http_bench against PLAN DATA --port N --other M
//       the same load on two servers, in turns
//   http_bench growth PLAN DATA --port N --requests R
//       good requests, bad ones and such that are cut off
#include <iostream>
#include <thread>

#include "bench/bench_main.h"
#include "bench/serving/load_client.h"
#include "core/json.h"
#include "core/rng.h"
#include "data/dataset.h"

namespace {

using namespace triage;
using bench::Exchange;
using bench::LoadClient;

constexpr int kConnections = 64;
constexpr int kRounds = 9;

struct Options {
  std::string what, plan, data, engine = "auto", model;
  int port = 0, other = 0, workers = 2;
  std::uint64_t requests = 100'000;
  double seconds = 4;
};

std::vector<ImageView> test_images(const data::Dataset& set) {
  const data::DatasetInfo& info = set.info();
  std::vector<ImageView> images;
  for (std::uint32_t i = info.test_first(); i < set.size(); ++i)
    images.push_back({set.image(i), info.height, info.width, info.channels});
  return images;
}

std::string http_request(const std::string& model, const std::string& json, const std::string& behind) {
  return std::format(
      "POST /v2/models/{}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
      "Inference-Header-Content-Length: {}\r\nContent-Length: {}\r\n\r\n{}{}",
      model, json.size(), json.size() + behind.size(), json, behind);
}

Exchange image_request(const std::string& model, const ImageView& image) {
  const std::size_t bytes = std::size_t(image.height) * std::size_t(image.width) * std::size_t(image.channels);
  const std::string json = std::format(
      R"({{"inputs":[{{"name":"image","shape":[1,{},{},{}],"datatype":"UINT8","parameters":{{"binary_data_size":{}}}}}],)"
      R"("parameters":{{"binary_data_output":true}},"outputs":[{{"name":"label"}},{{"name":"probability"}},{{"name":"exit"}}]}})",
      image.height, image.width, image.channels, bytes);
  return {http_request(model, json, std::string(reinterpret_cast<const char*>(image.pixels), bytes))};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Json added(const Options& options, const Classifier& classifier, const std::vector<ImageView>& images,
           const std::vector<Exchange>& requests) {
  LoadClient client(options.port, 1);
  std::vector<double> here, there;
  constexpr std::size_t kBlock = 200;  // in turns
  for (int round = -1; round < 20; ++round) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::size_t image = (static_cast<std::size_t>(round + 1) * kBlock + i) % images.size();
      const double start = steady_seconds();
      if (!classifier.classify(images[image])) fail("classify");
      if (round >= 0) here.push_back(seconds_since(start) * 1e6);
    }
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::size_t image = (static_cast<std::size_t>(round + 1) * kBlock + i) % images.size();
      const double start = steady_seconds();
      client.run([&](std::uint64_t) -> const Exchange& { return requests[image]; }, 1, 60);
      if (round >= 0) there.push_back(seconds_since(start) * 1e6);
    }
  }
  std::vector<double> difference;
  for (std::size_t i = 0; i < here.size(); ++i) difference.push_back(there[i] - here[i]);
  return {{"added_us", median(there) - median(here)},
          {"in_process_us", median(here)},
          {"served_us", median(there)},
          {"added_pairwise_us", median(difference)}};
}

double served_per_second(int port, const std::vector<Exchange>& requests, double seconds) {
  LoadClient client(port, kConnections);
  const double rate = client.run([&](std::uint64_t n) -> const Exchange& { return requests[n % requests.size()]; },
                                 ~std::uint64_t{0}, seconds);
  if (client.answered(4) + client.answered(5) > 0) fail("port {}: requests were refused", port);
  return rate;
}

double in_process_per_second(const Options& options, const Classifier& classifier,
                             const std::vector<ImageView>& images) {
  std::vector<std::thread> threads;
  std::vector<double> rates(static_cast<std::size_t>(options.workers));
  for (double& rate : rates) {
    threads.emplace_back([&] {
      std::vector<Outcome> outcomes(kConnections);
      const double start = steady_seconds();
      std::size_t done = 0;
      while (seconds_since(start) < options.seconds) {
        const std::size_t at = done % (images.size() - kConnections);
        if (!classifier.classify(std::span(images).subspan(at, kConnections), outcomes)) fail("classify");
        done += kConnections;
      }
      rate = static_cast<double>(done) / seconds_since(start);
    });
  }
  for (std::thread& thread : threads) thread.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

Json against(const Options& options, const std::function<double()>& other, const std::vector<Exchange>& requests) {
  std::vector<double> ours, theirs, ratios;
  served_per_second(options.port, requests, 1);  // warm
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(served_per_second(options.port, requests, options.seconds));
    theirs.push_back(other());
    ratios.push_back(ours.back() / theirs.back());
  }
  return {{"ratio", median(ratios)}, {"served_per_second", median(ours)}, {"other_per_second", median(theirs)}};
}

// Of 20 requests 14 good ones, 2 that are no JSON, 2 with too few bytes, 1 of no such model, 1 cut off in its body.
Json growth(const Options& options, const std::vector<Exchange>& good) {
  const std::vector<Exchange> bad{
      {http_request(options.model, "{\"inputs\":[{]}", "")},
      {http_request(options.model, R"({"inputs":[{"name":"image","shape":[1,1,1,3],"datatype":"UINT8","data":[1,2]}]})",
                    "")},
      {http_request("none", "{}", "")},
      {good[0].bytes.substr(0, good[0].bytes.size() / 2), true}};
  LoadClient client(options.port, kConnections);
  const auto next = [&](std::uint64_t n) -> const Exchange& {
    switch (derive_seed(1, "growth", n) % 20) {
      case 0:
      case 1:
        return bad[0];
      case 2:
      case 3:
        return bad[1];
      case 4:
        return bad[2];
      case 5:
        return bad[3];
      default:
        return good[n % good.size()];
    }
  };
  const double rate = client.run(next, options.requests, 3600);
  return {{"requests", options.requests},
          {"requests_per_second", rate},
          {"answered_2xx", client.answered(2)},
          {"answered_4xx", client.answered(4)},
          {"answered_5xx", client.answered(5)}};
}

Json measure(const Options& options) {
  const data::Dataset set = data::Dataset::open(options.data);
  const std::vector<ImageView> images = test_images(set);
  std::vector<Exchange> requests;
  for (const ImageView& image : images) requests.push_back(image_request(options.model, image));
  if (options.what == "growth") return growth(options, requests);
  if (options.what == "against")
    return against(options, [&] { return served_per_second(options.other, requests, options.seconds); }, requests);
  Result<Classifier> loaded = Classifier::load(options.plan, {.engine = options.engine});
  if (!loaded) fail("{}", loaded.error().message);
  if (options.what == "added") return added(options, *loaded, images, requests);
  return against(options, [&] { return in_process_per_second(options, *loaded, images); }, requests);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A server of a plan against the plan in this process, and against another server"};
  Options options;
  app.add_option("WHAT", options.what)->required()->check(CLI::IsMember({"added", "throughput", "against", "growth"}));
  app.add_option("PLAN", options.plan, "plan directory; the server's name for it is that of the directory")->required();
  app.add_option("DATA", options.data, "raw data set of its size")->required();
  app.add_option("--port", options.port)->required();
  app.add_option("--other", options.other, "port of the other server");
  app.add_option("--engine", options.engine)->capture_default_str();
  app.add_option("--workers", options.workers, "threads in this process, as many as the server has workers")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of each of the 9 rounds")->capture_default_str();
  app.add_option("--requests", options.requests)->capture_default_str();
  return bench::bench_main(app, "http_bench", argc, argv, [&](const std::string&) {
    options.model = fs::path(options.plan).filename().string();
    std::cout << dump_json(measure(options), 2) << "\n";
  });
}
