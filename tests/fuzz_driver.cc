// Drives a fuzz target where libFuzzer is not at hand: PROGRAM SEED_DIRECTORY [ROUNDS [FIRST_ROUND]]. Runs the target
// on every seed file, then on the mutants FIRST_ROUND to ROUNDS - 1. A round's input depends on its number and the
// seeds alone, so a failure is found again by bisecting the two numbers. Creates nothing.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file.h"
#include "core/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kMaxBytes = 1 << 16;  // mutants are cut here, seeds are not

// Where parsers change their mind: brackets, digits, ends of ranges.
constexpr std::string_view kTokens[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "\"",
                                        ",",
                                        ":",
                                        "=",
                                        "\n",
                                        "-1",
                                        "0",
                                        "1e999",
                                        "null",
                                        "99999999999999999999",
                                        "\xff\xff\xff\xff",
                                        std::string_view("\0\0\0\0", 4)};

std::size_t place(triage::Rng& rng, std::size_t size) { return rng.below(static_cast<std::uint32_t>(size + 1)); }

void mutate_once(Bytes& bytes, const std::vector<Bytes>& seeds, triage::Rng& rng) {
  switch (rng.below(6)) {
    case 0:  // flip a bit
      if (!bytes.empty()) bytes[place(rng, bytes.size() - 1)] ^= static_cast<std::uint8_t>(1u << rng.below(8));
      break;
    case 1:  // cut the end off
      bytes.resize(place(rng, bytes.size()));
      break;
    case 2: {  // the beginning of this, the end of another
      const Bytes& other = seeds[rng.below(static_cast<std::uint32_t>(seeds.size()))];
      bytes.resize(place(rng, bytes.size()));
      bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(place(rng, other.size())), other.end());
      break;
    }
    case 3: {  // insert a token
      const std::string_view token = kTokens[rng.below(std::size(kTokens))];
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(place(rng, bytes.size())), token.begin(), token.end());
      break;
    }
    case 4: {  // repeat a piece
      const std::size_t begin = place(rng, bytes.size());
      const std::size_t count = std::min<std::size_t>(bytes.size() - begin, 1 + rng.below(64));
      const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                        bytes.begin() + static_cast<std::ptrdiff_t>(begin + count));
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(begin), piece.begin(), piece.end());
      break;
    }
    default: {  // take a piece out
      const std::size_t begin = place(rng, bytes.size());
      const std::size_t count = std::min<std::size_t>(bytes.size() - begin, 1 + rng.below(64));
      bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                  bytes.begin() + static_cast<std::ptrdiff_t>(begin + count));
    }
  }
}

// A heap block of exactly this size, so that a sanitizer sees a read behind its end.
void run_target(const Bytes& input) {
  const Bytes exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SEED_DIRECTORY [ROUNDS [FIRST_ROUND]]\n", argv[0]);
    return 2;
  }
  std::vector<triage::fs::path> files;
  for (const auto& entry : triage::fs::directory_iterator(argv[1])) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);  // directory order differs between machines
  std::vector<Bytes> seeds;
  for (const auto& file : files) {
    const std::string content = triage::read_file(file);
    seeds.emplace_back(content.begin(), content.end());
    run_target(seeds.back());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: expected seed files, found none\n", argv[1]);
    return 1;
  }
  const unsigned long long rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const unsigned long long first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  for (unsigned long long round = first; round < rounds; ++round) {
    triage::Rng rng(triage::derive_seed(1, "fuzz", round));
    Bytes input = seeds[rng.below(static_cast<std::uint32_t>(seeds.size()))];
    for (std::uint32_t change = 0, count = 1 + rng.below(4); change < count; ++change) mutate_once(input, seeds, rng);
    input.resize(std::min(input.size(), kMaxBytes));
    run_target(input);
  }
  std::printf("%zu seeds and %llu mutants\n", seeds.size(), rounds > first ? rounds - first : 0);
  return 0;
}
