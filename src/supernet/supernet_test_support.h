// What tests of layers and of networks share.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <string>

namespace triage::supernet {

inline constexpr double kEpsilon = 1e-5;

inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return (x - y).norm().item<double>() / (y.norm().item<double>() + 1e-2);
}

inline void expect_close(const at::Tensor& found, const at::Tensor& expected, double tolerance,
                         const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const at::Tensor x = found.detach().to(at::kDouble), y = expected.detach().to(at::kDouble);
  EXPECT_LE((x - y).abs().max().item<double>(), tolerance * std::max(1.0, y.abs().max().item<double>())) << what;
}

inline at::Tensor images(int n, int c, int h, int w, at::ScalarType type = at::kFloat) {
  return at::randn({n, c, h, w}).to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace triage::supernet
