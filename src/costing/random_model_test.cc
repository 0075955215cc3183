#include "costing/random_model.h"

#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"
#include "family/any_space.h"
#include "family/plain/plain.h"
#include "model/counts.h"
#include "model/onnx/read.h"

namespace triage::costing {
namespace {

// The formulas for architectures against the counts of their graphs, of random parts of random nets. A
// single number is no weight for those: layers have 2 channels or more.
TEST(RandomModel, FormulasAndGraphsCountTheSame) {
  const std::vector<family::AnySpace> spaces{
      family::AnySpace::parse("residual:2:8:2/4-4:8:2s2,b2?-8:16:4k3:5:2,x2?/2"),
      family::AnySpace::parse("mbconv:2:8:2h/2-4e1-8:16:4k3:7:2e2:4:1s2h,e2?/2-c24h-f16h")};
  Rng rng(1);
  const auto from = [&](int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); };
  for (int round = 0; round < 60; ++round) {
    const plan::InputShape input{from(1, 4), from(8, 20), from(8, 20)};
    cost::Segment segment;
    if (round % 2 == 0) {
      plan::ArchSpec plain;
      plain.blocks.resize(static_cast<std::size_t>(from(1, 4)));
      for (auto& block : plain.blocks)
        for (int layer = from(1, 3); layer > 0; --layer) block.push_back(from(2, 24));
      segment.arch = family::plain_spec(plain);
    } else {
      segment.arch = spaces[static_cast<std::size_t>(round / 2) % spaces.size()]->sample(rng);
    }
    if (rng.below(2) == 0) segment.precision = plan::Precision::int8;
    const int sections = static_cast<int>(family::sections(segment.arch));
    segment.first_section = from(0, sections - 1);
    segment.last_section = from(segment.first_section + 1, sections);
    segment.carry = rng.below(2) == 0;
    const int classes = from(2, 12);

    const cost::StageSize size = cost::stage_size(segment, input, classes);
    const model::Counts counts =
        model::count(model::parse_onnx(random_stage_onnx(segment, input, classes, 1), segment.text()));
    EXPECT_EQ(counts.macs, size.macs) << segment.text();
    EXPECT_EQ(counts.parameters, size.parameters) << segment.text();
    EXPECT_EQ(counts.weight_bytes, size.weight_bytes) << segment.text();
    EXPECT_TRUE(counts.not_counted.empty()) << segment.text();
  }
}

}  // namespace
}  // namespace triage::costing
