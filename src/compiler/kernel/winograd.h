// The matrices of Winograd's minimal filtering F(m x m, 3 x 3) at the points 0, 1, -1 (and 2, -2 for m = 4), infinity:
// Y = A^T [(G g G^T) * (B^T d B)] A (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
#pragma once

#include <span>
#include <vector>

namespace triage::compiler {

struct WinogradMatrix {
  int rows = 0, columns = 0;
  std::vector<float> values;  // row-major
  std::span<const float> row(int index) const {
    return std::span(values).subspan(static_cast<std::size_t>(index) * columns, columns);
  }
};

struct Winograd {
  WinogradMatrix input, weight, output;  // B^T, G, A^T
};

const Winograd& winograd(int m);  // 2 or 4

}  // namespace triage::compiler
