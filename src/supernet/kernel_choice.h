// Which kernel runs a pass of a convolution of bf16 images on the CPU: the fastest of those that can, measured once for
// a machine and remembered in a file. Ours run 3x3 layers of stride 1 and one group on CPUs with AVX512-BF16, and
// depthwise layers on all, where nothing else is tried. ATen's, which hands them to oneDNN and so to AMX
// where a CPU has it, run everything, in bf16 or widened to fp32; but some of oneDNN's bf16 kernels (3.7: odd channel
// counts, groups, strides) give wrong sums. So bf16 there is for multiples of 8 channels alone, and only where its sums
// were compared when it was timed.
//
// A choice is made for a class of layers (exact map, channels rounded up to few values), not for a batch: a layer is
// computed the same way for every batch. Until measure() is called the rule decides, which knows nothing of the
// machine: Winograd from some channels on, else the direct kernel; in fp32 what neither can run.
//
// The file (kernels.json, docs/formats.md) holds the choices of many machines, each of a CPU, its flags, a LibTorch and
// a number of threads. What stands in it is never measured again, by no process: so a run that is made twice, or killed
// and resumed, takes the same kernels. Damaged, it is made anew with a warning. Where it cannot be written the rule
// decides, with a warning.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace triage::supernet {

// [N,H,W,C] by square kernels with zero padding kernel / 2: the map comes out as ceil(height / stride) by
// ceil(width / stride). Channels are all of them, not a group's.
struct ConvolutionShape {
  int batch, height, width, in_channels, out_channels;
  int kernel = 3, stride = 1, groups = 1;
};

enum class ConvPass : std::uint8_t { forward, backward_data, backward_weights };
// Of conv3x3_bf16.h; ATen's; of depthwise.h.
enum class ConvKernel : std::uint8_t { direct, winograd, aten, aten_fp32, depthwise };
const char* to_string(ConvPass pass);
const char* to_string(ConvKernel kernel);

// Those that this CPU can run for bf16 images. The first is trusted: the others are compared with it.
std::vector<ConvKernel> kernels_for(const ConvolutionShape& shape);
ConvKernel kernel_by_rule(const ConvolutionShape& shape, ConvPass pass);

// The class of layers that is measured as one: "3x3 24>64 32x32 forward". Its shape has a batch of 0.
ConvolutionShape class_of(const ConvolutionShape& shape);
std::string class_text(const ConvolutionShape& shape, ConvPass pass);

// Seconds of one run on the threads of the caller, for a batch of its own; infinite where the result is wrong.
using TimeKernel = std::function<double(ConvKernel, const ConvolutionShape&, ConvPass)>;

// Thread-safe; while one thread measures the others wait.
class KernelChoice {
 public:
  // Of bf16 images, for `threads` threads.
  ConvKernel of(const ConvolutionShape& shape, ConvPass pass, int threads);

  // From now on choices are read from the file or measured by `time` and added to it. machine: all that times depend
  // on, but threads.
  void measure(fs::path file, std::string machine, TimeKernel time);
  void forget();  // the rule decides again
  bool measures() const;
  double measuring_seconds() const;  // that measuring has taken so far

  // The choices in use so far, {"3x3 24>64 32x32 forward, 2 threads": "winograd"}, and those of another process, which
  // then hold here as well: a resumed training takes what it began with, whatever the file says by now.
  Json choices() const;
  void adopt(const Json& choices, const std::string& origin);

 private:
  friend class KernelsByRule;
  struct Chosen {
    ConvKernel kernel;
    bool used = false;
  };
  // Both false where the file cannot be written: then nothing is measured any more.
  bool measure_class(const ConvolutionShape& shape, ConvPass pass, const std::string& key);
  bool remember(const std::string& key, ConvKernel kernel, const std::map<ConvKernel, double>& seconds);
  Json read() const;  // the file's machines; an empty object where it is damaged or missing

  mutable std::mutex mutex_;
  std::map<std::string, Chosen> chosen_;
  fs::path file_;
  std::string machine_;
  TimeKernel time_;
  double measuring_seconds_ = 0;
  int by_rule_ = 0;
};

KernelChoice& kernel_choice();  // of the process

// From now on kernel_choice() measures on this machine and remembers in kernels.json of `directory`, which is made with
// the first choice; an empty path (no home) stays with the rule. For programs, as they begin.
void remember_kernels(const fs::path& directory);

// While it lives the rule decides and nothing is measured, where `on`.
class KernelsByRule {
 public:
  explicit KernelsByRule(bool on);
  ~KernelsByRule();
  KernelsByRule(const KernelsByRule&) = delete;
  KernelsByRule& operator=(const KernelsByRule&) = delete;

 private:
  bool on_;
};

}  // namespace triage::supernet
