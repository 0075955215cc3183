// The server as a program: the same options and the same work for `triage serve` and for triage-serve, which needs no
// LibTorch.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "serving/adaptation.h"
#include "serving/http/http_server.h"
#include "serving/http/service.h"
#include "serving/plan_repository.h"

namespace triage::cli {

struct ServeOptions {
  std::vector<std::string> plans, trusted;
  ClassifierOptions classifier;
  serving::SchedulerOptions scheduler;
  serving::HttpOptions http;
  serving::ServiceOptions service;
  std::string token_file, access_log;
  std::string slo, least_accuracy, audit;  // as on the command line; empty: not wanted
  bool apply_audit = false;
  int workers = 0;  // 0: one for each processor that this process may use
};

void add_serve_options(CLI::App& app, ServeOptions& options);

// Until SIGTERM or SIGINT; SIGHUP loads every plan anew and opens the access log again. The address goes to standard
// output as soon as requests are taken, messages to standard error. Returns the exit code; throws Error, UsageError.
int serve(ServeOptions options);

}  // namespace triage::cli
