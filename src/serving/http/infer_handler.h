// Inside serving/http: infer requests, from their bodies to their answers.
#pragma once

#include <atomic>
#include <memory>

#include "serving/http/infer_request.h"
#include "serving/http/routes.h"
#include "serving/http/service.h"
#include "serving/job_threads.h"

namespace triage::serving {

class InferHandler {
 public:
  // All outlive it, and it outlives its requests.
  InferHandler(const ServiceOptions& options, PlanRepository& repository, Workers& workers);

  // plan: the target's. Throws ProtocolError; then `reply` has not been moved from.
  void handle(const std::shared_ptr<HttpRequest>& request, const Target& target, std::shared_ptr<const ServedPlan> plan,
              HttpReply& reply);

 private:
  struct Job;

  void submit(const std::shared_ptr<HttpRequest>& request, const Target& target,
              const std::shared_ptr<const ServedPlan>& plan, InferRequest infer, HttpReply& reply, bool may_run_here);
  void finish(Job& job, const Reply& reply);
  HttpResponse answer(const Job& job, const Reply& reply) const;

  const ServiceOptions& options_;
  PlanRepository& repository_;
  Workers& workers_;
  InferReader reader_;             // of the thread that calls handle()
  std::atomic<int> under_way_{0};  // submitted and not answered
  // For bodies that take long to read (numbers in JSON, base64), so that no other request waits for them: neither in
  // the server's thread nor in a worker. Last: what they still do needs the others.
  JobThreads readers_;
};

}  // namespace triage::serving
