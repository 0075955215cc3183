// triage serve: plans over HTTP.
#include "apps/triage-serve/serve.h"

#include "apps/triage/program/command.h"

namespace triage::cli {

int serve_command(int argc, char** argv) {
  CLI::App app{"Serves plans over HTTP: Open Inference Protocol v2, metrics, and a page to try them"};
  ServeOptions options;
  add_serve_options(app, options);
  app.footer(
      "Example: triage serve zoo/cifar10-pair --port 8000\n"
      "         curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' localhost:8000/v2/models/cifar10-pair/infer\n"
      "docs/serving.md has the protocol, docs/security.md what is promised.");
  if (!parse_arguments(app, argc, argv)) return 0;
  return serve(std::move(options));
}

}  // namespace triage::cli
