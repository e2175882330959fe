# The targets that compile what the headers define, once, with the flags of the project that links them; built only if
# something does. Included by foxtrot's own tree and by its installed package.
function(foxtrot_add_compiled name text)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/foxtrot/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "${text}" @ONLY)
  add_library(foxtrot_${name} STATIC EXCLUDE_FROM_ALL "${source}")
  add_library(foxtrot::${name} ALIAS foxtrot_${name})
  target_link_libraries(foxtrot_${name} PUBLIC foxtrot::foxtrot)
  set_target_properties(foxtrot_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)  # a strategy may be a shared object
endfunction()

foxtrot_add_compiled(compiled "#include <foxtrot/src.hpp>\n")
target_compile_definitions(foxtrot_compiled PUBLIC FOXTROT_SEPARATE_COMPILATION)
foxtrot_add_compiled(asio "#include <asio/impl/src.hpp>\n")
target_compile_definitions(foxtrot_asio PUBLIC ASIO_SEPARATE_COMPILATION)
