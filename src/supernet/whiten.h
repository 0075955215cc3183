// Patch whitening: the eigenvectors of the covariance of 2x2 image patches.
#pragma once

#include <torch/types.h>

#include <vector>

namespace triage::supernet {

inline constexpr int kWhitenedSide = 3;  // of the smallest image that filters can be made for

struct SymmetricEigen {
  std::vector<double> values;                // descending
  std::vector<std::vector<double>> vectors;  // vectors[i] belongs to values[i], length 1
};
// Cyclic Jacobi rotations (Golub, Van Loan, 8.5): exact to rounding, and the same on every machine and thread count.
// matrix: [n][n], symmetric.
SymmetricEigen symmetric_eigen(std::vector<std::vector<double>> matrix);

// Filters [2 * k, C, 3, 3] fp32, zero outside their lower right 2x2: the top k eigenvectors of the covariance (not
// centred, as in Jordan 2024) of the 2x2 patches that such filters see inside `images` ([N,C,H,W]), each over
// sqrt(eigenvalue + epsilon) and followed by its negative, so that a narrower layer's first channels are pairs too. k =
// min(pairs, 4 * C): 12 pairs keep all of a colour patch, where the top 12 of the 27 directions of a 3x3 patch would
// drop fine detail. Throws Error for images smaller than 3x3 or none.
at::Tensor whitening_filters(const at::Tensor& images, int pairs, double epsilon);

}  // namespace triage::supernet
