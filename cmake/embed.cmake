# cmake -DINPUT=FILE -DOUTPUT=FILE.cc -DFUNCTION=name -DHEADER=header.h -P embed.cmake: a text file as a function that returns it.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include \"${HEADER}\"\n\nnamespace triage::serving {\n\nstd::string_view ${FUNCTION}() {\n  return R\"embedded(${text})embedded\";\n}\n\n}  // namespace triage::serving\n")
