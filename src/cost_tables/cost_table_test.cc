#include "cost_tables/cost_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/schema_test.h"
#include "core/test_support.h"

namespace triage::cost {
namespace {

using testing::HasSubstr;

CostKey row_of(const char* stage, int batch = 1) {
  return cost_key(stage, kUsualEngine, kUsualProvider, plan::Precision::fp32, 1, batch);
}

CostTable small_table() {
  CostTable table;
  table.machine = {{"cpu", "Model \"X\", rev 2"}, {"cores", 2}, {"flags", "avx2 fma"}};
  table.engine_version = "1.21";
  const double little[] = {50, 60, 70}, batch[] = {800, 800};
  table.entries.push_back({.key = row_of("little"), .latency_us = summarize(little), .load_ms = 2.5, .stable = true});
  table.entries.push_back({.key = row_of("little", 16), .latency_us = summarize(batch)});
  table.entries.front().behind = {{"big", 75.5}};
  table.energy_source = "rapl: CPU packages";
  table.entries.back().energy = {.gross_uj = 900.5,
                                 .net_uj = 700.25,
                                 .idle_watts = 4.5,
                                 .window_seconds = 6,
                                 .runs = 7500,
                                 .source = "rapl",
                                 .stable = true};
  return table;
}

TEST(CostTable, SurvivesItsFile) {
  const TempDir directory;
  const fs::path file = directory / "costs.json";
  save_cost_table(file, small_table());
  const CostTable table = load_cost_table(file);
  EXPECT_EQ(to_json(table).dump(), to_json(small_table()).dump());
  const CostSample* entry = table.find(row_of("little", 16));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->latency_us.mean, 800);
  EXPECT_FALSE(entry->stable);
  EXPECT_EQ(table.find(cost_key("little", kUsualEngine, kUsualProvider, plan::Precision::fp32, 2, 1)), nullptr);
}

TEST(CostTable, TheSchemaAgrees) {
  CostTable table = small_table();
  table.device = "pi5";
  table.states = {{{"rows", {"little"}}}};
  table.memory = {
      {.stage = "little", .weights_kb = 10, .activations_kb = 4, .empty_kb = 900, .loaded_kb = 30, .peak_kb = 50}};
  table.entries[1].unstable_because = "the frequency fell by 20 %";
  table.entries[1].nodes = {{.name = "block0.conv0", .us = 12.5}};
  expect_schema_agrees(TRIAGE_SCHEMAS "/costs.schema.json", to_json(table),
                       [](const Json& json) { cost_table_from_json(json, "costs.json"); }, {"machine", "states"});
}

TEST(CostTable, DamageIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "costs.json";
  save_cost_table(file, small_table());
  const Damage found = damage(file, 200, [&] { return to_json(load_cost_table(file)).dump(); });
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 100);
}

TEST(CostTable, TellsEnergyFromNone) {
  const Json json = to_json(small_table());
  EXPECT_TRUE(json["entries"][0]["energy"].is_null());
  const CostTable table = cost_table_from_json(json, "costs.json");
  EXPECT_EQ(table.entries[0].energy, std::nullopt);
  EXPECT_EQ(table.entries[1].energy, small_table().entries[1].energy);
  EXPECT_EQ(table.energy_source, "rapl: CPU packages");
}

TEST(CostTable, ReadsFilesFromBeforeEnergy) {
  Json json = to_json(small_table());
  json.erase("energy_source");
  for (Json& entry : json["entries"]) entry.erase("energy");
  const CostTable table = cost_table_from_json(json, "costs.json");
  EXPECT_EQ(table.entries[1].energy, std::nullopt);
  EXPECT_EQ(table.energy_source, "");
}

TEST(CostTable, RefusesByName) {
  const auto refusal = [](const char* pointer, const Json& value) {
    Json json = to_json(small_table());
    json[Json::json_pointer(pointer)] = value;
    return error_of([&] { cost_table_from_json(json, "costs.json"); });
  };
  EXPECT_EQ(refusal("/version", 9), "costs.json: version: expected 1, found 9");
  EXPECT_EQ(refusal("/machine", 9), "costs.json: machine: expected an object, found 9");
  EXPECT_EQ(refusal("/entries/0/threads", 0),
            "costs.json: entries[0].threads: expected a number from 1 to 4096, found 0");
  EXPECT_EQ(refusal("/entries/0/latency_us/mean", -1),
            "costs.json: entries[0].latency_us.mean: expected a number of 0 or more, found -1");
  EXPECT_EQ(refusal("/entries/0/stable", 1), "costs.json: entries[0].stable: expected true or false, found 1");
  EXPECT_EQ(refusal("/entries/1/energy/gross_uj", -1),
            "costs.json: entries[1].energy.gross_uj: expected a number of 0 or more, found -1");
  EXPECT_THAT(refusal("/entries/1/energy", "n/a"), HasSubstr("costs.json: entries[1].energy"));
  EXPECT_THAT(refusal("/energy_source", 1), HasSubstr("costs.json: energy_source: expected a string, found 1"));
  EXPECT_THAT(refusal("/entries/1/batch", 1), HasSubstr("found a second one for stage 'little', engine onnxruntime"));
}

TEST(CostTable, CarriesItsDeviceAndWhatTheDeviceDid) {
  CostTable table = small_table();
  EXPECT_FALSE(to_json(table).contains("device"));
  table.device = "pi5";
  table.states.push_back({{"before", Json::object()}, {"after", Json::object()}});
  table.entries[0].stable = false;
  table.entries[0].unstable_because = "it was throttled";
  const CostTable read = cost_table_from_json(to_json(table), "costs.json");
  EXPECT_EQ(read.device, "pi5");
  EXPECT_EQ(read.states, table.states);
  EXPECT_EQ(read.entries[0].unstable_because, "it was throttled");
  EXPECT_EQ(read.entries[1].unstable_because, "");
  table.entries[0].stable = true;
  EXPECT_EQ(error_of([&] { cost_table_from_json(to_json(table), "costs.json"); }),
            "costs.json: entries[0].stable: expected false: unstable_because says why, found true");
}

TEST(CostTable, CarriesThePeakMemoryOfEveryPath) {
  CostTable table = small_table();
  EXPECT_FALSE(to_json(table).contains("memory"));
  table.memory.push_back({"little", 12.5, 3, 9000, 400, 420});
  const CostTable read = cost_table_from_json(to_json(table), "costs.json");
  ASSERT_EQ(read.memory.size(), 1u);
  EXPECT_EQ(read.memory[0].stage, "little");
  EXPECT_EQ(read.memory[0].weights_kb, 12.5);
  EXPECT_EQ(read.memory[0].peak_kb, 420);
  Json json = to_json(table);
  json["memory"][0]["peak_kb"] = -1;
  EXPECT_THAT(error_of([&] { cost_table_from_json(json, "costs.json"); }), HasSubstr("costs.json: memory[0].peak_kb"));
}

TEST(CostTable, CsvCarriesTheMachine) {
  EXPECT_EQ(to_csv(small_table()),
            "device,stage,engine,engine_version,provider,precision,threads,batch,count,min_us,mean_us,median_us,p90_us,"
            "p95_us,"
            "p99_us,max_us,stddev_us,first_inference_us,load_ms,stable,cpu,cores,flags,"
            "energy_gross_uj,energy_net_uj,energy_idle_watts,energy_window_seconds,energy_runs,energy_source,"
            "energy_stable\n"
            "this machine,little,onnxruntime,1.21,cpu,fp32,1,1,3,50,60,60,68,69,69.8,70,10,0,2.5,true,\"Model "
            "\"\"X\"\", rev 2\",2,"
            "avx2 fma,,,,,,,\n"
            "this machine,little,onnxruntime,1.21,cpu,fp32,1,16,2,800,800,800,800,800,800,800,0,0,0,false,"
            "\"Model \"\"X\"\", rev 2\",2,avx2 fma,900.5,700.25,4.5,6,7500,rapl,true\n");
}

}  // namespace
}  // namespace triage::cost
