// triage-serve: `triage serve` for machines that only serve.
#include <csignal>
#include <cstdio>

#include "apps/triage-serve/serve.h"
#include "core/system/stop.h"
#include "core/text.h"
#include "core/warning.h"
#include "triage/classifier.h"

int main(int argc, char** argv) {
  using namespace triage;
  CLI::App app{"Serves plans over HTTP: Open Inference Protocol v2, metrics, and a page to try them", "triage-serve"};
  app.set_version_flag("--version", std::string("triage-serve ") + version());
  cli::ServeOptions options;
  cli::add_serve_options(app, options);
  app.footer("Example: triage-serve zoo/cifar10-pair --port 8000");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  set_warning_sink(
      [](const std::string& text) { std::fprintf(stderr, "triage-serve: %s\n", printable(text).c_str()); });
  install_end_handler();
  try {
    return cli::serve(std::move(options));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "triage-serve: %s\n", printable(error.what()).c_str());
    return dynamic_cast<const UsageError*>(&error) != nullptr ? 2 : 1;
  }
}
