#include "supernet/any_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "supernet/modules/elastic_network.h"
#include "supernet/network.h"

namespace triage::supernet {
namespace {

using testing::HasSubstr;

constexpr plan::InputShape kFamilyInput{3, 12, 12};
constexpr const char* kFamilySpaces[] = {"8:12:4-12,12?", "residual:8:12:4-8:12:4x1,x1?-12/2",
                                         "mbconv:8-8:12:4e2:3:1,e2?-12e2s4/2", "residual:8-8:12:4x1,x1?-12/2@8:16:4"};

AnyNetwork network_of(const std::string& text) {
  const auto space = family::AnySpace::parse(text);
  if (space.is_plain())
    return std::make_shared<NetworkImpl>(space.plain(), kFamilyInput, 3, NetworkOptions{.bf16 = false, .exits = {0}},
                                         1);
  return std::make_shared<ElasticNetworkImpl>(text, kFamilyInput, 3, ElasticOptions{.bf16 = false, .exits = {0}}, 1);
}

at::Tensor some_images() { return at::randn({4, 3, 12, 12}).contiguous(at::MemoryFormat::ChannelsLast); }

class AnyNetworks : public testing::TestWithParam<const char*> {};

TEST_P(AnyNetworks, SayWhatTheyAre) {
  const AnyNetwork network = network_of(GetParam());
  EXPECT_EQ(network->any_space(), family::AnySpace::parse(GetParam()));
  EXPECT_EQ(network->input(), kFamilyInput);
  const bool of_its_own = std::string_view(GetParam()).ends_with("@8:16:4");
  EXPECT_EQ(network->seen(), of_its_own ? (plan::InputShape{3, 16, 16}) : kFamilyInput);
  const AnyNetwork smallest = network->cut(network->any_space()->smallest());
  EXPECT_EQ(smallest->input(), kFamilyInput);
  EXPECT_EQ(smallest->seen(), of_its_own ? (plan::InputShape{3, 8, 8}) : kFamilyInput);
  EXPECT_EQ(network->classes(), 3);
  EXPECT_FALSE(network->bf16());
  EXPECT_EQ(network->exits(), std::vector<int>{0});
  EXPECT_EQ(network->device(), at::kCPU);
}

TEST_P(AnyNetworks, ACopyAnswersTheSameAndIsOfItsOwn) {
  torch::manual_seed(1);
  const at::NoGradGuard no_grad;
  const AnyNetwork network = network_of(GetParam()), copy = network->copy(false);
  EXPECT_TRUE(network->copy(true)->bf16());
  const at::Tensor x = some_images();
  for (const AnyNetwork& one : {network, copy}) one->eval();
  const at::Tensor expected = network->forward(x).logits;
  EXPECT_TRUE(at::equal(copy->forward(x).logits, expected));
  for (const NamedTensor& t : copy->state()) at::Tensor(t.tensor).zero_();
  EXPECT_TRUE(at::equal(network->forward(x).logits, expected));
}

TEST_P(AnyNetworks, ACutSubnetIsTheSlice) {
  torch::manual_seed(2);
  const AnyNetwork network = network_of(GetParam());
  const family::ArchSpec smallest = network->any_space()->smallest();
  const AnyNetwork alone = network->cut(smallest);
  EXPECT_EQ(alone->any_space()->largest(), smallest);
  const at::Tensor x = some_images();
  EXPECT_TRUE(at::allclose(network->forward(x, smallest).logits, alone->forward(x).logits, 1e-4, 1e-5));
}

// Of one share of a batch that is computed in parts.
TEST_P(AnyNetworks, KeepStatisticsOnlyWhereTheyAreTold) {
  torch::manual_seed(3);
  const at::NoGradGuard no_grad;
  const AnyNetwork network = network_of(GetParam());
  const NamedTensors before = clone_state(network->state());
  const auto same = [&] {
    const NamedTensors now = network->state();
    bool all = true;
    for (std::size_t i = 0; i < now.size(); ++i) all = all && at::equal(now[i].tensor, before[i].tensor);
    return all;
  };
  network->keep_statistics(false);
  network->forward(some_images());
  EXPECT_TRUE(same());
  network->keep_statistics(true);
  network->forward(some_images());
  EXPECT_FALSE(same());
}

INSTANTIATE_TEST_SUITE_P(Families, AnyNetworks, testing::ValuesIn(kFamilySpaces));

TEST(AnyNetwork, IsOneClassOrTheOther) {
  const AnyNetwork plain = network_of(kFamilySpaces[0]), other = network_of(kFamilySpaces[1]);
  EXPECT_EQ(plain_network(plain).ptr(), plain);
  EXPECT_EQ(elastic_network(other).ptr(), other);
  EXPECT_THAT(error_of([] { plain_network(network_of(kFamilySpaces[1])); }),
              HasSubstr("expected one of the family plain"));
  EXPECT_THAT(error_of([] { elastic_network(network_of(kFamilySpaces[0])); }),
              HasSubstr("expected one of another family"));
}

}  // namespace
}  // namespace triage::supernet
