// Any bytes as a file that says how to preprocess: refused with an Error, or a Preprocess that survives being written
// and read again and takes an image.
#include <cmath>
#include <cstdlib>

#include "core/error.h"
#include "preprocess/preprocess_files.h"
#include "preprocess/preprocessor.h"

namespace {

using namespace triage;
using namespace triage::preprocess;

constexpr std::size_t kMaxElements = 1 << 16;  // that are computed

void take(const Preprocess& preprocess) {
  const std::string written = to_json(preprocess).dump();
  const Json json = parse_json(written, "written");
  if (preprocess_from_json(JsonReader(json, "written")) != preprocess) std::abort();
  if (preprocess.elements() > kMaxElements || preprocess.channels > 3) return;
  const Preprocessor preprocessor(preprocess);
  std::vector<float> output(preprocessor.elements(), std::nanf(""));
  Scratch scratch;
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 40}, {37, 29}}) {
    const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * preprocess.channels), 100);
    preprocessor.run({pixels.data(), height, width, preprocess.channels}, output.data(), scratch);
    for (const float value : output)
      if (std::isnan(value)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const NetworkInput& input : {NetworkInput{.height = 32, .width = 32, .layout = Layout::nhwc},
                                    NetworkInput{.height = 5, .width = 70, .channels = 1}}) {
    try {
      const Json json = parse_json(text, "file");
      take(preprocess_of(JsonReader(json, "file"), input));
    } catch (const Error&) {
    }
  }
  return 0;
}
