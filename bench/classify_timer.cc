// The C++ side of python_bench.py: classifies a black image of a plan's size as often as a line of standard input says
// and answers with the microseconds of a call, until the input ends. usage: classify_timer PLAN
#include <chrono>
#include <cstdio>
#include <iostream>
#include <vector>

#include "triage/classifier.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: classify_timer PLAN\n"), 2;
  const auto classifier = triage::Classifier::load(argv[1]);
  if (!classifier) return std::fprintf(stderr, "%s\n", classifier.error().message.c_str()), 1;
  const triage::ClassifierInfo& info = classifier->info();
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info.height) * info.width * info.channels);
  const triage::ImageView image{pixels.data(), info.height, info.width, info.channels};
  for (int calls = 0; std::cin >> calls;) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i)
      if (!classifier->classify(image)) return std::fprintf(stderr, "the call failed\n"), 1;
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    std::cout << spent.count() / calls << std::endl;
  }
  return 0;
}
