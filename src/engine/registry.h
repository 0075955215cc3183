// The engines that there are.
#pragma once

#include <span>

#include "engine/engine.h"

namespace triage::engine {

// In order of preference: what `auto` tries first stands first. The checking engine is found by name alone.
std::span<const Engine* const> engines();

// Throws Failure (bad_input) naming those there are.
const Engine& find_engine(std::string_view name);

// ClassifierOptions::engine, other than "auto": an engine's name, or the text of a spec. Throws Failure (bad_input).
EngineSpec parse_engine(std::string_view text);

// As find_engine, and the engine can run such a spec here; else throws Failure (unsupported) with its reason.
const Engine& engine_for(const EngineSpec& spec);

std::vector<std::string> stage_providers();      // of kStageProviders, those that can run here
std::string version_of(const EngineSpec& spec);  // of its engine, as cost tables keep it
std::string name_and_version(const EngineSpec& spec);

}  // namespace triage::engine
