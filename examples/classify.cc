// Classifies one image (binary PPM or PGM, 8 bit, of the plan's size) with a plan; links triage_runtime alone.
#include <cstdio>
#include <fstream>
#include <vector>

#include "triage/classifier.h"

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: classify PLAN_DIRECTORY IMAGE.ppm\n"), 2;
  const auto classifier = triage::Classifier::load(argv[1]);
  if (!classifier) return std::fprintf(stderr, "%s\n", classifier.error().message.c_str()), 1;

  std::ifstream file(argv[2], std::ios::binary);
  char magic[2] = {};
  int width = 0, height = 0, depth = 0;
  file.read(magic, 2) >> width >> height >> depth;
  const int channels = magic[1] == '6' ? 3 : 1;
  const bool known = magic[0] == 'P' && (channels == 3 || magic[1] == '5') && depth == 255 && file.get() != EOF;
  std::vector<char> pixels(known && width > 0 && height > 0 && width < 4096 && height < 4096 ? width * height * channels
                                                                                             : 0);
  if (pixels.empty() || !file.read(pixels.data(), static_cast<std::streamsize>(pixels.size())))
    return std::fprintf(stderr, "%s: expected a binary PPM (P6) or PGM (P5) file of depth 255\n", argv[2]), 1;

  const auto outcome =
      classifier->classify({reinterpret_cast<const std::uint8_t*>(pixels.data()), height, width, channels});
  if (!outcome) return std::fprintf(stderr, "%s: %s\n", argv[2], outcome.error().message.c_str()), 1;
  std::printf("%s %.3f, exit %s, %.0f us\n", classifier->info().classes[outcome->label].c_str(), outcome->probability,
              classifier->info().stages[outcome->exit].c_str(), outcome->microseconds);
}
