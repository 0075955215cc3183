#include "search/evolve/front.h"

#include <gtest/gtest.h>

#include "core/schema_test.h"

namespace triage::search {
namespace {

TEST(Front, TheSchemaAgrees) {
  const FrontPoint pair{.genome = Genome::parse("margin: 4-8-8-16 > 8-16-32,32-64,64"),
                        .accuracy = 0.9,
                        .cost = {.mean_latency_us = 100,
                                 .p90_latency_us = 300,
                                 .worst_latency_us = 400,
                                 .mean_macs = 1e7,
                                 .mean_energy_uj = 50,
                                 .memory_kb = 900,
                                 .model_kb = 120},
                        .thresholds = {0.25},
                        .reach = {1, 0.5},
                        .violation = 0.5};
  Front front{.identity = {{"seed", 1}},
              .budgets = {.mean_latency_us = 1,
                          .p90_latency_us = 2,
                          .worst_latency_us = 3,
                          .mean_energy_uj = 4,
                          .mean_macs = 5,
                          .memory_kb = 6,
                          .model_kb = 7},
              .points = {pair},
              .infeasible = {pair},
              .singles = {pair}};
  front.points[0].cost.mean_energy_uj.reset();
  expect_schema_agrees(TRIAGE_SCHEMAS "/front.schema.json", to_json(front),
                       [](const Json& json) { front_from_json(json, "front.json"); }, {"identity"});
}

}  // namespace
}  // namespace triage::search
