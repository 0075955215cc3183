// Figures that a script has measured, written into results/TOPIC.json (docs/formats.md) as the commands write theirs.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/error.h"
#include "core/system/machine.h"

int main(int argc, char** argv) {
  if (argc < 6 || argc % 3 != 0) {
    std::fprintf(stderr, "usage: record_figures FILE.json COMMAND {KEY VALUE UNIT}...\n");
    return 2;
  }
  try {
    std::map<std::string, triage::Figure> figures;
    for (int i = 3; i < argc; i += 3) {
      char* end = nullptr;
      const double value = std::strtod(argv[i + 1], &end);
      if (end == argv[i + 1] || *end != '\0') triage::fail("{}: expected a number, found '{}'", argv[i], argv[i + 1]);
      figures[argv[i]] = {.value = value, .unit = argv[i + 2]};
    }
    triage::record_figures(argv[1], argv[2], figures);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "record_figures: %s\n", error.what());
    return 1;
  }
  return 0;
}
