// triage-measure: the part of `triage profile` that runs on a device. Prints one JSON document, the cost table.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "core/clock.h"
#include "core/system/machine.h"
#include "core/system/stop.h"
#include "core/text.h"
#include "engine/names.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "measure/frame.h"
#include "measure/job.h"
#include "measure/stages/memory.h"
#include "measure/stages/stage_engine.h"
#include "triage/classifier.h"

namespace {

using namespace triage;

constexpr double kProgressSeconds = 0.5;

void print_version() {
  utsname system{};
  ::uname(&system);
  const Json json = {{"program", "triage-measure"},
                     {"version", version()},
                     {"git", git_revision()},
                     {"protocol", measure::kJobProtocol},
                     {"architecture", system.machine},
                     {"engine_version", engine::version_of({})},
                     {"providers", engine::stage_providers()}};
  std::printf("%s\n", dump_json(json).c_str());
}

void print_frame(const measure::Frame& frame) {
  const std::string text = to_text(frame);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail("standard output: cannot be written");
  }
}

// A message now and then, and at every new row: the other side takes silence for a lost device.
class ProgressFrames {
 public:
  void operator()(const measure::JobProgress& at) {
    const double now = steady_seconds();
    if (at.rows_done == rows_done_ && now - last_ < kProgressSeconds) return;
    last_ = now;
    rows_done_ = at.rows_done;
    const Json json = {{"rows_done", at.rows_done}, {"rows", at.rows}, {"round", at.round}, {"waiting", at.waiting}};
    print_frame({"progress", dump_json(json)});
  }

 private:
  double last_ = 0;
  std::size_t rows_done_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app{"Measures the stages of a plan on this device and prints their cost table as JSON"};
  std::string directory, images, options = "{}", state, engine = engine::kOnnxRuntime;
  int memory = -1;
  bool framed = false, version = false;
  app.add_option("directory", directory, "Plan directory, or stage files with their stages.json")->type_name("DIR");
  app.add_option("images", images,
                 "The images: bytes [count, height, width, channels]; for a plan that takes any size: docs/formats.md")
      ->type_name("FILE");
  app.add_option("options", options, "What to measure, as JSON; see docs/formats.md")->capture_default_str();
  app.add_option("--state", state, "Keep what was measured here and go on with it");
  app.add_option("--memory", memory,
                 "Measure nothing but the peak memory of this process when every image leaves at this exit of the plan")
      ->check(CLI::Range(0, 63));
  app.add_option("--engine", engine, "With --memory: what runs the plan: " + joined(engine::kPlanEngines))
      ->check(CLI::IsMember(engine::kPlanEngines))
      ->capture_default_str();
  app.add_flag("--framed", framed, "Print messages with checksums, progress too (docs/devices.md)");
  app.add_flag("--version", version, "Print versions and execution providers as JSON");
  app.footer("Example:\n  triage-measure plan images.bin '{\"batches\": [1, 8], \"threads\": [1]}'");
  try {
    app.parse(argc, argv);
    if (version) return print_version(), 0;
    if (directory.empty() || images.empty()) throw CLI::RequiredError("DIR and FILE");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const StopToken stop = install_stop_handler();
  if (memory >= 0) {
    const measure::ImageFile file(images, plan::load_plan(directory).input);
    std::printf("%s\n", dump_json(to_json(measure::observe_memory(directory, memory, file.images(), engine))).c_str());
    return 0;
  }
  measure::Job job = measure::job_from_json(parse_json(options, "options"), "options");
  job.profile.measure.stop = job.profile.energy_options.stop = stop;
  ProgressFrames frames;
  std::function<void(const measure::JobProgress&)> progress;
  if (framed) progress = [&](const measure::JobProgress& at) { frames(at); };
  const Json table = to_json(measure::run_job(directory, images, job, state, progress));
  if (framed) {
    print_frame({"result", dump_json(table)});
  } else {
    std::printf("%s\n", dump_json(table, 2).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "triage-measure: %s\n", error.what());
    return 1;
  }
}
