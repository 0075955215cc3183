#include "family/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/test_support.h"
#include "plan/space.h"

namespace triage::family {
namespace {

using testing::HasSubstr;

// One space of each family with every kind of number, and what it holds.
constexpr const char* kSpaces[] = {
    "16:24:8-16:64:8,16:64:8?-48:192:16",
    "residual:8:16:4-16:32:8m8:32:8s4,m16:32:8x2?-32:64:16,x2?/2",
    "residual:16k5/4-64b16:32:16,b16:64:16x2?-128b32h/2@64:128:32",
    "mbconv:8:16:8h/2-16e1-16:24:8k3:7:2e3:6:1s4,k3:5:2e2:6:2hx3?/2-32m48:96:16-c64:96:32h-f128h@96:128:32",
};

TEST(ArchSpec, TextsWithoutPrefixArePlain) {
  const ArchSpec plain = ArchSpec::parse("24-64,64-192,192-256,256");
  EXPECT_EQ(plain.family, "plain");
  EXPECT_EQ(plain.text(), "24-64,64-192,192-256,256");
  EXPECT_EQ(ArchSpec::parse("plain:24-64"), ArchSpec::parse("24-64"));
  EXPECT_EQ(ArchSpec::parse("mbconv:16-16e1").text(), "mbconv:16-16e1");
  EXPECT_EQ(error_of([] { ArchSpec::parse("transformer:12"); }),
            "family: expected one of plain, residual, mbconv, found 'transformer'");
}

TEST(ArchSpec, CanonicalTexts) {
  for (const auto& [text, canonical] : std::initializer_list<std::pair<const char*, const char*>>{
           {"residual:16-16,x1,x1-32x1/2", "residual:16-16x3-32/2"},
           {"residual:16k3/1-16x2", "residual:16-16x2"},
           {"residual:16-16m8,m8,m16", "residual:16-16m8x2,m16"},
           {"residual:16-16m8,x2", "residual:16-16m8,x2"},
           {"mbconv:16-16k3e4:4:1", "mbconv:16-16e4"},
           {"mbconv:32/2-24k5e6s4hx2/2-c1280h-f1024h@224", "mbconv:32/2-24k5e6s4hx2/2-c1280h-f1024h@224"}}) {
    EXPECT_EQ(ArchSpec::parse(text).text(), canonical);
    EXPECT_EQ(ArchSpec::parse(canonical).text(), canonical);
  }
}

TEST(ArchSpec, ErrorsNameThePlaceFoundAndExpected) {
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"residual:", "at byte 0: expected the stem's width from 1 to 4096, found the end"},
           {"residual:16", "at byte 2: expected '-' and a section, found the end"},
           {"residual:16-", "at byte 3: expected a section's width from 1 to 4096, found the end"},
           {"residual:16-16e6", "at byte 5: expected a block as the family has it, found 'e6'"},
           {"residual:16-016", "at byte 3: expected a section's width from 1 to 4096, found '016'"},
           {"residual:16-16,", "at byte 6: expected a block, found the end"},
           {"residual:16-16/3", "at byte 6: expected a stride from 1 to 2, found '3'"},
           {"residual:16/3-16", "at byte 3: expected a stride of the stem that the family has, found '3-16'"},
           {"residual:16-16k4", "at byte 6: expected kernels of 3, 5 and 7, found '4'"},
           {"residual:16-16x300", "at byte 6: expected a count of blocks from 1 to 256, found '300'"},
           {"residual:16-16x200-16x57", "expected at most 256 blocks"},
           {"residual:16-16-c96", "at byte 6: expected a section's width from 1 to 4096, found 'c96'"},
           {"mbconv:16-16", "at byte 5: expected eRATIO or mMIDDLE, found the end"},
           {"mbconv:16-16b8", "at byte 5: expected a block as the family has it, found 'b8'"},
           {"mbconv:16-16e17", "at byte 6: expected a ratio from 1 to 16, found '17'"},
           {"mbconv:16-16e2-f64-c64", "at byte 12: expected a tail, '@SIDE' or the end, found 'c64'"},
           {"mbconv:16-16e2@5000", "at byte 8: expected a side in pixels from 1 to 4096, found '5000'"},
           {"mbconv:16-16e2 ", "at byte 7: expected ',', '-', '/', '@' or the end, found ' '"},
           {"mbconv:16-16e2:6:2", "expected one net, found ranges or optional blocks"}}) {
    EXPECT_THAT(error_of([&] { ArchSpec::parse(text); }), HasSubstr(expected)) << text;
  }
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"mbconv:16-16e1:6:1", "expected a ratio of 1 alone (no expansion) or from 2 on"},
           {"residual:16-16:24", "expected ':' and the step of LOW:HIGH:STEP"},
           {"residual:16-24:16:8", "expected LOW:HIGH:STEP with HIGH as LOW and a number of STEPs, found '24:16:8'"},
           {"residual:16-16?", "expected a first block of a section that is not optional"},
           {"residual:16-16m8,m8?,m8", "expected an optional block behind an optional one"}}) {
    EXPECT_THAT(error_of([&] { parse_space(text); }), HasSubstr(expected)) << text;
  }
}

TEST(Space, TextAndBack) {
  for (const char* text : kSpaces) EXPECT_EQ(parse_space(text)->text(), text);
}

TEST(Space, EndsAndNumberOfSubnets) {
  const auto residual = parse_space(kSpaces[1]);
  EXPECT_EQ(residual->largest().text(), "residual:16-32m32s4,m32x2-64x3/2");
  EXPECT_EQ(residual->smallest().text(), "residual:8-16m8s4-32/2");
  EXPECT_EQ(residual->sections(), 2U);
  // Stem 3; section 0: width 3, its middle 4, and 0 to 2 blocks of 3 each; section 1: width 3, depth 3.
  EXPECT_EQ(residual->subnets(), 3.0 * (3 * 4 * (1 + 3 + 9)) * (3 * 3));
  const auto mbconv = parse_space(kSpaces[3]);
  EXPECT_EQ(mbconv->largest().text(), "mbconv:16h/2-16e1-24k7e6s4,k5e6hx3/2-32m96-c96h-f128h@128");
  EXPECT_EQ(mbconv->smallest().text(), "mbconv:8h/2-16e1-16e3s4/2-32m48-c64h-f128h@96");
}

TEST(Space, SubnetsAreInsideAndTextsComeBack) {
  for (const char* text : kSpaces) {
    const auto space = parse_space(text);
    Rng rng(7);
    ArchSpec walked = space->sample(rng);
    for (int i = 0; i < 200; ++i) {
      for (const ArchSpec& arch : {space->sample(rng), space->sample_sized(rng), walked}) {
        EXPECT_EQ(ArchSpec::parse(arch.text()), arch);
        EXPECT_NO_THROW(space->check(arch));
        const std::size_t cut = 1 + rng.below(static_cast<std::uint32_t>(space->sections()));
        const ArchSpec begin = prefix(arch, cut);
        EXPECT_EQ(sections(begin), cut);
        EXPECT_NO_THROW(space->check(space->complete(begin)));
        EXPECT_EQ(prefix(space->complete(begin), cut), begin);
        EXPECT_EQ(sections(space->step(begin, rng)), cut);
      }
      walked = space->step(walked, rng);
    }
  }
}

TEST(Space, CornersHaveEveryLayerAtItsLargest) {
  for (const char* text : {kSpaces[0], kSpaces[1], kSpaces[2], kSpaces[3], "residual:32-16:32:8m8-32m8"}) {
    const auto space = parse_space(text);
    std::map<std::string, std::vector<std::int64_t>> largest;
    const auto weights = [](const ArchSpec& arch, const auto& see) {
      for (const Layer& layer : blueprint(arch, {3, 32, 32}, 4).layers)
        for (const WeightSpec& spec : weights_of(layer)) see(spec);
    };
    for (const ArchSpec& corner : space->corners()) {
      space->check(corner);
      weights(corner, [&](const WeightSpec& spec) {
        std::vector<std::int64_t>& dims = largest.try_emplace(spec.name, spec.dims.size()).first->second;
        for (std::size_t d = 0; d < dims.size(); ++d) dims[d] = std::max(dims[d], spec.dims[d]);
      });
    }
    Rng rng(3);
    for (int i = 0; i < 100; ++i) {
      weights(space->sample(rng), [&](const WeightSpec& spec) {
        ASSERT_TRUE(largest.contains(spec.name)) << text << " " << spec.name;
        for (std::size_t d = 0; d < spec.dims.size(); ++d)
          EXPECT_LE(spec.dims[d], largest.at(spec.name)[d]) << text << " " << spec.name;
      });
    }
  }
}

TEST(Space, StepsReachBothEnds) {
  for (const char* text : {"residual:8-8:16:8x1,x1?", "mbconv:8-8k3:5:2e2:3:1"}) {
    const auto space = parse_space(text);
    Rng rng(1);
    std::set<std::string> seen;
    ArchSpec at = space->smallest();
    for (int i = 0; i < 200; ++i) seen.insert((at = space->step(at, rng)).text());
    EXPECT_EQ(static_cast<double>(seen.size()), space->subnets()) << text;
  }
}

TEST(Space, CheckNamesThePlace) {
  for (const auto& [arch, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"residual:9-16m8s4-32/2", "stem: expected 8 to 16 by 4, found 9"},
           {"residual:8-16m8s4", "sections: expected 2, found 1"},
           {"residual:8-16m8s4x4-32/2", "section 0: expected 1 to 3 blocks, found 4"},
           {"residual:8-16m9s4-32/2", "section 0 block 0: middle: expected 8 to 32 by 8, found 9"},
           {"residual:8-16m8-32/2", "blocks: expected '8-16m8s4-32/2', found '8-16m8-32/2'"},
           {"residual:8-16m8s4-32", "blocks: expected '8-16m8s4-32/2', found '8-16m8s4-32'"},
           {"16-16", "expected one of the family residual, found plain"}}) {
    EXPECT_THAT(error_of([&] { parse_space(kSpaces[1])->check(ArchSpec::parse(arch)); }), HasSubstr(expected)) << arch;
  }
}

TEST(Space, PlainIsTheSearchSpaceOfPlan) {
  const plan::SearchSpace old = plan::SearchSpace::parse(kSpaces[0]);
  const auto space = parse_space(kSpaces[0]);
  Rng a(5), b(5);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(space->sample(a).text(), old.sample(b).text());
    const plan::ArchSpec sized = old.sample_sized(b);
    EXPECT_EQ(space->sample_sized(a).text(), sized.text());
    EXPECT_EQ(space->step(ArchSpec::parse(sized.text()), a).text(), old.step(sized, b).text());
  }
  const auto mine = space->sample_distinct(20, 3);
  const auto theirs = old.sample_distinct(20, 3);
  ASSERT_EQ(mine.size(), theirs.size());
  for (std::size_t i = 0; i < mine.size(); ++i) EXPECT_EQ(mine[i].text(), theirs[i].text());
}

TEST(Blueprint, SizesFollowStrides) {
  const Blueprint net = blueprint(ArchSpec::parse("residual:8/4-8x2-16b4/2"), {3, 33, 33}, 5);
  ASSERT_EQ(net.section_ends.size(), 2U);
  // 33 -> 17 by the convolution, 9 by the pool, 5 by the second section.
  EXPECT_EQ(net.layers[0].height, 17);
  EXPECT_EQ(net.layers[1].height, 9);
  EXPECT_EQ(net.layers[static_cast<std::size_t>(net.section_ends[1])].width, 5);
  EXPECT_EQ(net.layers.back().out_channels, 5);
  std::set<std::string> names;
  for (const Layer& layer : net.layers) EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
}

TEST(Blueprint, ANetMayHaveItsOwnResolution) {
  const Blueprint net = blueprint(ArchSpec::parse("mbconv:8/2-8e1@96"), {3, 160, 120}, 2);
  EXPECT_EQ(net.input, (plan::InputShape{3, 96, 96}));
  EXPECT_EQ(net.layers[0].height, 48);
}

TEST(Blueprint, ErrorsOfSizes) {
  EXPECT_THAT(error_of([] { blueprint(ArchSpec::parse("residual:8-8"), {3, 0, 0}, 2); }), HasSubstr("input shape"));
  EXPECT_THAT(error_of([] { blueprint(ArchSpec::parse("residual:8-8"), {3, 8, 8}, 0); }), HasSubstr("classes"));
  EXPECT_THAT(error_of([] { blueprint(ArchSpec::parse("mbconv:8-1024e2-8e16"), {3, 8, 8}, 2); }),
              HasSubstr("section1.block0: expected at most 4096 channels, found 16384"));
}

}  // namespace
}  // namespace triage::family
