#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::AllOf;
using testing::HasSubstr;

JsonReader reader_of(const Json& json) { return {json, "plan.json"}; }

TEST(Json, SyntaxErrorsNameFileAndPlace) {
  EXPECT_THAT(error_of([] { parse_json("{\n  \"a\": ]", "x.json"); }),
              AllOf(HasSubstr("x.json: not valid JSON"), HasSubstr("line 2")));
  EXPECT_THAT(error_of([] { parse_json("", "x.json"); }), HasSubstr("x.json"));
  EXPECT_THAT(error_of([] { parse_json("[1e999]", "x.json"); }), HasSubstr("x.json"));
  EXPECT_THAT(error_of([] { parse_json("\"\xff\"", "x.json"); }), HasSubstr("x.json"));
}

TEST(Json, DeepNestingIsRefusedAndDoesNotExhaustTheStack) {
  EXPECT_THAT(error_of([] { parse_json(std::string(1'000'000, '['), "x.json"); }), HasSubstr("128 levels"));
  EXPECT_NO_THROW(parse_json(std::string(128, '[') + std::string(128, ']'), "x.json"));
  const std::string brackets_in_text = "[\"\\\"" + std::string(500, '[') + "\"]";
  EXPECT_NO_THROW(parse_json(brackets_in_text, "x.json"));
}

TEST(Json, BytesThatAreNotUtf8BecomeEscapes) {
  EXPECT_EQ(valid_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(valid_utf8("\xff-\x80-\xc3"), "\\xff-\\x80-\\xc3");
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above 10ffff
  EXPECT_EQ(valid_utf8("\xe2\x82"), "\\xe2\\x82");                    // cut
  EXPECT_EQ(dump_json(Json{{"k\xff", {1, "v\xfe"}}}), R"({"k\\xff":[1,"v\\xfe"]})");
  EXPECT_EQ(dump_json(Json{{"a", "é"}}, 2), Json({{"a", "é"}}).dump(2));
  // Whatever is escaped is what the library takes for invalid.
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), '\x80', '\x80'};
      EXPECT_NO_THROW((void)Json(valid_utf8(text)).dump()) << first << " " << second;
      const bool unchanged = valid_utf8(text) == text;
      bool valid = true;
      try {
        (void)Json(text).dump();
      } catch (const Json::type_error&) {
        valid = false;
      }
      EXPECT_EQ(unchanged, valid) << first << " " << second;
    }
  }
}

TEST(JsonReader, NamesThePlaceTheExpectedAndTheFound) {
  const Json json = parse_json(R"({"stages": [{"arch": 7}]})", "plan.json");
  const JsonReader reader = reader_of(json);
  EXPECT_EQ(error_of([&] { reader.at("stages").at(0).get<std::string>("arch"); }),
            "plan.json: stages[0].arch: expected a string, found 7");
  EXPECT_EQ(error_of([&] { reader.at("stages").at(0).at("onnx"); }), "plan.json: stages[0]: field 'onnx' is missing");
  EXPECT_EQ(error_of([&] { reader.at("classes"); }), "plan.json: field 'classes' is missing");
  EXPECT_EQ(error_of([&] { reader.at("stages").at(1); }), "plan.json: stages: expected element 1, found 1 elements");
  EXPECT_EQ(error_of([&] { reader.size(); }), "plan.json: expected a list, found an object with 1 fields");
  EXPECT_EQ(error_of([&] { reader.at("stages").at("x"); }),
            "plan.json: stages: expected an object, found a list of 1 elements");
}

TEST(JsonReader, ConvertsNothingSilently) {
  const Json json = parse_json(
      R"({"big": 3000000000, "huge": 1e300, "half": 1.5, "minus": -1, "mixed": [1, 2.5], "text": "7", "ok": [1, 2]})",
      "plan.json");
  const JsonReader reader = reader_of(json);
  EXPECT_THROW(reader.get<int>("big"), Error);  // above 2^31 - 1
  EXPECT_EQ(reader.get<std::int64_t>("big"), 3'000'000'000);
  EXPECT_THROW(reader.get<float>("huge"), Error);  // infinite in single precision
  EXPECT_EQ(reader.get<double>("huge"), 1e300);
  EXPECT_THROW(reader.get<int>("half"), Error);
  EXPECT_THROW(reader.get<std::uint64_t>("minus"), Error);
  EXPECT_THROW(reader.get<std::vector<int>>("mixed"), Error);
  EXPECT_THROW(reader.get<double>("text"), Error);
  EXPECT_EQ(reader.get<std::vector<int>>("ok"), (std::vector<int>{1, 2}));
  EXPECT_EQ(reader.floats("mixed"), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(reader.get_or("absent", 4), 4);
  EXPECT_THROW(reader.get_or("half", 4), Error);
  EXPECT_EQ(reader.get_in("half", 0.0, 2.0), 1.5);
  EXPECT_THROW(reader.get_in("half", 0.0, 1.0), Error);
  EXPECT_THROW(reader.not_negative("minus"), Error);
}

TEST(JsonReader, MessagesStayShortAndPrintable) {
  const Json json = {{"name", std::string(5000, 'x')}, {"bad", "\xff\n"}};
  EXPECT_LT(error_of([&] { reader_of(json).get<int>("name"); }).size(), 200u);
  EXPECT_THAT(error_of([&] { reader_of(json).get<int>("bad"); }), HasSubstr("\\n"));
}

const Json kSealed =
    parse_json(R"({"version": 1, "name": "n", "thresholds": [0.5, 1.0, 2, 1e-7, -3, 0.1, 12345678901234567890],
                                    "inner": {"b": true, "a": null, "text": "\u00e4\n"}})",
               "sealed");

TEST(SealedJson, AnyOtherLayoutOfTheSameValuesIsTaken) {
  const TempDir directory;
  const fs::path file = directory / "a.json";
  write_sealed_json(file, kSealed);
  EXPECT_EQ(read_sealed_json(file), kSealed);
  const std::string sum = read_json(file).at("checksum");
  const auto read_as = [&](const std::string& text) {
    write_file_atomic(file, text);
    return read_sealed_json(file);
  };
  EXPECT_EQ(read_as(read_json(file).dump()), kSealed);
  // Keys in another order, numbers as other tools write them.
  EXPECT_EQ(read_as(R"({"checksum": ")" + sum +
                    R"(", "name": "n", "version": 1.0, "inner": {"a": null, "b": true, "text": "ä\n"},
                        "thresholds": [5e-1, 1, 2.0, 1.0E-7, -3.0, 0.10000000000000001, 12345678901234567890]})")
                ["name"],
            "n");
}

TEST(SealedJson, AnyOtherValueIsRefusedAndSaysWhatToDo) {
  const TempDir directory;
  const fs::path file = directory / "a.json";
  for (const char* change : {"/version", "/thresholds/3", "/inner/a", "/added", "/checksum"}) {
    write_sealed_json(file, kSealed);
    Json json = read_json(file);
    json[Json::json_pointer(change)] = 2;
    write_json(file, json);
    EXPECT_THAT(error_of([&] { read_sealed_json(file); }), HasSubstr("a.json: checksum: expected ")) << change;
  }
  Json json = read_json(file);
  json["checksum"] = std::string(64, '0');
  write_json(file, json);
  EXPECT_THAT(error_of([&] { read_sealed_json(file); }),
              HasSubstr(", found " + std::string(64, '0') +
                        ": the file is damaged or was edited. To keep what it says, remove the field 'checksum'"));
}

TEST(SealedJson, WithoutAChecksumThereIsOneWarning) {
  const TempDir directory;
  const fs::path file = directory / "old.json";
  write_json(file, kSealed);
  {
    const HeardWarnings heard;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(read_sealed_json(file), kSealed);
    EXPECT_THAT(heard.texts(), testing::ElementsAre(HasSubstr("old.json: has no checksum")));
  }
  EXPECT_EQ(read_sealed_json(file), kSealed);  // nobody listens
}

TEST(SealedJson, DamageIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "a.json";
  write_sealed_json(file, kSealed);
  const Damage found = damage(file, 400, [&] { return read_sealed_json(file).dump(); });
  EXPECT_THAT(found.taken, testing::IsEmpty());
  EXPECT_GT(found.refused, 300);  // the others are spaces
}

TEST(Json, FilesKeepTheOrderOfFields) {
  const TempDir directory;
  const fs::path file = directory / "a.json";
  write_json(file, {{"z", 1}, {"a", {1, 2}}});
  EXPECT_EQ(read_file(file), "{\n  \"z\": 1,\n  \"a\": [\n    1,\n    2\n  ]\n}\n");
  EXPECT_EQ(read_json(file).dump(), R"({"z":1,"a":[1,2]})");
  write_json(file, Json{{"caf\xe9", Json::array({"\xff\xc3\xa9"})}});  // names of files may hold any bytes
  EXPECT_EQ(read_json(file).dump(), R"({"caf\\xe9":["\\xffé"]})");
  EXPECT_THAT(error_of([&] { read_json(directory / "missing.json"); }), HasSubstr("missing.json"));
}

}  // namespace
}  // namespace triage
