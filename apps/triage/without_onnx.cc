// In place of arch_net.cc in a program that was built without ONNX.
#include "apps/triage/arch_net.h"
#include "core/error.h"

namespace triage::cli {

Json describe_net(const family::ArchSpec& arch, const plan::InputShape&, int) {
  fail("{}: this program knows the plain family alone: it was built without ONNX, with the preset cuda", arch.text());
}

void write_random_net(const family::ArchSpec&, const plan::InputShape&, int, std::uint64_t, const std::string& file) {
  fail("{}: this program was built without ONNX, with the preset cuda", file);
}

}  // namespace triage::cli
