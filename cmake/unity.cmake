# Many sources compiled as one: headers are parsed and Eigen's templates instantiated once for a group instead of
# once for a file, which was most of a build (docs/performance.md). CMAKE_UNITY_BUILD=OFF compiles each file by itself,
# which is quicker after a change of one file.

# lodestone_unity(TARGET GROUP SOURCES...): these sources of a target of this folder are compiled as one.
function(lodestone_unity target group)
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
endfunction()
