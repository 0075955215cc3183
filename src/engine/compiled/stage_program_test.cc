#include "engine/compiled/stage_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/status.h"
#include "engine/testing/test_program.h"

namespace triage::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

StageProgram good_program() {
  const TempDir directory;
  write_file_atomic(directory / "kernels.so", "not loaded here");
  StageProgram program = TestProgram{}.program(directory / "kernels.so");
  program.features = {"sse2", "avx512_vnni"};
  return program;
}

// What is said of the good program after `change`.
template <class Change>
std::string program_refusal(Change change) {
  StageProgram program = good_program();
  change(program);
  return triage::error_of([&] { parse_program(program_bytes(program), "p"); });
}

TEST(StageProgram, SurvivesItsFile) {
  const TempDir directory;
  const StageProgram program = good_program();
  save_program(directory / "p", program);
  const StageProgram back = load_program(directory / "p");
  EXPECT_EQ(program_bytes(back), program_bytes(program));
  EXPECT_EQ(back.constants, program.constants);
  EXPECT_EQ(back.features, program.features);
  EXPECT_EQ(back.steps.size(), 4u);
  EXPECT_EQ(back.steps[2].arguments[0].dimensions[0].min, -1);
  EXPECT_EQ(back.maps[0].fill, 5);
  EXPECT_EQ(back.shape.input_dims, program.shape.input_dims);
  EXPECT_EQ(back.shape.input_size, 12);
}

TEST(StageProgram, IsNotWrittenWhenItCouldNotBeRead) {
  const TempDir directory;
  StageProgram program = good_program();
  program.steps[0].kernel = 3;
  EXPECT_THAT(triage::error_of([&] { save_program(directory / "p", program); }),
              HasSubstr("p: steps[0].kernel: expected a number from 0 to 2, found 3"));
  EXPECT_FALSE(fs::exists(directory / "p"));
}

TEST(StageProgram, DamageIsSeen) {
  const std::string bytes = program_bytes(good_program());
  const auto refused = [](const std::string& text) { return triage::error_of([&] { parse_program(text, "p"); }); };
  EXPECT_EQ(refused(bytes), "no error");
  EXPECT_THAT(refused(""), HasSubstr("p: expected a stage program"));
  EXPECT_THAT(refused(std::string(kProgramMagic)), HasSubstr("p: found 21 bytes, expected at least 93"));
  for (const std::size_t at : {std::size_t{25}, bytes.size() / 2, bytes.size() - 70, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[at] ^= 1;
    EXPECT_THAT(refused(damaged), HasSubstr("p: checksum: expected ")) << at;
  }
  EXPECT_THAT(refused(bytes.substr(0, bytes.size() - 1)), HasSubstr("checksum"));
  std::string longer(kProgramMagic);
  longer += std::string(7, '\0') + '\1';
  EXPECT_THAT(refused(longer + sha256_hex(longer)), HasSubstr("p: header: found 72057594037927936 bytes"));
}

TEST(StageProgram, OtherVersionsAreToBeCompiledAgain) {
  for (const int version : {1, 3}) {
    const std::string bytes = program_bytes_of_version(good_program(), version);
    try {
      parse_program(bytes, "p");
      FAIL() << version;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code, ErrorCode::unsupported);
      EXPECT_EQ(failure.what(),
                std::format("p: version: expected 2, found {}: compile the plan again (triage compile)", version));
    }
  }
}

TEST(StageProgram, ViewsOutsideTheirMemoryAreRefused) {
  const auto view = [](std::size_t step, std::size_t argument, const auto& change) {
    return program_refusal([&](StageProgram& p) { change(p.steps[step].arguments[argument]); });
  };
  EXPECT_EQ(program_refusal([](StageProgram&) {}), "no error");
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions[0].extent = 13; }),
              HasSubstr("p: steps[0].arguments[0]: found a view that ends at byte 52, expected one inside the 48 bytes "
                        "of 'input'"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions[0].stride = 2; }), HasSubstr("ends at byte 92"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.offset = 4; }), HasSubstr("ends at byte 52"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.offset = 2; }), HasSubstr("offset: expected a multiple of 4, found 2"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.offset = SIZE_MAX - 3; }), HasSubstr("offset: expected a number from 0"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions.assign(8, {0, 1 << 28, 1 << 28}); }), HasSubstr("ends at byte"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions.assign(9, {0, 1, 1}); }), HasSubstr("1 to 8 dimensions"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions.clear(); }), HasSubstr("1 to 8 dimensions"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions[0].stride = -1; }), HasSubstr("expected a stride from 0"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions[0].extent = 0; }), HasSubstr("expected an extent from 1"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.dimensions[0].min = INT32_MIN; }), HasSubstr("expected a min"));
  EXPECT_THAT(view(0, 0, [](View& v) { v.type = ElementType::u8; }), HasSubstr("expected f32, as every input"));
  EXPECT_THAT(view(0, 2, [](View& v) { v.type = ElementType::i32; }), HasSubstr("expected the map's type f32"));
  EXPECT_THAT(view(0, 2, [](View& v) { v.map = 1; }), HasSubstr("map: expected a number from 0 to 0, found 1"));
  EXPECT_THAT(view(0, 1, [](View& v) { v.offset = 52; }), HasSubstr("inside the 52 bytes of 'constants'"));
}

TEST(StageProgram, StepsThatCannotBeRunAreRefused) {
  const auto step = [](const auto& change) { return program_refusal([&](StageProgram& p) { change(p.steps[0]); }); };
  EXPECT_THAT(step([](Step& s) { s.kernel = -1; }), HasSubstr("steps[0].kernel: expected a number from 0 to 2"));
  EXPECT_THAT(step([](Step& s) { s.split = 1; }), HasSubstr("split: expected a number from 0 to 0, found 1"));
  EXPECT_THAT(step([](Step& s) { s.split_unit = 0; }), HasSubstr("split_unit: expected a number from 1"));
  EXPECT_THAT(step([](Step& s) { s.arguments.clear(); }), HasSubstr("expected 1 to 16 views"));
  EXPECT_THAT(step([](Step& s) { s.arguments.pop_back(); }), HasSubstr("expected a map or an output"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.steps.clear(); }), HasSubstr("expected 1 to 65536 steps"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.steps.pop_back(); }),
              HasSubstr("output 'logits': found 0 elements written, expected 12"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.shape.carry_size = 13; }),
              HasSubstr("output 'carry': found 12 elements written, expected 13"));
}

TEST(StageProgram, NamesAndSizesAreHeld) {
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.library = "../kernels.so"; }), HasSubstr("p: library: expected"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.library = "a/kernels.so"; }), HasSubstr("a plain file name"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.library = ""; }), HasSubstr("a plain file name"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.library_sha256 = "12"; }), HasSubstr("64 hexadecimal digits"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.kernels[0] = "a-b"; }),
              AllOf(HasSubstr("kernels[0]: expected letters"), HasSubstr("found \"a-b\"")));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.kernels.clear(); }), HasSubstr("at least one kernel"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.features = {""}; }), HasSubstr("features[0]"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.architecture = "x 86"; }), HasSubstr("architecture"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.shape.input_name = "carry"; }), HasSubstr("'image' or"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.shape.input_dims = {1 << 15, 1 << 15}; }),
              HasSubstr("sizes whose product is 1 to 268435456"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.maps[0].elements = 1 << 27; }),
              HasSubstr("expected at most 268435456"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.maps[0].elements = 0; }), HasSubstr("maps[0].elements"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.maps.push_back({1, ElementType::u8, 256}); }),
              HasSubstr("maps[1].fill: expected a value of type u8, found 256"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.maps.push_back({1, ElementType::i8, 0.5}); }),
              HasSubstr("maps[1].fill: expected a value of type i8"));
  EXPECT_THAT(program_refusal([](StageProgram& p) { p.maps[0].fill = 1e300; }), HasSubstr("maps[0].fill"));
}

}  // namespace
}  // namespace triage::engine
