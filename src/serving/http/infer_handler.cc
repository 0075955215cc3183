// Map: read (here, or by a reader) -> submit to the plan, perhaps running it here -> answer.
#include "serving/http/infer_handler.h"

#include <algorithm>
#include <charconv>

#include "core/json.h"
#include "serving/http/infer_response.h"
#include "serving/http/refusals.h"

namespace triage::serving {
namespace {

constexpr std::size_t kShortJson = 32 << 10;  // bytes; longer ones are read by a reader
constexpr int kReaders = 2;
constexpr double kQuickUs = 1000;           // of a plan, per image: it may run in the thread of the sockets
constexpr std::uint64_t kKnownImages = 16;  // so many say how quick it is

InferBody body_of(const HttpRequest& request) {
  InferBody body{.bytes = request.body};
  if (const std::string* const length = request.header("inference-header-content-length")) body.json_length = *length;
  if (const std::string* const type = request.header("content-type")) body.content_type = *type;
  return body;
}

double timeout_of(const HttpRequest& request, const InferRequest& infer) {
  const std::string* const header = request.header("triage-timeout-us");
  if (header == nullptr) return infer.timeout_seconds;
  double value = 0;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), value);
  if (error != std::errc{} || end != header->data() + header->size() || !(value > 0))
    throw ProtocolError(400, "triage-timeout-us: expected a number above 0");
  return value / 1e6;
}

bool is_quick(const ServedPlan& plan) {
  const PlanStatistics all = plan.metrics->statistics();
  return all.inference_count >= kKnownImages &&
         all.input_us + all.infer_us + all.output_us < kQuickUs * static_cast<double>(all.inference_count);
}

}  // namespace

// What an infer request needs until its answer is written.
struct InferHandler::Job {
  std::shared_ptr<HttpRequest> http;
  InferRequest infer;
  std::shared_ptr<const ServedPlan> plan;
  HttpReply reply;
  std::atomic<bool> answered{false};
};

InferHandler::InferHandler(const ServiceOptions& options, PlanRepository& repository, Workers& workers)
    : options_(options), repository_(repository), workers_(workers), readers_(kReaders) {}

void InferHandler::handle(const std::shared_ptr<HttpRequest>& request, const Target& target,
                          std::shared_ptr<const ServedPlan> plan, HttpReply& reply) {
  const InferBody body = body_of(*request);
  const InferShape shape{.height = plan->info.height,
                         .width = plan->info.width,
                         .channels = plan->info.channels,
                         .max_images = options_.max_images};
  if (infer_json_bytes(body) <= kShortJson)
    return submit(request, target, plan, reader_.read(body, shape), reply, true);
  const auto kept = std::make_shared<HttpReply>(std::move(reply));
  readers_.enqueue([this, request, target, plan = std::move(plan), shape, kept] {
    if (request->client.is_gone()) return (*kept)(error_response({RequestErrorCode::cancelled, "cancelled"}));
    try {
      submit(request, target, plan, parse_infer_request(body_of(*request), shape), *kept, false);
    } catch (...) {
      (*kept)(refusal_now());
    }
  });
}

// may_run_here: in the thread of the sockets, which then answers without another one being woken.
void InferHandler::submit(const std::shared_ptr<HttpRequest>& request, const Target& target,
                          const std::shared_ptr<const ServedPlan>& plan, InferRequest infer, HttpReply& reply,
                          bool may_run_here) {
  const double timeout = timeout_of(*request, infer);
  const auto job = std::make_shared<Job>(request, std::move(infer), plan, std::move(reply));
  Request work{.images = job->infer.pixels, .encoded = job->infer.encoded, .memory = job};
  work.deadline = request->received + std::min(timeout > 0 ? timeout : options_.most_seconds, options_.most_seconds);
  work.wants_logits = needs(job->infer, OutputKind::logits);
  work.wants_probabilities = needs(job->infer, OutputKind::probabilities);
  work.done = [this, job](const Reply& done) { finish(*job, done); };
  const bool first = under_way_.fetch_add(1) == 0;
  const bool runs_here = may_run_here && first && request->alone && work.images.size() == 1 && is_quick(*plan);
  work.wakes = !runs_here;
  const Submitted submitted = repository_.submit(target.model, target.version, std::move(work));
  if (submitted.refused) {
    --under_way_;
    return job->reply(error_response(*submitted.refused));
  }
  if (runs_here) return workers_.run_until(job->answered);
  request->client.when_gone([ticket = submitted.ticket] { ticket.cancel(); });
}

void InferHandler::finish(Job& job, const Reply& reply) {
  --under_way_;
  job.reply(answer(job, reply));
  job.answered = true;
}

HttpResponse InferHandler::answer(const Job& job, const Reply& reply) const {
  if (reply.error) return error_response(*reply.error);
  InferResponse written = write_infer_response(job.infer, {.model = job.plan->name,
                                                           .version = job.plan->version,
                                                           .classes = &job.plan->info.classes,
                                                           .stages = job.plan->info.stages.size(),
                                                           .answers = reply.answers});
  HttpResponse response{.body = std::move(written.body)};
  if (written.json_bytes) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(*written.json_bytes));
  }
  if (!options_.notes) return response;
  Json note{{"model", job.plan->name},
            {"version", job.plan->version},
            {"images", reply.answers.size()},
            {"queue_us", reply.queue_us}};
  if (!job.infer.id.empty()) note["id"] = job.infer.id;
  for (const Answer& one : reply.answers) note["exits"].push_back(one.outcome.exit);
  response.note = dump_json(note);
  return response;
}

}  // namespace triage::serving
