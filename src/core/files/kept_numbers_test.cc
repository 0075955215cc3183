#include "core/files/kept_numbers.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/test_support.h"

namespace triage {
namespace {

TEST(KeptNumbers, AreFoundOnce) {
  const TempDir directory;
  const fs::path file = directory / "x.part";
  const KeptNumbers::Numbers numbers{1.0 / 3, -0.0, 1e300, std::numeric_limits<double>::infinity()};
  int found = 0;
  const auto find = [&] {
    ++found;
    return numbers;
  };
  for (int start = 0; start < 3; ++start) {
    KeptNumbers kept(file, "net a");
    EXPECT_EQ(kept.get("first", find), numbers);
    EXPECT_EQ(kept.get("first", find), numbers);
    EXPECT_EQ(kept.get("none", [] { return KeptNumbers::Numbers{}; }), KeptNumbers::Numbers{});
  }
  EXPECT_EQ(found, 1);
  KeptNumbers(file, "net b").get("first", find);
  EXPECT_EQ(found, 2);
}

TEST(KeptNumbers, WhatWasCutOffIsFoundAgain) {
  const TempDir directory;
  const fs::path file = directory / "x.part";
  {
    KeptNumbers kept(file, "net");
    kept.get("a", [] { return KeptNumbers::Numbers{12}; });
    kept.get("b", [] { return KeptNumbers::Numbers{345}; });
  }
  const std::string whole = read_file(file);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    write_file_atomic(file, whole.substr(0, bytes));
    KeptNumbers kept(file, "net");
    for (const auto& [key, value] : {std::pair("a", 12.0), std::pair("b", 345.0)}) {
      EXPECT_EQ(kept.get(key, [value] { return KeptNumbers::Numbers{value}; }), KeptNumbers::Numbers{value}) << bytes;
    }
    EXPECT_EQ(read_file(file), whole) << bytes;
  }
  write_file_atomic(file, std::string(whole).replace(whole.find(" 12"), 3, " 13"));
  EXPECT_EQ(KeptNumbers(file, "net").get("a", [] { return KeptNumbers::Numbers{12}; }), KeptNumbers::Numbers{12});
}

}  // namespace
}  // namespace triage
