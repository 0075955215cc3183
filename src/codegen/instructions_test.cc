// No kernel has an instruction outside its target's features. Kernels of every kind are compiled for every target,
// disassembled, and assembled again by an assembler that was told those features alone: it refuses what needs another.
// x86: GNU's, which know nothing of the LLVM that made the code. arm64: LLVM's, as those of GNU need not be there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "codegen/build_library.h"
#include "compiler/compiler_test_support.h"
#include "core/files/file.h"
#include "core/system/process.h"
#include "core/test_support.h"

namespace triage::codegen {
namespace {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

const std::string kLlvmTools = TRIAGE_LLVM_TOOLS;

bool is_x86(const Target& target) { return target.architecture == "x86_64"; }

// GNU's names, where they are not those of /proc/cpuinfo.
const std::map<std::string, std::string> kGnuNames{{"pni", "sse3"}, {"sse4_1", "sse4.1"}, {"sse4_2", "sse4.2"}};

// An architecture's base and the target's features, for the assembler. GNU's takes popcnt for a part of sse4.2.
std::string only_features(const Target& target) {
  std::string text = ".arch generic64\n";
  for (const std::string& feature : target.features.names())
    text += ".arch ." + (kGnuNames.contains(feature) ? kGnuNames.at(feature) : feature) + "\n";
  return text + ".arch .nopopcnt\n";
}

std::string mattr(const Target& target) {
  return target.features.has(CpuFeature::asimddp) ? "-mattr=+neon,+dotprod" : "-mattr=+neon";
}

// What the assembler says of these instructions; empty: nothing is foreign.
std::string complaints(const Target& target, const std::string& instructions) {
  const ProcessResult result =
      is_x86(target)
          ? run_process(
                {.command = {"x86_64-linux-gnu-as", "-o", "/dev/null"}, .input = only_features(target) + instructions})
          : run_process({.command = {kLlvmTools + "/llvm-mc", "-triple=aarch64", mattr(target), "-filetype=null"},
                         .input = instructions});
  EXPECT_EQ(result.exit_code == 0, result.errors.empty()) << result.errors;
  return result.errors;
}

// The instructions of object files, as an assembler reads them, each file's behind a line that names it. Nothing but
// addresses is lost; paddings, which the assembler does not read as they are printed, are left out.
std::string disassembled(const Target& target, const std::vector<std::string>& files) {
  std::vector<std::string> command{is_x86(target) ? "x86_64-linux-gnu-objdump" : kLlvmTools + "/llvm-objdump", "-d",
                                   "--no-show-raw-insn"};
  command.insert(command.end(), files.begin(), files.end());
  const ProcessResult result = run_process({.command = command});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  static const std::regex file("^(\\S+):\\s+file format .*"), line("^ *[0-9a-f]+:\\s+(.*)"),
      address("(0x)?[0-9a-f]+ <[^>]*>"), padding(".*\\bnop[wl]?\\b.*");
  std::string text;
  std::istringstream lines(result.output);
  std::smatch found;
  for (std::string one; std::getline(lines, one);) {
    if (std::regex_match(one, found, file)) text += "# 1 \"" + fs::path(found[1].str()).stem().string() + "\"\n";
    if (std::regex_match(one, found, line) && !std::regex_match(one, padding))
      text += std::regex_replace(found[1].str(), address, "0") + "\n";
  }
  return text;
}

// Of all kinds, in both precisions, with sizes that fit nothing.
KernelSet kernels_of_every_kind(const Target& target) {
  KernelSet library(target);
  Rng rng(derive_seed(7, target.text(), 0));
  const auto from = [&](int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); };
  for (const auto precision : {plan::Precision::fp32, plan::Precision::int8})
    for (const int width : {1, 3, from(4, 8), from(9, 33)}) {
      EdgeKey key{.precision = precision, .height = from(1, 33), .width = width};
      key.channels = from(1, 4), key.stored = 4;
      library.add(key);
      key.channels = from(5, 70), key.stored = stored_channels(key.channels);
      for (const auto kind :
           {EdgeKind::prepare, EdgeKind::head, EdgeKind::mean, EdgeKind::carry_out, EdgeKind::round, EdgeKind::real}) {
        key.kind = kind;
        key.classes = kind == EdgeKind::head ? from(2, 11) : 0;
        const bool converts = kind == EdgeKind::round || kind == EdgeKind::real;
        if (!converts || precision == plan::Precision::int8) library.add(key);
      }
      const KernelKey odd = random_key(rng, precision);
      library.add(odd, default_schedule(odd, target));
      const std::vector<Schedule> all = all_schedules(odd, target);
      if (!all.empty()) library.add(odd, all[rng.below(static_cast<std::uint32_t>(all.size()))]);
    }
  library.add(KernelKey::parse("int8 64->64 8x8"), {.vectors = 2, .columns = 4});
  library.add(KernelKey::parse("fp32 32->32 8x8 pool"), {.algorithm = Algorithm::winograd2});
  library.add(KernelKey::parse("fp32 20->16 8x12"), {.algorithm = Algorithm::winograd4, .columns = 3});
  for (const char* text : {"fp32 16->20 6x10", "int8 17->16 7x9 pool"})
    library.add(KernelKey::parse(text), {.algorithm = Algorithm::automatic});
  return library;
}

class Instructions : public testing::TestWithParam<const char*> {};

TEST_P(Instructions, AreOfTheTargetsFeatures) {
  const Target target = target_from_name(GetParam());
  const KernelSet library = kernels_of_every_kind(target);
  const TempDir directory;
  std::vector<std::string> files;
  for (const auto& [symbol, kernel] : library.kernels()) {
    files.push_back((directory.path() / (symbol + ".o")).string());
    write_file_atomic(files.back(), kernel_object(library, symbol));
  }
  const std::string text = disassembled(target, files);
  EXPECT_EQ(complaints(target, text), "");
  EXPECT_GT(std::ranges::count(text, '\n'), 50 * std::ssize(files)) << text;

  // And they are those that the target is there for.
  const std::map<std::string, std::string> products{{"vnni", "vpdpbusd.*%zmm"}, {"avx512", "vpmaddwd.*%zmm"},
                                                    {"avx2", "vpmaddwd.*%ymm"}, {"sse4", "pmaddwd.*%xmm"},
                                                    {"arm64", "sdot.*v[0-9]"},  {"arm64-plain", "smlal.*v[0-9]"}};
  EXPECT_TRUE(std::regex_search(text, std::regex(products.at(GetParam())))) << "expected " << products.at(GetParam());
}

std::string name_of_target(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
}
INSTANTIATE_TEST_SUITE_P(EveryTarget, Instructions,
                         testing::Values("vnni", "avx512", "avx2", "sse4", "arm64", "arm64-plain"), name_of_target);

// The assemblers that the test above trusts.
TEST(Instructions, OfOthersAreForeign) {
  const auto refused = [](const char* target, const std::string& instruction) {
    return complaints(target_from_name(target), "# 1 \"kernel\"\n" + instruction + "\n");
  };
  const char* const dots = "vpdpbusd %zmm0, %zmm1, %zmm2";
  EXPECT_EQ(refused("vnni", dots), "");
  EXPECT_THAT(refused("avx512", dots), testing::HasSubstr("vpdpbusd"));
  EXPECT_EQ(refused("avx512", "vpmaddwd %zmm0, %zmm1, %zmm2"), "");
  EXPECT_THAT(refused("avx2", "vpmaddwd %zmm0, %zmm1, %zmm2"), testing::HasSubstr("%zmm0"));
  EXPECT_EQ(refused("avx2", "vfmadd231ps %ymm0, %ymm1, %ymm2"), "");
  EXPECT_THAT(refused("sse4", "vaddps %xmm0, %xmm1, %xmm2"), testing::HasSubstr("vaddps"));
  EXPECT_THAT(refused("sse4", "pcmpgtq %xmm0, %xmm1"), testing::HasSubstr("pcmpgtq"));  // SSE4.2
  for (const char* target : {"vnni", "avx512", "avx2", "sse4"})
    for (const char* foreign : {"insertq %xmm0, %xmm1", "popcnt %rax, %rbx", "lzcnt %rax, %rbx", "tzcnt %rax, %rbx",
                                "shlx %rax, %rbx, %rcx", "movbe (%rax), %rbx", "gf2p8mulb %xmm0, %xmm1"})
      EXPECT_THAT(refused(target, foreign), testing::HasSubstr("kernel:1: Error")) << target << ' ' << foreign;
  EXPECT_EQ(refused("arm64", "sdot v0.4s, v1.16b, v2.16b"), "");
  EXPECT_THAT(refused("arm64-plain", "sdot v0.4s, v1.16b, v2.16b"), testing::HasSubstr("requires: dotprod"));
  EXPECT_THAT(refused("arm64", "fadd v0.8h, v1.8h, v2.8h"), testing::HasSubstr("requires: fullfp16"));
}

}  // namespace
}  // namespace triage::codegen
