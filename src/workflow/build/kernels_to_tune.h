// Which kernels a tuning is about.
#pragma once

#include <vector>

#include "compiler/compile_stage.h"
#include "core/files/file.h"
#include "plan/space.h"

namespace triage::workflow {

// Of a plan directory's stages, of a supernet's run or zoo directory (every layer that its subnets have; in each of the
// precisions), or of one architecture on images of 3x32x32: each kernel once, in order.
std::vector<compiler::KernelKey> kernels_of_directory(const fs::path& directory,
                                                      const std::vector<plan::Precision>& precisions, int threads);
std::vector<compiler::KernelKey> kernels_of_arch(const plan::ArchSpec& arch,
                                                 const std::vector<plan::Precision>& precisions, int threads);

}  // namespace triage::workflow
