# foxtrot_own_target(<target>): warnings as errors and the sanitizers, for foxtrot's own programs and never for a user's.
function(foxtrot_own_target target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 inlines Asio's operator new for coroutine frames here and its operator delete there, and misses a pair.
    target_compile_options(${target} PRIVATE -Wno-mismatched-new-delete)
  endif()
  if(FOXTROT_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${FOXTROT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${FOXTROT_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # g++ 12 takes the sanitizers' own code for uses of uninitialised members (std::function, std::optional).
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    endif()
    if(FOXTROT_SANITIZE MATCHES "address")
      # Asio reuses the memory of coroutine frames, which would hide their use after their end.
      target_compile_definitions(${target} PRIVATE ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
    endif()
    if(FOXTROT_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # g++ warns that TSan does not model fences; the code that has them says why it does not need TSan to.
      target_compile_options(${target} PRIVATE -Wno-tsan)
    endif()
  endif()
endfunction()
