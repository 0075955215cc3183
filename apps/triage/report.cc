// triage report: pictures and one self-contained page from a run's result files.
#include "report/report.h"

#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "core/json.h"
#include "report/draw/gnuplot.h"

namespace triage::cli {

int report_command(int argc, char** argv) {
  CLI::App app{"Draws the pictures of a run and writes report.html, which opens from disk without a network"};
  std::string run, data, out;
  bool json = false;
  app.add_option("run", run, "Run directory (results.json, plan/, metrics.jsonl)")->required()->type_name("RUN");
  app.add_option("--data", data, "Data set file for the example images (default: the one that was evaluated)");
  app.add_option("--out", out, "Directory to write to (default: the run's own)")->check(output_directory);
  app.add_flag("--json", json, "Print the names of the files as JSON");
  app.footer("Example:\n  triage report runs/cifar10-pair");
  if (!parse_arguments(app, argc, argv)) return 0;
  require_output_directory(out.empty() ? run : out);
  report::require_gnuplot();

  const report::ReportFiles files = report::write_report(run, {.output = out, .data = data});
  if (json) {
    Json pictures = Json::array();
    for (const fs::path& picture : files.pictures) pictures.push_back(picture.string());
    std::cout << dump_json(Json{{"report", files.html.string()}, {"pictures", pictures}, {"notes", files.notes}}, 2)
              << '\n';
    return 0;
  }
  for (const std::string& note : files.notes) std::fprintf(stderr, "report: %s\n", note.c_str());
  for (const fs::path& picture : files.pictures) std::printf("%s\n", picture.c_str());
  std::printf("%s\n", files.html.c_str());
  return 0;
}

}  // namespace triage::cli
