// Any bytes as a configuration: refused with an Error, or readable through every kind of read.
#include "core/config.h"
#include "core/error.h"

namespace {

// Each read may refuse the value it finds; the others are tried all the same.
template <class Read>
void attempt(Read read) {
  try {
    read();
  } catch (const triage::Error&) {
  }
}

void read_everything(triage::ConfigSection section, int depth) {
  bool flag = false;
  int number = 0;
  std::uint64_t seed = 0;
  double real = 0;
  std::string text;
  std::vector<std::string> words;
  std::vector<int> numbers;
  for (const char* key : {"name", "epochs", "seed", "rate", "tags", "widths", "bf16"}) {
    attempt([&] { section.read(key, flag); });
    attempt([&] { section.read(key, number, -5, 1000); });
    attempt([&] { section.read(key, seed); });
    attempt([&] { section.read(key, real, 0, 1); });
    attempt([&] { section.read(key, text); });
    attempt([&] { section.read(key, words); });
    attempt([&] { section.read(key, numbers, 1, 4096); });
    attempt([&] { section.require(key); });
  }
  if (depth < 3) {
    attempt([&] { read_everything(section.section("train"), depth + 1); });
    attempt([&] {
      for (const auto& stage : section.sections("stage")) read_everything(stage, depth + 1);
    });
  }
  attempt([&] { section.finish(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  attempt([&] {
    const auto config =
        triage::Config::parse(std::string_view(reinterpret_cast<const char*>(data), size), "config.toml");
    read_everything(config.root(), 0);
  });
  return 0;
}
