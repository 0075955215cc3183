// What the server answers: the Open Inference Protocol v2 with its extensions (binary_tensor_data, classification,
// model_repository, statistics), metrics, and a page for people. Between HttpServer (bytes) and PlanRepository (plans).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/http/http_server.h"
#include "serving/http/infer_request.h"
#include "serving/http/plan_curves.h"
#include "serving/plan_repository.h"

namespace triage::serving {

struct ServiceOptions {
  std::string token;             // asked for as "Authorization: Bearer"; empty: not asked for
  bool local_only = true;        // only requests whose Host is this machine's loopback name are answered
  bool page = true;              // "/" is the page
  std::size_t max_images = 256;  // of one request
  double most_seconds = 30;      // for one request, whatever its timeout says
  bool notes = false;            // answers to infer requests have a note for the access log
};

class Service {
 public:
  // All outlive it, and it outlives its requests. workers, metrics: the repository's; curves: of its plans.
  Service(ServiceOptions options, PlanRepository& repository, Workers& workers, MetricsRegistry& metrics,
          const PlanCurves& curves);
  ~Service();

  // From one thread. Quick, but for one case: where one client asks for one image after the other, of a plan that takes
  // less than a millisecond, they run in this thread, since waking another one and being woken by it takes as long.
  // Bodies with much JSON are read by threads of their own.
  void handle(const std::shared_ptr<HttpRequest>& request, HttpReply reply);
  void set_http_counts(const HttpCounts& counts);  // for /metrics

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::serving
