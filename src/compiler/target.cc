#include "compiler/target.h"

#include <algorithm>

#include "core/error.h"

namespace triage::compiler {
namespace {

struct KnownTarget {
  const char* name;
  Target target;
  const char* halide;
  const char* tuning;
};

// Best first. A feature that LLVM takes for part of another one is listed beside it.
const std::vector<KnownTarget>& known_targets() {
  using enum CpuFeature;
  static constexpr CpuFeatures kSse4{pni, sse4_1, ssse3};
  static constexpr CpuFeatures kAvx2 = kSse4 | CpuFeatures{avx, avx2, f16c, fma, sse4_2};
  static constexpr CpuFeatures kAvx512 = kAvx2 | CpuFeatures{avx512bw, avx512cd, avx512dq, avx512f, avx512vl};
  static constexpr CpuFeatures kArm64{asimd, fp};
  static const std::vector<KnownTarget> known{
      {"vnni",
       {"x86_64", kAvx512 | CpuFeatures{avx512_vnni}, DotProduct::u8_s8, 32, 512},
       "x86-64-linux-avx512_zen4-avx512_cannonlake-avx512_skylake-avx512-avx2-avx-fma-f16c-sse41",
       "znver4"},
      {"avx512",
       {"x86_64", kAvx512, DotProduct::none, 32, 512},
       "x86-64-linux-avx512_skylake-avx512-avx2-avx-fma-f16c-sse41",
       "skylake-avx512"},
      {"avx2", {"x86_64", kAvx2, DotProduct::none, 16, 256}, "x86-64-linux-avx2-avx-fma-f16c-sse41", "haswell"},
      {"sse4", {"x86_64", kSse4, DotProduct::none, 16, 128}, "x86-64-linux-sse41", "penryn"},
      {"arm64",
       {"aarch64", kArm64 | CpuFeatures{asimddp}, DotProduct::s8_s8, 32, 128},
       "arm-64-linux-arm_dot_prod",
       "generic"},
      {"arm64-plain", {"aarch64", kArm64, DotProduct::none, 32, 128}, "arm-64-linux", "generic"},
  };
  return known;
}

// Where LLVM's name is not the one of /proc/cpuinfo without its underscores.
constexpr std::pair<std::string_view, std::string_view> kLlvmNames[] = {{"pni", "sse3"},        {"sse4_1", "sse4.1"},
                                                                        {"sse4_2", "sse4.2"},   {"asimd", "neon"},
                                                                        {"asimddp", "dotprod"}, {"fp", "fp-armv8"}};

// By its instructions: the way to sum products may be another's.
const KnownTarget& known_by_features(const Target& target) {
  const auto& known = known_targets();
  const auto found = std::ranges::find_if(known, [&](const KnownTarget& one) {
    return one.target.architecture == target.architecture && one.target.features == target.features;
  });
  if (found == known.end()) fail("target: found '{}', expected one that Halide has", target.text());
  return *found;
}

const char* architecture_here() {
#if defined(__aarch64__)
  return "aarch64";
#else
  return "x86_64";
#endif
}

}  // namespace

std::string Target::text() const {
  std::string text = architecture;
  for (const std::string& feature : features.names()) text += " " + feature;
  return text;
}

Target target_for(const std::string& architecture, CpuFeatures features) {
  for (const KnownTarget& known : known_targets()) {
    if (known.target.architecture == architecture && features.has(known.target.features)) return known.target;
  }
  fail("compiled engine: found a CPU of architecture '{}', expected x86_64 with SSE4.1 or aarch64", architecture);
}

Target this_cpu() { return target_for(architecture_here(), cpu_features()); }

void check_runs_here(const Target& target) {
  std::string missing = target.architecture == architecture_here() ? "" : " " + target.architecture;
  for (const std::string& feature : (target.features - cpu_features()).names()) missing += " " + feature;
  if (!missing.empty())
    fail("target: found '{}', expected one that this CPU ({}) runs: it has no{}", target.text(), cpu_name(), missing);
}

Target target_from_name(const std::string& name) {
  if (name == "this") return this_cpu();
  std::string names = "this";
  for (const KnownTarget& known : known_targets()) {
    if (name == known.name) return known.target;
    names += std::string(", ") + known.name;
  }
  throw UsageError(std::format("target: found '{}', expected one of: {}", name, names));
}

Target target_from_text(const std::string& text) {
  for (const KnownTarget& known : known_targets())
    if (known.target.text() == text) return known.target;
  fail("target: found '{}', expected one that this program knows", text);
}

std::string halide_target(const Target& target) {
  return std::string(known_by_features(target).halide) + "-no_asserts-no_bounds_query";
}

LlvmTarget llvm_target(const Target& target) {
  LlvmTarget llvm{.cpu = target.architecture == "x86_64" ? "x86-64" : "generic",
                  .tuning = known_by_features(target).tuning};
  for (const std::string& feature : target.features.names()) {
    const auto named = std::ranges::find(kLlvmNames, feature, &std::pair<std::string_view, std::string_view>::first);
    std::string name(named == std::end(kLlvmNames) ? feature : named->second);
    std::erase(name, '_');
    llvm.features += (llvm.features.empty() ? "+" : ",+") + name;
  }
  return llvm;
}

}  // namespace triage::compiler
