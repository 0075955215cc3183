#include "workflow/search/subnet_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

const plan::SearchSpace kSpace = plan::SearchSpace::parse("8:32:8,16:32:8");

std::vector<std::string> texts(const std::vector<plan::ArchSpec>& subnets) {
  std::vector<std::string> all;
  for (const plan::ArchSpec& subnet : subnets) all.push_back(subnet.text());
  return all;
}

TEST(SubnetList, TheEndsOfTheSpaceHaveNames) {
  EXPECT_EQ(subnet_of(kSpace, "largest"), kSpace.largest());
  EXPECT_EQ(subnet_of(kSpace, "smallest"), kSpace.smallest());
  EXPECT_EQ(subnet_of(kSpace, "16,24").text(), "16,24");
  EXPECT_THROW(subnet_of(kSpace, "16,40"), Error);
}

TEST(SubnetList, NamedOnesComeFirstAndEachOnce) {
  const TempDir directory;
  write_file_atomic(directory / "list", "8,16\n# none\n\n32,32  # the largest\r\n16,16\n");
  const SubnetList list{.archs = {"largest", "8,24"}, .list = (directory / "list").string()};
  EXPECT_THAT(texts(list.subnets(kSpace)), testing::ElementsAre("32,32", "8,24", "8,16", "16,16"));
}

TEST(SubnetList, AnErrorInAListHasItsLine) {
  const TempDir directory;
  write_file_atomic(directory / "list", "8,16\n8,9\n");
  const SubnetList list{.archs = {}, .list = (directory / "list").string()};
  EXPECT_THAT(error_of([&] { list.subnets(kSpace); }), HasSubstr((directory / "list").string() + ":2: "));
}

TEST(SubnetList, RandomOnesAreOthersAndTheSameForASeed) {
  const SubnetList list{.archs = {"largest", "smallest"}, .list = {}, .random = 6, .seed = 3};
  const std::vector<std::string> drawn = texts(list.subnets(kSpace));
  EXPECT_EQ(drawn.size(), 8u);
  EXPECT_EQ(std::set<std::string>(drawn.begin(), drawn.end()).size(), 8u);
  EXPECT_EQ(texts(list.subnets(kSpace)), drawn);
  SubnetList other = list;
  other.seed = 4;
  EXPECT_NE(texts(other.subnets(kSpace)), drawn);
}

TEST(SubnetList, MoreThanThereAreAreAll) {
  const SubnetList list{.archs = {}, .list = {}, .random = 1000};
  EXPECT_EQ(static_cast<double>(list.subnets(kSpace).size()), kSpace.subnets());
}

TEST(SubnetList, NoneIsAUsageError) { EXPECT_THROW(SubnetList{}.subnets(kSpace), UsageError); }

}  // namespace
}  // namespace triage::workflow
