// Figures that a script has measured, written into results/TOPIC.json (docs/formats.md) as the commands write theirs.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "core/error.h"
#include "core/system/machine.h"

namespace {

// value: "1.5", or with its 95 % interval "1.5[1.2,1.8]".
triage::Figure figure_of(const char* key, const std::string& value, const char* unit) {
  triage::Figure figure{.unit = unit};
  triage::Interval interval;
  int alone = 0, both = 0;
  const int read =
      std::sscanf(value.c_str(), "%lf%n[%lf,%lf]%n", &figure.value, &alone, &interval.low, &interval.high, &both);
  const auto length = static_cast<int>(value.size());
  if (read == 3 && both == length) figure.interval = interval;
  if (read < 1 || (alone != length && both != length))
    triage::fail("{}: expected a number, alone or with its interval as in 1.5[1.2,1.8], found '{}'", key, value);
  return figure;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6 || argc % 3 != 0) {
    std::fprintf(stderr, "usage: record_figures FILE.json COMMAND {KEY VALUE[LOW,HIGH] UNIT}...\n");
    return 2;
  }
  try {
    std::map<std::string, triage::Figure> figures;
    for (int i = 3; i < argc; i += 3) {
      figures[argv[i]] = figure_of(argv[i], argv[i + 1], argv[i + 2]);
    }
    triage::record_figures(argv[1], argv[2], figures);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "record_figures: %s\n", error.what());
    return 1;
  }
  return 0;
}
