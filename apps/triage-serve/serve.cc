// Map: options -> signals (a thread that waits for them) -> loading -> serve().
#include "apps/triage-serve/serve.h"

#include <csignal>
#include <cstdio>
#include <latch>
#include <mutex>
#include <thread>

#include "apps/triage-serve/signals.h"
#include "core/files/file.h"
#include "core/system/limits.h"
#include "core/text.h"
#include "core/warning.h"
#include "engine/names.h"
#include "serving/http/access_log.h"
#include "triage/decoder.h"

namespace triage::cli {
namespace {

constexpr std::size_t kLeastToken = 16, kMostToken = 4096;  // bytes

void say(const std::string& text) { std::fprintf(stderr, "%s\n", printable(text).c_str()); }

bool is_loopback_address(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string read_token(const std::string& file) {
  std::string token = read_file(file, {.bytes = kMostToken, .pipe = true});
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.size() < kLeastToken)
    fail("{}: expected a token of at least {} bytes, found {}", file, kLeastToken, token.size());
  return token;
}

void load_plans(serving::PlanRepository& repository, const char* when) {
  repository.load_all([when](const std::string& name, const std::optional<serving::RequestError>& error) {
    say(std::format("{}: {}{}{}", name, when, error ? ": " : "", error ? error->message : ""));
  });
}

std::vector<std::string> names_of(const serving::PlanRepository& repository) {
  std::vector<std::string> names;
  for (const serving::IndexEntry& entry : repository.index()) {
    if (names.empty() || names.back() != entry.name) names.push_back(entry.name);
  }
  return names;
}

serving::AdaptationOptions adaptation_of(const ServeOptions& options) {
  serving::AdaptationOptions adaptation{.log = say};
  if (!options.slo.empty()) {
    ControllerOptions controller;
    serving::set_slo(controller, options.slo);
    if (!options.least_accuracy.empty())
      controller.least_accuracy = serving::share_from_percent(options.least_accuracy);
    adaptation.controller = controller;
  }
  if (!options.audit.empty()) adaptation.audit = AuditOptions{.share = serving::share_from_percent(options.audit)};
  adaptation.apply_audit = options.apply_audit;
  return adaptation;
}

// A plan that was named and cannot be loaded ends the program: nobody should find out by the first request.
void load_first(serving::PlanRepository& repository) {
  std::latch loading(static_cast<std::ptrdiff_t>(names_of(repository).size()));
  std::mutex mutex;
  std::string failures;
  repository.load_all([&](const std::string& name, const std::optional<serving::RequestError>& error) {
    if (error) {
      const std::lock_guard lock(mutex);
      failures += std::format("{}{}: {}", failures.empty() ? "" : "; ", name, error->message);
    }
    loading.count_down();
  });
  loading.wait();
  if (!failures.empty()) throw Error(failures);
  for (const std::string& name : names_of(repository)) {
    const auto plan = repository.find(name);
    if (plan && !plan->info.engine_note.empty()) say(std::format("{}: {}", name, plan->info.engine_note));
  }
}

// Until a signal comes that ends the program.
void await_signals(AwaitedSignals& signals, serving::HttpServer& server, serving::PlanRepository& repository,
                   serving::AccessLog* log) {
  while (signals.wait() == SIGHUP) {
    load_plans(repository, "loaded anew");
    try {
      if (log != nullptr) log->reopen();
    } catch (const Error& error) {
      warn(error.what());
    }
  }
  signals.give_back();
  say("stopping: what was asked is still answered");
  server.stop();
}

}  // namespace

void add_serve_options(CLI::App& app, ServeOptions& options) {
  const auto seconds = [&](const char* name, double& value, const char* help) {
    app.add_option(name, value, help)->check(CLI::Range(0.001, 3600.0))->capture_default_str();
  };
  app.add_option("plans", options.plans,
                 "plan directories, or directories of plans: NAME/plan.json, NAME/VERSION/plan.json")
      ->required()
      ->type_name("PLAN");
  app.add_option("--host", options.http.host, "address to listen at; 0.0.0.0 or ::: every one of this machine")
      ->capture_default_str();
  options.http.port = 8000;
  app.add_option("--port", options.http.port, "0: any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--engine", options.classifier.engine, "What runs the plans: " + joined(engine::kPlanEngines))
      ->check(CLI::IsMember(engine::kPlanEngines))
      ->capture_default_str();
  app.add_option("--trust", options.trusted, "directories whose plans may run the kernels that were compiled for them")
      ->type_name("DIR");
  app.add_option("--threads", options.classifier.threads, "Engine threads of one batch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "batches that run at the same time; 0: as many as processors")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--max-batch", options.scheduler.max_batch, "images that run together")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  seconds("--max-delay", options.scheduler.max_queue_delay,
          "seconds after which a waiting image comes before fuller batches");
  seconds("--max-batch-time", options.scheduler.max_batch_time,
          "seconds that a batch should take at most: fewer images run together, at least one");
  app.add_option("--max-waiting", options.scheduler.max_images,
                 "images taken and not answered, of a plan; more: status 429")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--max-images", options.service.max_images, "images of one request")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  app.add_option("--max-megapixels", options.scheduler.max_megapixels, "of an image that comes as a file")
      ->check(CLI::Range(0.01, 4096.0))
      ->capture_default_str();
  app.add_option("--max-body", options.http.limits.body_bytes, "bytes of one request")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30))
      ->default_str("16MB");
  app.add_option("--max-buffered", options.http.limits.buffered_bytes, "bytes of all requests together")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{1} << 20, std::size_t{1} << 40))
      ->default_str("256MB");
  app.add_option("--max-connections", options.http.limits.connections, "further ones wait")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  seconds("--timeout", options.service.most_seconds, "seconds for a request, whatever it asks for");
  seconds("--idle-timeout", options.http.limits.idle_seconds, "seconds that a connection may be silent");
  seconds("--stop-timeout", options.http.limits.stop_seconds,
          "seconds for what is under way when the server is stopped");
  CLI::Option* const slo =
      app.add_option("--slo", options.slo, "thresholds follow the load so that requests are answered in time: p99=5ms")
          ->type_name("pN=TIME");
  app.add_option("--least-accuracy", options.least_accuracy,
                 "... and never below this point of the measured curve: 90%")
      ->type_name("PERCENT")
      ->needs(slo);
  CLI::Option* const audit =
      app.add_option("--audit", options.audit,
                     "share of the images that run to the end after they were answered: agreement, and alarms, on "
                     "standard error")
          ->type_name("PERCENT");
  app.add_flag("--audit-apply", options.apply_audit,
               "... and while scores differ from the curve's, thresholds at which as many images go on as it promises")
      ->needs(audit);
  app.add_option("--token-file", options.token_file, "a file with the token that clients must send")->type_name("FILE");
  CLI::Option* const certificate = app.add_option("--tls-cert", options.http.tls_certificate,
                                                  "certificate with its chain, PEM: HTTPS instead of HTTP")
                                       ->type_name("FILE");
  CLI::Option* const key = app.add_option("--tls-key", options.http.tls_key, "its private key, PEM")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--access-log", options.access_log, "a line of JSON for each answer; -: standard output")
      ->type_name("FILE");
  app.add_flag_callback("--no-page", [&options] { options.service.page = false; }, "No page at /");
}

int serve(ServeOptions options) {
  if (!options.token_file.empty()) options.service.token = read_token(options.token_file);
  options.service.local_only = is_loopback_address(options.http.host);
  if (!options.service.local_only && options.service.token.empty())
    warn(std::format(
        "{}: whoever reaches this address may use the server and unload its plans: --token-file asks for a token",
        options.http.host));
  options.scheduler.decoder = &image_decoder();
  options.service.notes = !options.access_log.empty();

  const auto metrics = std::make_shared<serving::MetricsRegistry>();
  const int threads = options.workers > 0 ? options.workers : usable_cpus();
  const auto workers = std::make_shared<serving::Workers>(threads);
  const serving::AdaptationOptions adaptation = adaptation_of(options);
  serving::PlanCurves curves;
  const auto watch = [&](const serving::PlanToWatch& plan) {
    curves.read(plan);
    return serving::watch_adapting(plan, adaptation, threads);
  };
  serving::PlanRepository repository({.sources = options.plans,
                                      .trusted = options.trusted,
                                      .classifier = options.classifier,
                                      .scheduler = options.scheduler,
                                      .watch = watch},
                                     workers, metrics);
  serving::Service service(options.service, repository, *workers, *metrics, curves);
  std::unique_ptr<serving::AccessLog> log;
  serving::HttpServer::OnAnswer on_answer;
  if (!options.access_log.empty()) {
    log = std::make_unique<serving::AccessLog>(options.access_log);
    on_answer = [&log](const serving::HttpRequest& request, const serving::HttpResponse& response, std::size_t bytes,
                       double seconds) { log->write(request, response, bytes, seconds); };
  }
  serving::HttpServer server(
      options.http,
      [&service](const std::shared_ptr<serving::HttpRequest>& request, serving::HttpReply reply) {
        service.handle(request, std::move(reply));
      },
      on_answer);
  service.set_http_counts(server.counts());

  load_first(repository);
  AwaitedSignals signals;
  const bool tls = !options.http.tls_certificate.empty();
  const std::string host =
      options.http.host.find(':') != std::string::npos ? "[" + options.http.host + "]" : options.http.host;
  std::printf("serving %s at %s://%s:%d/\n", joined(names_of(repository)).c_str(), tls ? "https" : "http", host.c_str(),
              server.port());
  std::fflush(stdout);

  std::thread signal_thread([&] { await_signals(signals, server, repository, log.get()); });
  const bool all = server.run();
  signal_thread.join();
  repository.stop();
  if (!all)
    fail("requests were cut off: they were not done within --stop-timeout {} s", options.http.limits.stop_seconds);
  say("stopped: every request was answered");
  return 0;
}

}  // namespace triage::cli
