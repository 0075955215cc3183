// triage-kernels: makes compiled kernels and finds their schedules, for `triage compile` and `triage tune`, in a
// process that has Halide and not LibTorch. Jobs come as JSON on standard input.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "codegen/build_library.h"
#include "core/error.h"

namespace {

using namespace triage;

Json read_job() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return parse_json(text, "standard input");
}

int run(int argc, char** argv) {
  CLI::App app("Makes and times compiled kernels; called by triage compile and triage tune.");
  app.require_subcommand(1);
  std::string file;
  CLI::App* library = app.add_subcommand("library", "compile the kernels of a job into a shared library");
  library->add_option("FILE", file)->required();
  CLI11_PARSE(app, argc, argv);
  if (library->parsed()) codegen::build_library(compiler::kernel_library_from_json(read_job(), "job"), file);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
