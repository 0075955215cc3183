// Map: who may ask (admit) -> models and the repository -> metrics and the page.
#include "serving/http/service.h"

#include <algorithm>

#include "core/json.h"
#include "serving/http/infer_handler.h"
#include "serving/http/model_json.h"
#include "serving/http/refusals.h"
#include "serving/http/routes.h"
#include "serving/http/tls.h"
#include "serving/page/page.h"

namespace triage::serving {
namespace {

constexpr std::string_view kBearer = "Bearer ";

HttpResponse json_response(const Json& json) { return {.body = dump_json(json)}; }

// "127.0.0.1:8000" -> "127.0.0.1", "[::1]:8000" -> "[::1]".
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_loopback(std::string_view name) {
  return name == "localhost" || name == "[::1]" ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace

class Service::Impl {
 public:
  Impl(ServiceOptions options, PlanRepository& repository, Workers& workers, MetricsRegistry& metrics,
       const PlanCurves& curves)
      : options_(std::move(options)),
        repository_(repository),
        metrics_(metrics),
        curves_(curves),
        infer_(options_, repository, workers) {}

  void handle(const std::shared_ptr<HttpRequest>& request, HttpReply& reply) {
    const Target target = find_route(request->method, request->path);
    admit(*request, target.route);
    switch (target.route) {
      case Route::infer:
        return infer_.handle(request, target, served(target), reply);
      case Route::repository_load:
      case Route::repository_unload:
        return change(*request, target, reply);
      default:
        return reply(answer(*request, target));
    }
  }

  void set_http_counts(const HttpCounts& counts) { counts_ = &counts; }

 private:
  // A page of another origin must not steer a server that its reader can reach; nor may a name that somebody else's DNS
  // points here.
  void admit(const HttpRequest& request, Route route) const {
    const std::string* const host = request.header("host");
    if (options_.local_only && host != nullptr && !is_loopback(host_name(*host)))
      throw ProtocolError(421, "host: expected localhost, 127.0.0.1 or [::1]");
    const std::string* const origin = request.header("origin");
    if (origin != nullptr && request.method == "POST") {
      const std::size_t scheme = origin->find("://");
      if (scheme == std::string::npos || host == nullptr || origin->substr(scheme + 3) != *host)
        throw ProtocolError(403, "origin: expected this server's own pages");
    }
    if (options_.token.empty() || route == Route::page || route == Route::live || route == Route::ready) return;
    const std::string* const authorization = request.header("authorization");
    if (authorization == nullptr || !authorization->starts_with(kBearer) ||
        !same_secret(std::string_view(*authorization).substr(kBearer.size()), options_.token))
      throw ProtocolError(401, "authorization: expected the server's bearer token");
  }

  [[noreturn]] void throw_not_served(const Target& target) const {
    const std::string what = target.version.empty() ? target.model : target.model + " version " + target.version;
    for (const IndexEntry& entry : repository_.index()) {
      if (entry.name == target.model && (target.version.empty() || entry.version == target.version))
        throw ProtocolError(503,
                            std::format("{}: not loaded{}{}", what, entry.reason.empty() ? "" : ": ", entry.reason));
    }
    throw ProtocolError(404, std::format("{}: no such model", valid_utf8(what)));
  }

  std::shared_ptr<const ServedPlan> served(const Target& target) const {
    std::shared_ptr<const ServedPlan> plan = repository_.find(target.model, target.version);
    if (!plan) throw_not_served(target);
    return plan;
  }

  // What is answered at once.
  HttpResponse answer(const HttpRequest& request, const Target& target) {
    switch (target.route) {
      case Route::page:
        return page();
      case Route::metrics:
        return metrics();
      case Route::server:
        return json_response(server_json());
      case Route::live:
        return {};
      case Route::ready:
        return repository_.ready() ? HttpResponse{} : error_response(503, "not every model is loaded");
      case Route::model:
        return json_response(model_json(*served(target), versions(target.model)));
      case Route::model_ready:
        return served(target), HttpResponse{};
      case Route::model_plan: {
        const std::shared_ptr<const ServedPlan> plan = served(target);
        return json_response(plan_json(*plan, curves_.find(plan->name, plan->version).get()));
      }
      case Route::model_stats:
        return json_response({{"model_stats", Json::array({stats_json(*served(target))})}});
      case Route::all_stats:
        return json_response(all_stats());
      case Route::thresholds:
        return set_thresholds(request, target);
      case Route::repository_index:
        return json_response(index(request));
      case Route::wrong_method: {
        HttpResponse response = error_response(405, std::format("{}: expected {}", request.path, target.allowed));
        response.headers.emplace_back("Allow", target.allowed);
        return response;
      }
      default:
        return error_response(404, std::format("{}: no such resource", valid_utf8(request.path)));
    }
  }

  std::vector<std::string> versions(const std::string& model) const {
    std::vector<std::string> ready;
    for (const IndexEntry& entry : repository_.index()) {
      if (entry.name == model && entry.state == PlanState::ready) ready.push_back(entry.version);
    }
    return ready;
  }

  Json all_stats() const {
    Json all = Json::array();
    for (const IndexEntry& entry : repository_.index()) {
      if (const auto plan = repository_.find(entry.name, entry.version)) all.push_back(stats_json(*plan));
    }
    return {{"model_stats", std::move(all)}};
  }

  // Bodies of these are small; an empty one is an empty object.
  static Json body_json(const HttpRequest& request) {
    if (request.body.empty()) return Json::object();
    if (request.body.size() > (64 << 10)) throw ProtocolError(413, "body: expected at most 65536 bytes");
    const std::string_view text(reinterpret_cast<const char*>(request.body.data()), request.body.size());
    Json json = parse_json(text, "body");
    if (!json.is_object()) throw ProtocolError(400, "body: expected an object");
    return json;
  }

  HttpResponse set_thresholds(const HttpRequest& request, const Target& target) {
    const std::shared_ptr<const ServedPlan> plan = served(target);
    const Json json = body_json(request);
    plan->scheduler->set_thresholds(JsonReader(json, "body").get<std::vector<double>>("thresholds"));
    return json_response({{"thresholds", plan->scheduler->thresholds()}});
  }

  Json index(const HttpRequest& request) const {
    const Json json = body_json(request);
    const bool ready = JsonReader(json, "body").get_or("ready", false);
    Json all = Json::array();
    for (const IndexEntry& entry : repository_.index()) {
      if (ready && entry.state != PlanState::ready) continue;
      all.push_back({{"name", entry.name},
                     {"version", entry.version},
                     {"state", to_string(entry.state)},
                     {"reason", entry.reason}});
    }
    return all;
  }

  // parameters.version: ours; Triton's own have no version in the path.
  void change(const HttpRequest& request, const Target& target, HttpReply& reply) {
    const Json json = body_json(request);
    std::string version;
    if (const JsonReader body(json, "body"); body.has("parameters") && body.at("parameters").has("version"))
      version = body.at("parameters").get<std::string>("version");
    const auto kept = std::make_shared<HttpReply>(std::move(reply));
    const auto done = [kept](const std::optional<RequestError>& error) {
      (*kept)(error ? error_response(*error) : HttpResponse{.body = "{}"});
    };
    if (target.route == Route::repository_load) return repository_.load(target.model, version, done);
    repository_.unload(target.model, version, done);
  }

  HttpResponse metrics() {
    repository_.collect();
    HttpResponse response{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text()};
    if (counts_ != nullptr) response.body += http_metrics_text(*counts_);
    return response;
  }

  HttpResponse page() const {
    if (!options_.page) return error_response(404, "/: no such resource");
    return {.content_type = "text/html; charset=utf-8", .headers = page_headers(), .body = std::string(page_html())};
  }

  ServiceOptions options_;
  PlanRepository& repository_;
  MetricsRegistry& metrics_;
  const PlanCurves& curves_;
  const HttpCounts* counts_ = nullptr;
  InferHandler infer_;
};

Service::Service(ServiceOptions options, PlanRepository& repository, Workers& workers, MetricsRegistry& metrics,
                 const PlanCurves& curves)
    : impl_(std::make_unique<Impl>(std::move(options), repository, workers, metrics, curves)) {}
Service::~Service() = default;

void Service::handle(const std::shared_ptr<HttpRequest>& request, HttpReply reply) {
  try {
    impl_->handle(request, reply);
  } catch (...) {
    reply(refusal_now());
  }
}

void Service::set_http_counts(const HttpCounts& counts) { impl_->set_http_counts(counts); }

}  // namespace triage::serving
