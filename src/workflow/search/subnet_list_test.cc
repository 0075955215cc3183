#include "workflow/search/subnet_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

const family::AnySpace kAnySpace = family::AnySpace::parse("8:32:8,16:32:8");
const family::Space& kSpace = *kAnySpace;

std::vector<std::string> texts(const std::vector<family::ArchSpec>& subnets) {
  std::vector<std::string> all;
  for (const family::ArchSpec& subnet : subnets) all.push_back(subnet.text());
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

TEST(SubnetList, SpacesOfOtherFamiliesHaveTheirTexts) {
  const TempDir directory;
  write_file_atomic(directory / "list", "residual:4-8-8/2  # a comment\nsmallest\n");
  const SubnetList list{.archs = {"largest"}, .list = (directory / "list").string(), .random = 1};
  const family::AnySpace space = family::AnySpace::parse("residual:4-4:8:4-8x1,x1?/2");
  EXPECT_THAT(texts(list.subnets(*space)),
              testing::ElementsAre("residual:4-8-8x2/2", "residual:4-8-8/2", "residual:4-4-8/2", "residual:4-4-8x2/2"));
  EXPECT_THAT(error_of([&] { subnet_of(*space, "4-8"); }), HasSubstr("'4-8'"));
}

TEST(SubnetList, NoneIsAUsageError) { EXPECT_THROW(SubnetList{}.subnets(kSpace), UsageError); }

}  // namespace
}  // namespace triage::workflow
