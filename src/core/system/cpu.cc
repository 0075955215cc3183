#include "core/system/cpu.h"

#include <sys/utsname.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <sstream>

#include "core/system/system_text.h"

namespace triage {
namespace {

constexpr std::array<std::string_view, kCpuFeatures> kNames{
    "pni",      "ssse3",    "sse4_1",   "sse4_2",   "avx",         "f16c",        "fma", "avx2",  "avx512f",
    "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "fp",  "asimd", "asimddp"};

CpuFeatures found() {
  CpuFeatures features;
  const auto add = [&](CpuFeature feature, bool has) {
    if (has) features = features | CpuFeatures{feature};
  };
#if defined(__x86_64__)
  __builtin_cpu_init();  // cpuid, and xgetbv for what the system saves
  add(CpuFeature::pni, __builtin_cpu_supports("sse3"));
  add(CpuFeature::ssse3, __builtin_cpu_supports("ssse3"));
  add(CpuFeature::sse4_1, __builtin_cpu_supports("sse4.1"));
  add(CpuFeature::sse4_2, __builtin_cpu_supports("sse4.2"));
  add(CpuFeature::avx, __builtin_cpu_supports("avx"));
  add(CpuFeature::f16c, __builtin_cpu_supports("f16c"));
  add(CpuFeature::fma, __builtin_cpu_supports("fma"));
  add(CpuFeature::avx2, __builtin_cpu_supports("avx2"));
  add(CpuFeature::avx512f, __builtin_cpu_supports("avx512f"));
  add(CpuFeature::avx512bw, __builtin_cpu_supports("avx512bw"));
  add(CpuFeature::avx512cd, __builtin_cpu_supports("avx512cd"));
  add(CpuFeature::avx512dq, __builtin_cpu_supports("avx512dq"));
  add(CpuFeature::avx512vl, __builtin_cpu_supports("avx512vl"));
  add(CpuFeature::avx512_vnni, __builtin_cpu_supports("avx512vnni"));
  add(CpuFeature::avx512_bf16, __builtin_cpu_supports("avx512bf16"));
#elif defined(__aarch64__)
  const unsigned long bits = ::getauxval(AT_HWCAP);  // of the architecture's definition of the auxiliary vector
  add(CpuFeature::fp, bits & (1UL << 0));
  add(CpuFeature::asimd, bits & (1UL << 1));
  add(CpuFeature::asimddp, bits & (1UL << 20));
#else
  (void)add;
#endif
  return features;
}

constexpr std::uint32_t kKnown = std::uint32_t{1} << 31;
static_assert(kCpuFeatures <= 31);
std::atomic<std::uint32_t> current{0};  // bits of the features and kKnown; 0: not found yet

bool matters_to_kernels(const std::string& flag) {
  static constexpr const char* kExact[] = {"sse4_2",  "avx",     "avx2",     "fma",  "f16c", "asimd",
                                           "asimdhp", "asimddp", "asimdfhm", "i8mm", "bf16", "neon"};
  static constexpr const char* kPrefixes[] = {"avx512", "avx_", "amx", "sve", "sme"};
  return std::ranges::find(kExact, flag) != std::end(kExact) ||
         std::ranges::any_of(kPrefixes, [&](const char* prefix) { return flag.starts_with(prefix); });
}

std::istringstream all_flags() {
  const std::string cpuinfo = system_text("/proc/cpuinfo");
  const std::string flags = system_field(cpuinfo, "flags");                              // x86
  return std::istringstream(flags.empty() ? system_field(cpuinfo, "Features") : flags);  // arm
}

}  // namespace

std::string_view to_string(CpuFeature feature) { return kNames[static_cast<std::size_t>(feature)]; }

CpuFeatures::CpuFeatures(const std::set<std::string>& names) {
  for (int i = 0; i < kCpuFeatures; ++i) {
    const auto feature = static_cast<CpuFeature>(i);
    if (names.contains(std::string(to_string(feature)))) bits_ |= bit(feature);
  }
}

std::vector<std::string> CpuFeatures::names() const {
  std::vector<std::string> names;
  for (int i = 0; i < kCpuFeatures; ++i) {
    if (has(static_cast<CpuFeature>(i))) names.emplace_back(kNames[static_cast<std::size_t>(i)]);
  }
  std::ranges::sort(names);
  return names;
}

CpuFeatures cpu_features() {
  const std::uint32_t known = current.load(std::memory_order_relaxed);
  if (known != 0) return CpuFeatures::from(known & ~kKnown);
  const CpuFeatures features = found();
  current.store(features.bits_ | kKnown, std::memory_order_relaxed);
  return features;
}

CpuOverride::CpuOverride(CpuFeatures at_most) { current = (found() & at_most).bits_ | kKnown; }
CpuOverride::~CpuOverride() { current = 0; }

std::string cpu_name() {
  const std::string cpuinfo = system_text("/proc/cpuinfo");
  for (const char* key : {"model name", "Model", "Hardware"}) {
    if (std::string name = system_field(cpuinfo, key); !name.empty()) return name;
  }
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

std::set<std::string> cpu_flags() {
  std::istringstream words = all_flags();
  std::set<std::string> flags;
  for (std::string flag; words >> flag;) flags.insert(flag);
  return flags;
}

std::string cpu_kernel_flags() {
  std::istringstream words = all_flags();
  std::string kept;
  for (std::string flag; words >> flag;) {
    if (matters_to_kernels(flag)) kept += (kept.empty() ? "" : " ") + flag;
  }
  return kept;
}

}  // namespace triage
