// What the CPU of this process can do. All code that is chosen by the CPU asks here: kernels of several builds
// (supernet/kernels, runtime), targets of the compiler, kernel libraries before they are loaded.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace triage {

// What some code of ours is chosen by. Named as /proc/cpuinfo names it, which is also how files do ("pni" is SSE3).
enum class CpuFeature : std::uint8_t {
  pni,
  ssse3,
  sse4_1,
  sse4_2,
  avx,
  f16c,
  fma,
  avx2,
  avx512f,
  avx512bw,
  avx512cd,
  avx512dq,
  avx512vl,
  avx512_vnni,
  avx512_bf16,
  fp,  // from here on arm
  asimd,
  asimddp,
};
inline constexpr int kCpuFeatures = static_cast<int>(CpuFeature::asimddp) + 1;
std::string_view to_string(CpuFeature feature);

class CpuFeatures {  // a set of them
 public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(std::initializer_list<CpuFeature> features) {
    for (const CpuFeature feature : features) bits_ |= bit(feature);
  }
  explicit CpuFeatures(const std::set<std::string>& names);  // names of no CpuFeature are left out

  constexpr bool has(CpuFeature feature) const { return (bits_ & bit(feature)) != 0; }
  constexpr bool has(CpuFeatures all) const { return (bits_ & all.bits_) == all.bits_; }
  constexpr CpuFeatures operator|(CpuFeatures other) const { return from(bits_ | other.bits_); }
  constexpr CpuFeatures operator&(CpuFeatures other) const { return from(bits_ & other.bits_); }
  constexpr CpuFeatures operator-(CpuFeatures other) const { return from(bits_ & ~other.bits_); }
  bool operator==(const CpuFeatures&) const = default;
  std::vector<std::string> names() const;  // sorted

 private:
  friend class CpuOverride;
  friend CpuFeatures cpu_features();
  static constexpr std::uint32_t bit(CpuFeature feature) { return std::uint32_t{1} << static_cast<int>(feature); }
  static constexpr CpuFeatures from(std::uint32_t bits) {
    CpuFeatures features;
    features.bits_ = bits;
    return features;
  }

  std::uint32_t bits_ = 0;
};

// The builds that functions of several builds have beside the base target's.
inline constexpr CpuFeatures kAvx2Build{CpuFeature::avx2, CpuFeature::fma};
inline constexpr CpuFeatures kAvx512Build{CpuFeature::avx2,     CpuFeature::fma,      CpuFeature::avx512f,
                                          CpuFeature::avx512bw, CpuFeature::avx512vl, CpuFeature::avx512dq};
inline constexpr CpuFeatures kAvx512Bf16Build = kAvx512Build | CpuFeatures{CpuFeature::avx512_bf16};

// What this CPU has and its system saves for a thread. Found with the first call; then one load: cheap enough to ask
// before each call of a kernel.
CpuFeatures cpu_features();

// For tests of the builds that a better CPU would pass over: while it lives, cpu_features() has nothing else than
// `at_most`, in the whole process. One at a time, and nothing else may run meanwhile.
class CpuOverride {
 public:
  explicit CpuOverride(CpuFeatures at_most);
  ~CpuOverride();
  CpuOverride(const CpuOverride&) = delete;
  CpuOverride& operator=(const CpuOverride&) = delete;
};

// Not for choosing code, but for saying where something was measured or tried:
std::string cpu_name();             // "AMD EPYC 9B14"
std::set<std::string> cpu_flags();  // all, as /proc/cpuinfo names them: "flags" on x86, "Features" on arm
std::string cpu_kernel_flags();     // of them those that could matter to kernels, in the system's order

}  // namespace triage
