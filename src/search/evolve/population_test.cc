#include "search/evolve/population.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace triage::search {
namespace {

Individual individual(double cost, double accuracy, double violation = 0) {
  return {std::to_string(cost), cost, accuracy, violation};
}

std::vector<double> costs(const Population& population) {
  std::vector<double> out;
  for (const Individual& member : population.members()) out.push_back(member.cost);
  std::ranges::sort(out);
  return out;
}

TEST(Population, KeepsTheBetterFrontsFirst) {
  Population population(3);
  for (const auto& [cost, accuracy] : {std::pair{1.0, 0.5}, {2.0, 0.7}, {4.0, 0.9}, {3.0, 0.6}, {5.0, 0.8}}) {
    population.add(individual(cost, accuracy));
  }
  population.select();
  EXPECT_EQ(costs(population), (std::vector{1.0, 2.0, 4.0}));
  population.add(individual(1.5, 0.95));  // beats the two behind it
  population.select();
  EXPECT_EQ(costs(population).front(), 1.0);
  EXPECT_EQ(population.members().front().rank, 0);
}

TEST(Population, DropsTheMostCrowdedOfAFront) {
  Population population(4);
  for (const double cost : {1.0, 2.0, 2.1, 4.0, 8.0}) population.add(individual(cost, std::log(cost) / 3 + 0.1));
  population.select();
  EXPECT_EQ(costs(population), (std::vector{1.0, 2.0, 4.0, 8.0}));  // 2.1 lies closest between its neighbours
}

TEST(Population, BrokenBudgetsComeLast) {
  Population population(2);
  population.add(individual(1, 0.99, 0.1));
  population.add(individual(9, 0.1));
  population.add(individual(1, 0.99, 0.05));
  population.select();
  EXPECT_EQ(population.members()[0].accuracy, 0.1);
  EXPECT_EQ(population.members()[1].violation, 0.05);
}

TEST(Hypervolume, IsTheAreaOverTheLogarithmOfCost) {
  EXPECT_DOUBLE_EQ(hypervolume({{1, 1}}, 1, 100, 0.5), 1);
  EXPECT_DOUBLE_EQ(hypervolume({{10, 1}}, 1, 100, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(hypervolume({{1, 0.75}, {10, 1}, {20, 0.9}}, 1, 100, 0.5), 0.75);
  EXPECT_DOUBLE_EQ(hypervolume({{1, 0.4}}, 1, 100, 0.5), 0);  // below the reference
  EXPECT_DOUBLE_EQ(hypervolume({}, 1, 100, 0.5), 0);
}

}  // namespace
}  // namespace triage::search
