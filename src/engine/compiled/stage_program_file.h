// What the writer and the reader of a program's file share.
#pragma once

#include <string_view>
#include <utility>

#include "engine/compiled/stage_program.h"

namespace triage::engine {

inline constexpr std::string_view kProgramMagic = "triage stage program\n";
inline constexpr std::size_t kProgramLengthBytes = 8, kProgramHashBytes = 64;

inline constexpr std::pair<ElementType, const char*> kElementTypes[] = {{ElementType::u8, "u8"},
                                                                        {ElementType::i8, "i8"},
                                                                        {ElementType::i16, "i16"},
                                                                        {ElementType::i32, "i32"},
                                                                        {ElementType::f32, "f32"}};
inline constexpr std::pair<View::Memory, const char*> kMemories[] = {
    {View::Memory::map, "map"},       {View::Memory::constants, "constants"}, {View::Memory::input, "input"},
    {View::Memory::logits, "logits"}, {View::Memory::features, "features"},   {View::Memory::carry, "carry"}};

}  // namespace triage::engine
