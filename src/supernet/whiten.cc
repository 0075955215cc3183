#include "supernet/whiten.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace triage::supernet {
namespace {

using Matrix = std::vector<std::vector<double>>;

// The 2x2 patch is the lower right of a 3x3 filter: its element of channel row / 4.
constexpr int kPatch = 4;
int tap_row(int row) { return row % kPatch / 2 + 1; }
int tap_column(int row) { return row % 2 + 1; }

// Sums per block of images, combined in order: the same result for any number of threads.
Matrix patch_covariance(const at::Tensor& images) {
  constexpr int kBlock = 32;
  const at::Tensor pixels = images.to(at::kCPU, at::kFloat).contiguous();  // NCHW
  const int n = pixels.size(0), channels = pixels.size(1), height = pixels.size(2), width = pixels.size(3);
  if (n < 1 || height < kWhitenedSide || width < kWhitenedSide)
    fail("whitening: expected images of at least {0}x{0}, found {1} of {2}x{3}", kWhitenedSide, n, height, width);
  const int size = kPatch * channels, out_height = height - 2, out_width = width - 2, patches = out_height * out_width;
  const int blocks = (n + kBlock - 1) / kBlock;
  const float* const data = pixels.const_data_ptr<float>();
  std::vector<std::vector<double>> partial(blocks, std::vector<double>(size * size));
#pragma omp parallel for schedule(dynamic)
  for (int block = 0; block < blocks; ++block) {
    std::vector<float> rows(std::size_t(size) * patches);
    for (int image = block * kBlock; image < std::min(n, (block + 1) * kBlock); ++image) {
      for (int row = 0; row < size; ++row) {
        const float* plane = data + (std::size_t(image) * channels + row / kPatch) * height * width;
        for (int i = 0; i < out_height; ++i) {
          std::copy_n(plane + (i + tap_row(row)) * width + tap_column(row), out_width,
                      rows.data() + std::size_t(row) * patches + i * out_width);
        }
      }
      for (int a = 0; a < size; ++a) {
        const float* const left = rows.data() + std::size_t(a) * patches;
        for (int b = 0; b <= a; ++b) {
          const float* const right = rows.data() + std::size_t(b) * patches;
          float sum = 0;
#pragma omp simd reduction(+ : sum)
          for (int p = 0; p < patches; ++p) sum += left[p] * right[p];
          partial[block][a * size + b] += sum;
        }
      }
    }
  }
  Matrix covariance(size, std::vector<double>(size));
  for (int a = 0; a < size; ++a) {
    for (int b = 0; b <= a; ++b) {
      double sum = 0;
      for (const auto& part : partial) sum += part[a * size + b];
      covariance[a][b] = covariance[b][a] = sum / (double(n) * patches);
    }
  }
  return covariance;
}

}  // namespace

SymmetricEigen symmetric_eigen(Matrix a) {
  const int n = static_cast<int>(a.size());
  Matrix v(n, std::vector<double>(n));
  for (int i = 0; i < n; ++i) v[i][i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, diagonal = 0;
    for (int p = 0; p < n; ++p) {
      diagonal += a[p][p] * a[p][p];
      for (int q = p + 1; q < n; ++q) off += a[p][q] * a[p][q];
    }
    if (off <= 1e-30 * diagonal) break;
    for (int p = 0; p < n; ++p) {
      for (int q = p + 1; q < n; ++q) {
        if (a[p][q] == 0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (int k = 0; k < n; ++k) {
          const double kp = a[k][p], kq = a[k][q];
          a[k][p] = c * kp - s * kq;
          a[k][q] = s * kp + c * kq;
        }
        for (int k = 0; k < n; ++k) {
          const double pk = a[p][k], qk = a[q][k];
          a[p][k] = c * pk - s * qk;
          a[q][k] = s * pk + c * qk;
        }
        for (int k = 0; k < n; ++k) {
          const double kp = v[k][p], kq = v[k][q];
          v[k][p] = c * kp - s * kq;
          v[k][q] = s * kp + c * kq;
        }
      }
    }
  }
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int x, int y) { return a[x][x] > a[y][y]; });
  SymmetricEigen result;
  for (const int column : order) {
    result.values.push_back(a[column][column]);
    std::vector<double>& vector = result.vectors.emplace_back(n);
    for (int k = 0; k < n; ++k) vector[k] = v[k][column];
  }
  return result;
}

at::Tensor whitening_filters(const at::Tensor& images, int pairs, double epsilon) {
  const SymmetricEigen eigen = symmetric_eigen(patch_covariance(images));
  const int size = static_cast<int>(eigen.values.size()), count = std::min(pairs, size);
  const int channels = size / kPatch;
  at::Tensor filters = at::zeros({2 * count, channels, 3, 3}, at::kFloat);
  float* const f = filters.mutable_data_ptr<float>();
  for (int i = 0; i < count; ++i) {
    const double scale = 1 / std::sqrt(std::max(0.0, eigen.values[i]) + epsilon);
    for (int k = 0; k < size; ++k) {
      const int tap = 9 * (k / kPatch) + 3 * tap_row(k) + tap_column(k);
      f[9 * channels * 2 * i + tap] = static_cast<float>(eigen.vectors[i][k] * scale);
      f[9 * channels * (2 * i + 1) + tap] = -f[9 * channels * 2 * i + tap];
    }
  }
  return filters;
}

}  // namespace triage::supernet
