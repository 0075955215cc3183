# The program of the preset cuda: the commands that need no package beside LibTorch, in one library.
add_library(triage_training MODULE arch.cc data.cc data_import.cc dry_run.cc train.cc options/image_options.cc options/outputs.cc
  options/run_options.cc options/target_options.cc program/command.cc program/commands.cc program/terminal.cc subnets/subnet_choice.cc
  subnets/subnets.cc subnets/subnets_alone.cc subnets/subnets_eval.cc subnets/subnets_pack.cc without_onnx.cc)
target_include_directories(triage_training PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_definitions(triage_training PRIVATE TRIAGE_TRAINING TRIAGE_WITHOUT_PACKAGES TRIAGE_VERSION="${PROJECT_VERSION}")
target_link_libraries(triage_training PRIVATE triage_glue_options triage_workflow_training CLI11::CLI11)

add_executable(triage program/main.cc)
target_include_directories(triage PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(triage PRIVATE triage_glue_options triage_core ${CMAKE_DL_LIBS})
set(library "$<TARGET_FILE_NAME:triage_training>")
target_compile_definitions(triage PRIVATE TRIAGE_VERSION="${PROJECT_VERSION}" TRIAGE_INSTALLED_LIBRARIES="."
  TRIAGE_COMMANDS_LIBRARY="${library}" TRIAGE_TRAINING_LIBRARY="${library}")
add_dependencies(triage triage_training)
target_link_options(triage_training PRIVATE -Wl,-Bsymbolic -Wl,--as-needed -Wl,-z,defs)
set_target_properties(triage PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
set_target_properties(triage_training PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
